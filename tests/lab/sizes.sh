#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Guests with several processors, and with memory on both sides of the PCI hole.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

inside <<'EOF'
verbose=1 vm_new smp4 --cpus 4
hvctl start smp4
vm_up smp4
has "smp4's console" "$(vm_log smp4)" 'userspace reached 4 cpus'
vm_log_is_clean smp4
hvctl stop smp4

vm_new big --memory 5G
hvctl start big
vm_up big
# 5 GiB are 5242880 kB, of which the kernel keeps less than 7 %.
kb=$(vm_log big | sed -n 's/.*userspace reached 1 cpus \([0-9]*\) kB.*/\1/p')
[ "$kb" -gt 4875000 ] && [ "$kb" -le 5242880 ] || fail "a guest of 5 GiB sees $kb kB"
hvctl stop big

# A VM may be defined for a larger host than this one; it does not start here, and stays as it was.
hvctl create huge --memory 4T --kernel "$kernel" --initrd "$initrd"
refused 1 'huge.*(memory|GiB|T)' hvctl start huge
same "the state of huge" "$(vm_get huge state)" off
EOF
