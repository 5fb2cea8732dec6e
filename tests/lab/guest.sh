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
hvctl shutdown debian --timeout "$patience"
same "the state of debian" "$(vm_get debian state)" off
same "the file in the guest" "$(debugfs -R 'cat /root/note' "$work/debian.img" 2>/dev/null)" 'from the host'
rm -rf "$work"
EOF
