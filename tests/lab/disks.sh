#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A stock guest finds its disks by its own driver for Hyper-V's, and what it writes is on the host.
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

words="vmms.disks" vm_new disky --cpus 2 --disk path=/srv/disks/data.img,serial=ABC-1 \
	--disk path=/srv/disks/sealed.img,read-only=yes,cache=none \
	--disk path=/srv/disks/disc.iso,type=dvd
hvctl start disky
vm_says disky 'vmms-disk: over'
log=$(vm_log disky)
has "what the guest says" "$log" 'vmms-disk: lun 0 size 67108864 ro 0 .* serial ABC-1$'
has "what the guest says" "$log" 'vmms-disk: lun 1 size 8388608 ro 1 '
has "what the guest says" "$log" 'vmms-disk: lun 2 size 1048576 '
has "what the guest says" "$log" "vmms-disk: host's data $(sum data.img 16 0)\$"
has "what the guest says" "$log" "vmms-disk: host's data on the sealed disk $(sum sealed.img 16 0)\$"
has "what the guest says" "$log" "vmms-disk: disc's data $(sum disc.iso 16 0)\$"
has "what the guest says" "$log" 'vmms-disk: odd data'
! grep -q 'sealed disk written' <<<"$log" || fail "a read-only disk was written to"
vm_log_is_clean disky

# The image is the VM's alone as long as it runs.
vm_new other --disk path=/srv/disks/data.img
refused 1 'disk /srv/disks/data.img: it is in use by VM disky' hvctl start other

# A reset finds the disks again, and what was written.
hvctl reset disky
within "$patience" "the guest is through again" \
	eval '[ "$(vm_log disky | grep -c "vmms-disk: over")" -ge 2 ]'
hvctl shutdown disky --timeout "$patience"
wrote=$(vm_log disky | sed -n "s/.*guest's data //p" | tail -n 1)
same "what the guest wrote last, on the host" "$(sum data.img 32 16)" "$wrote"
hvctl delete disky other

# The image shrinks under the guest: the VM waits, and goes on when that is mended.
dd if=/dev/urandom of=data.img bs=64k count=16 2>/dev/null
truncate -s 64M data.img
words="vmms.reads" vm_new waits --disk path=/srv/disks/data.img,on-error=pause
hvctl start waits
vm_says waits 'vmms-disk: read 2'
truncate -s 32K data.img
vm_becomes waits paused
has "the events" "$(journalctl -u vmmsd -o cat --since -2min)" \
	'io-error: disk /srv/disks/data.img: reading at byte 33554432 failed'
truncate -s 64M data.img
seen=$(vm_log waits | grep -c 'vmms-disk: read')
hvctl resume waits
within "$patience" "the guest reads on" \
	eval '[ "$(vm_log waits | grep -c "vmms-disk: read")" -gt "$seen" ]'
! grep -q 'read failed' <<<"$(vm_log waits)" || fail "the guest was told of the error"
hvctl stop waits
EOF
