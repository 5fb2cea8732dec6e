#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# However a guest ends, its VM is in the right state and says why.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

inside <<'EOF'
words=vmms.poweroff vm_new poweroff
words=vmms.panic vm_new panic
words=vmms.reboot vm_new reboot
words="vmms.reboot reboot=t" vm_new triple

hvctl start poweroff
vm_becomes poweroff off
has "the reason of poweroff" "$(vm_get poweroff reason)" 'powered off'
has "its console, when it is off" "$(vm_log poweroff)" 'userspace reached'

hvctl start panic
vm_becomes panic crashed
has "the reason of panic" "$(vm_get panic reason)" 'panicked: .*sysrq triggered crash'

# reboot=t: three faults in a row, which a processor answers with a reset.
hvctl start triple
vm_becomes triple crashed
has "the reason of triple" "$(vm_get triple reason)" 'triple-fault'

# A reboot begins again in the same VM, with the same worker.
hvctl start reboot
pid=$(vm_get reboot workerPid)
booted_twice() { [ "$(vm_log reboot | grep -c 'userspace reached')" -ge 2 ]; }
within "$patience" "VM reboot has booted twice" booted_twice
same "the worker of reboot" "$(vm_get reboot workerPid)" "$pid"
has "the events of reboot" "$(hvctl events --last 1000 --no-follow reboot)" 'guest-reset'
hvctl stop reboot
same "the state of reboot" "$(vm_get reboot state)" off
EOF
