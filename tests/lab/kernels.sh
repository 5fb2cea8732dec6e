#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Debian's two stock kernels reach user space, and find nothing to complain about.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

inside <<'EOF'
for flavour in cloud-amd64 amd64; do
	kernel=/srv/kernels/vmlinuz-$flavour
	verbose=1 vm_new "$flavour"
	hvctl start "$flavour"
	same "the state of $flavour" "$(vm_get "$flavour" state)" running
	same "its engine" "$(vm_get "$flavour" engine)" direct
	vm_up "$flavour"
	has "its console" "$(vm_log "$flavour")" 'userspace reached 1 cpus 2[0-9]{5} kB'
	vm_log_is_clean "$flavour"
	hvctl stop "$flavour"
done
EOF
