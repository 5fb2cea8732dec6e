#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A stock guest finds disks and adapters that come while it runs, misses those that go, and sees a
# disk grow; a reset and a new vmmsd find what there is.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

inside <<'EOF'
mkdir -p /srv/plug
cd /srv/plug
rm -f ./*
truncate -s 64M first.img second.img third.img
sum() { dd if="$1" bs=64k count=16 2>/dev/null | md5sum | cut -d' ' -f1; }

# finds WHAT: until the last that the guest said of its devices is that.
has_now() {
	[ "$(vm_log plugged | grep 'vmms-plug: disks' | tail -n 1)" = "vmms-plug: $1 ." ]
}
finds() {
	within "$patience" "the guest has $1" has_now "$1"
}
# wrote LUN IMAGE: until it has written there what the host finds.
has_written() {
	vm_log plugged | grep -q "vmms-plug: wrote $1 $(sum "$2")"
}
wrote() {
	within "$patience" "the guest's data are in $2" has_written "$1" "$2"
}

refused 3 'no-such' hvctl attach no-such --disk path=/srv/plug/first.img
words="vmms.plug" vm_new plugged --cpus 2
refused 4 'VM plugged is off' hvctl attach plugged --disk path=/srv/plug/first.img
hvctl start plugged
finds 'disks adapters'

# Disks: the first brings a controller, the second comes to one that is there.
hvctl attach plugged --disk path=/srv/plug/first.img,lun=2
finds 'disks lun2=67108864 adapters'
wrote lun2 first.img
hvctl attach plugged --disk path=/srv/plug/second.img,lun=5
finds 'disks lun2=67108864 lun5=67108864 adapters'
wrote lun5 second.img
refused 2 'is the address of' hvctl attach plugged --disk path=/srv/plug/third.img,lun=5
refused 2 'would be lost' hvctl resize plugged --disk 0:5 32M
hvctl resize plugged --disk 0:5 128M
finds 'disks lun2=67108864 lun5=134217728 adapters'
same "the size of the image" "$(stat -c %s second.img)" 134217728
hvctl detach plugged --disk /srv/plug/first.img
finds 'disks lun5=134217728 adapters'
refused 2 'is the image of none of its disks' hvctl detach plugged --disk /srv/plug/first.img
# The image is anybody's again.
vm_new taker --disk path=/srv/plug/first.img
hvctl start taker
hvctl stop taker
hvctl delete taker

# Adapters: of a switch, and of a bridge, whose TAP goes with it.
hvctl attach plugged --nic type=private,network=cellar,mac=56:4d:53:00:00:11
finds 'disks lun5=134217728 adapters 56:4d:53:00:00:11'
ip link add br8 type bridge
ip link set br8 up
hvctl attach plugged --nic type=bridge,bridge=br8,mac=56:4d:53:00:00:12
finds 'disks lun5=134217728 adapters 56:4d:53:00:00:11 56:4d:53:00:00:12'
has "the ports of br8" "$(ip -o link show master br8)" .
refused 2 'already' hvctl attach plugged --nic type=none,mac=56:4d:53:00:00:12
refused 2 'multicast' hvctl attach plugged --nic type=none,mac=01:00:5e:00:00:01

# A reset: what was attached is there, what was detached is not.
boots=$(vm_log plugged | grep -c 'userspace reached')
hvctl reset plugged
within "$patience" "the guest has begun anew" \
	eval '[ "$(vm_log plugged | grep -c "userspace reached")" -gt "$boots" ]'
finds 'disks lun5=134217728 adapters 56:4d:53:00:00:11 56:4d:53:00:00:12'
wrote lun5 second.img

# And a new vmmsd, which has not attached any of them.
systemctl restart vmmsd
vm_is plugged running || fail "plugged is not found again: $(hvctl list)"
hvctl detach plugged --nic 56:4d:53:00:00:12
finds 'disks lun5=134217728 adapters 56:4d:53:00:00:11'
within 10 "the TAP is gone" eval '[ -z "$(ip -o link show master br8)" ]'
ip link del br8
hvctl detach plugged --nic 0
finds 'disks lun5=134217728 adapters'
hvctl attach plugged --disk path=/srv/plug/third.img,controller=1
finds 'disks lun0=67108864 lun5=134217728 adapters'
wrote lun0 third.img

# One that is paused hears of it when it goes on.
hvctl pause plugged
hvctl detach plugged --disk 0:5
hvctl resume plugged
finds 'disks lun0=67108864 adapters'
vm_log_is_clean plugged
! grep -q 'write to .* failed' <<<"$(vm_log plugged)" || fail "a write failed: $(vm_log plugged)"
hvctl stop plugged
same "its disks" "$(hvctl show plugged -o json | grep -o '/srv/plug/[a-z.]*' | sort -u)" \
	/srv/plug/third.img
cd /
rm -rf /srv/plug
EOF
