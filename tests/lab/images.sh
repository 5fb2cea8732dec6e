#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Images that are not raw: a stock guest finds in them what the host has put there, and what it
# writes is in them afterwards; a VM whose server is killed, and one whose image changes its size.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

inside <<'EOF'
mkdir -p /srv/disks
cd /srv/disks
rm -f ./*
sum() { dd if="$1" bs=64k count="$2" skip="$3" 2>/dev/null | md5sum | cut -d' ' -f1; }
for image in data.img sealed.img disc.iso; do
	dd if=/dev/urandom of=$image bs=64k count=16 2>/dev/null
done
truncate -s 64M data.img
truncate -s 8M sealed.img
qemu-img convert -f raw -O qcow2 data.img data.qcow2
qemu-img convert -f raw -O vpc -o force_size=on data.img data.vhd
qemu-img convert -f raw -O vhdx data.img data.vhdx
# One that is based on another in its directory.
qemu-img convert -f raw -O qcow2 sealed.img base.qcow2
qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 sealed.qcow2
# Nobody but root may open them by name.
chmod 600 ./*

driver_of() { if [ "$1" = vhd ]; then echo vpc; else echo "$1"; fi; }

for format in qcow2 vhd vhdx; do
	words="vmms.disks" vm_new "$format" --disk path=/srv/disks/data.$format,format=$format \
		--disk path=/srv/disks/sealed.qcow2,format=qcow2,read-only=yes \
		--disk path=/srv/disks/disc.iso,type=dvd
	hvctl start "$format"
	same "who serves images" "$(ps -o user:32= -C qemu-nbd | sort -u | tr -d ' ')" vmms-disk
	vm_says "$format" 'vmms-disk: over'
	log=$(vm_log "$format")
	has "what the guest says" "$log" 'vmms-disk: lun 0 size 67108864 ro 0 '
	has "what the guest says" "$log" 'vmms-disk: lun 1 size 8388608 ro 1 '
	has "what the guest says" "$log" "vmms-disk: host's data $(sum data.img 16 0)\$"
	has "what the guest says" "$log" "vmms-disk: host's data on the sealed disk $(sum sealed.img 16 0)\$"
	has "what the guest says" "$log" 'vmms-disk: odd data'
	! grep -q 'sealed disk written' <<<"$log" || fail "a read-only disk was written to"
	vm_log_is_clean "$format"
	wrote=$(sed -n "s/.*guest's data //p" <<<"$log" | tail -n 1)
	hvctl shutdown "$format" --timeout "$patience"
	# The server writes back what it holds, and lets go of the image.
	within 60 "the image of $format can be read" \
		qemu-img convert -f "$(driver_of "$format")" -O raw "data.$format" back.img
	same "what the guest wrote, in the image of $format" "$(sum back.img 32 16)" "$wrote"
	qemu-img check -q -f "$(driver_of "$format")" "data.$format" 2>/dev/null ||
		[ "$format" = vhd ] || fail "the image of $format is damaged"
	hvctl delete "$format"
done
within 60 "no server is left" eval '! pgrep -x qemu-nbd && ! pgrep -x vmms-nbd'

# The server does not mind the service's end, and the VM does not mind the server's.
words="vmms.reads" vm_new waits --disk path=/srv/disks/data.qcow2,format=qcow2,on-error=pause
hvctl start waits
vm_says waits 'vmms-disk: read 2'
vm_new other --disk path=/srv/disks/data.qcow2,format=qcow2
refused 1 'disk /srv/disks/data.qcow2: it is in use by VM waits' hvctl start other
systemctl kill -s KILL vmmsd
within "$patience" "vmmsd is back" hvctl list
reads_on() {
	local seen
	seen=$(vm_log waits | grep -c 'vmms-disk: read')
	within "$patience" "the guest reads on" \
		eval '[ "$(vm_log waits | grep -c "vmms-disk: read")" -gt '"$((seen + 1))"' ]'
}
reads_on
pkill -KILL -x qemu-nbd
within "$patience" "another server has come" eval \
	'journalctl -u vmmsd -o cat --since -5min | grep -q "served-again: disk /srv/disks/data.qcow2"'
reads_on
# It gets another size, and one comes and goes, while it reads.
# A worker may have asked twice, in which case the second server is on its way.
within 60 "waits has a larger disk" hvctl resize waits --disk /srv/disks/data.qcow2 80M
reads_on
hvctl attach waits --disk path=/srv/disks/data.vhd,format=vhd,lun=9
hvctl detach waits --disk 0:9
# One that cannot be served any more: its policy, and a resume that finds it again.
mv data.qcow2 away.qcow2
pkill -KILL -x qemu-nbd
vm_becomes waits paused
has "the events" "$(journalctl -u vmmsd -o cat --since -5min)" \
	'io-error: disk /srv/disks/data.qcow2: .* its server has ended and none came in its place'
mv away.qcow2 data.qcow2
hvctl resume waits
reads_on
hvctl stop waits

# Bad images.
truncate -s 1M data.vhdx
qemu-img create -q -u -f qcow2 -b /etc/passwd -F raw outside.qcow2 1M
vm_new cut --disk path=/srv/disks/data.vhdx,format=vhdx
refused 1 'disk /srv/disks/data.vhdx: it cannot be served as vhdx' hvctl start cut
vm_new outside --disk path=/srv/disks/outside.qcow2,format=qcow2
refused 1 'it is based on /etc/passwd, which is not in its own directory' hvctl start outside
vm_new unnamed --disk path=/srv/disks/data.qcow2
refused 1 'is a qcow2 image and not a raw one; name its format, with format=qcow2' \
	hvctl start unnamed
EOF
