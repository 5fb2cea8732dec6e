#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The power button, and a guest that does not listen to it.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

inside <<'EOF'
vm_new polite
words=vmms.deaf vm_new deaf
hvctl start polite deaf
vm_up polite
vm_up deaf

hvctl shutdown --timeout "$patience" polite
same "the state of polite" "$(vm_get polite state)" off
has "its reason" "$(vm_get polite reason)" 'powered off'
has "its console" "$(vm_log polite)" 'vmms-guest: power button'

refused 6 'deaf.*--force' hvctl shutdown --timeout 2 deaf
same "the state of deaf" "$(vm_get deaf state)" running
hvctl shutdown --timeout 2 --force deaf
same "the state of deaf" "$(vm_get deaf state)" off
refused 4 deaf hvctl shutdown deaf
EOF
