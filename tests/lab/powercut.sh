#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The power goes in the middle of 200 defines: what was acknowledged is there, and the store opens.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

acks=$(mktemp)
trap 'rm -f "$acks"' EXIT

inside <<'EOF'
vm_new runner
hvctl start runner
vm_up runner
sync
EOF

inside >"$acks" 2>/dev/null <<'EOF' &
for i in $(seq 200); do
	hvctl create "cut$i" --kernel "$kernel" --initrd "$initrd" && echo "cut$i"
done
EOF
definer=$!
deadline=$((SECONDS + 240))
until [ "$(wc -l <"$acks")" -ge 60 ]; do
	[ $SECONDS -lt $deadline ] || fail "only $(wc -l <"$acks") defines in 240 s"
	sleep 0.05
done
lab cut
wait "$definer" 2>/dev/null || true
printf '%d defines were acknowledged before the cut\n' "$(wc -l <"$acks")"
[ "$(wc -l <"$acks")" -lt 200 ] || fail "all defines ended before the cut"

lab up --memory 7168 ${VMMS_BUILD:+--from "$VMMS_BUILD"}
lab exec -- sh -c 'cat >/run/acks' <"$acks"
inside <<'EOF'
systemctl is-active -q vmmsd.service || fail "vmmsd does not run after the power cut"
lost=$(hvctl list 'cut*' -o name | sort | comm -13 - <(sort /run/acks))
[ -z "$lost" ] || fail "acknowledged and lost:" $lost
store=$(find /var/lib/vmms -name '*.db' -o -name '*.sqlite')
same "the integrity of the store $store" "$(sqlite3 -readonly "$store" 'PRAGMA integrity_check')" ok
# Its worker went with the power.
vm_is runner off || vm_is runner crashed || fail "runner is $(vm_get runner state)"
has "its reason" "$(vm_get runner reason)" '[a-z]'
hvctl start runner
vm_up runner
hvctl stop runner
# All but the survivors of this test may go at once.
hvctl delete $(hvctl list 'cut*' -o name)
EOF
