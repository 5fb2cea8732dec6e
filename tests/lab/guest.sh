#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A whole Debian on a disk of ours: what its daemons say, files into it, keys, and an orderly end.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

inside <<'EOF'
work=$(mktemp -d)
cp --sparse=always /srv/guest.img "$work/debian.img"
printf 'from the host\n' >"$work/note"
refused 3 'no-such' hvctl cp "$work/note" no-such:/root/note
words="vmms.root=sda" vm_new debian --memory 512M --disk path="$work/debian.img" \
	--nic type=private,network=cellar,mac=56:4d:53:00:00:09
refused 4 'VM debian is off' hvctl type debian x
hvctl start debian
vm_says debian 'guest login: root'
knows() { hvctl show debian -o json | grep -qE -- "$1"; }
within "$patience" "its key-value daemon has told of it" knows '"OSName": *"Debian GNU/Linux"'
knows '"state": *"responding"' || fail "its heartbeat is not seen: $(hvctl show debian)"
knows '"os": *"Linux 6\.' || fail "its system is not known: $(hvctl show debian)"
knows '"vmbus": *"5\.3"' || fail "its VMBus is not known: $(hvctl show debian)"
for used in hypercalls referenceTsc frequencies synic; do
	has "what it has used" "$(vm_used debian)" "\"$used\":true"
done
within 30 "its addresses are known" knows 'fe80::544d:53ff:fe00:9'

# Its daemon may start after the others; until then the guest refuses.
within 60 "it takes a file" hvctl cp "$work/note" debian:/root/note
refused 1 'VM debian' hvctl cp "$work/note" debian:/root/note
hvctl set-pair debian colour blue
hvctl type debian --key ctrl-alt-del # systemd restarts the machine
vm_says debian 'guest login: root' 2

# Its driver is asked to restart, and to hibernate.
boot_id() {
	vm_does debian "echo boot-\$(cat /proc/sys/kernel/random/boot_id)-$1"
	vm_says debian "boot-[0-9a-f-]{36}-$1"
	vm_log debian | sed -nE "s/.*boot-([0-9a-f-]{36})-$1.*/\1/p" | tail -n 1
}
before=$(boot_id before)
hvctl reboot debian --timeout "$patience"
same "the state of debian" "$(vm_get debian state)" running
vm_says debian 'guest login: root' 3
after=$(boot_id after)
[ "$before" != "$after" ] || fail "it is the same boot, $before, after the reboot"
refused 6 'did not hibernate within 5 s: it may lack' hvctl hibernate debian --timeout 5
same "the state of debian" "$(vm_get debian state)" running
# systemctl hibernate would ask for a way back, too, which the test's initrd has not.
cat >"$work/prepare" <<'GUEST'
set -e
fallocate -l 300M /swap
chmod 600 /swap
mkswap -q /swap
swapon /swap
filefrag -v /swap | awk '$1 == "0:" { print $4 + 0 }' >/sys/power/resume_offset
echo 8:0 >/sys/power/resume
echo 'SUBSYSTEM=="vmbus", ACTION=="change", DRIVER=="hv_utils", ENV{EVENT}=="hibernate", RUN+="/bin/sh -c '"'echo disk >/sys/power/state'"'"' \
	>/etc/udev/rules.d/99-hibernate.rules
udevadm control --reload
GUEST
within 60 "it takes a file" hvctl cp "$work/prepare" debian:/root/prepare
vm_does debian 'sh /root/prepare && echo is-"prepared"'
vm_says debian 'is-prepared'
hvctl hibernate debian --timeout "$patience"
same "the state of debian" "$(vm_get debian state)" off
has "its reason" "$(vm_get debian reason)" 'powered off \(ACPI S4\)'
refused 4 'VM debian is off' hvctl reboot debian

hvctl start debian
within "$patience" "it is up again" knows '"OSName": *"Debian GNU/Linux"'
hvctl shutdown debian --timeout "$patience"
same "the state of debian" "$(vm_get debian state)" off
same "the file in the guest" "$(debugfs -R 'cat /root/note' "$work/debian.img" 2>/dev/null)" 'from the host'
rm -rf "$work"
EOF
