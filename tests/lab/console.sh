#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The console: scroll-back, several viewers, typing, and the log of a VM that is off.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

inside <<'EOF'
verbose=1 vm_new talker
hvctl start talker
vm_up talker

# Two viewers who came late see what was before them, and what comes.
hvctl console --read-only talker </dev/null >/tmp/viewer1 2>/dev/null &
hvctl console --read-only talker </dev/null >/tmp/viewer2 2>/dev/null &
# A third one types, on a terminal, and leaves by the key that detaches.
{
	sleep 3
	printf 'echo answer $((6 * 7))\r'
	sleep 3
	printf '\035'
} | timeout "$patience" script -qec "hvctl console --no-replay talker" /tmp/typed >/dev/null ||
	fail "the viewer that types ended with $?: $(cat /tmp/typed)"
vm_says talker 'answer 42'
hvctl shutdown --timeout "$patience" talker
wait
for viewer in /tmp/viewer1 /tmp/viewer2; do
	has "the copy in $viewer" "$(cat $viewer)" 'Linux version'
	has "the copy in $viewer" "$(cat $viewer)" 'answer 42'
	has "the copy in $viewer" "$(cat $viewer)" 'vmms-guest: power button'
done
has "the log of a VM that is off" "$(vm_log talker)" 'answer 42'
EOF
