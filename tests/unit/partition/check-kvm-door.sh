#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# vmworker/partition/kvm_*.c are the only files that talk to KVM: usage check-kvm-door.sh SOURCE-DIR
set -eu
cd "$1"
strangers=$(grep -rlE --include='*.c' --include='*.h' \
	'#[[:space:]]*include[[:space:]]*<linux/kvm(_para)?\.h>|open(at|64)?[[:space:]]*\([^)]*"/dev/kvm"' \
	cli libhvctl schemas tests vmmsd vmworker | grep -v '^vmworker/partition/kvm_' || true)
if [ -n "$strangers" ]; then
	echo "only vmworker/partition/kvm_* may use KVM, but these do too:" "$strangers"
	exit 1
fi
grep -q 'open("/dev/kvm"' vmworker/partition/kvm_probe.c || {
	echo "the pattern of this check no longer finds the door itself"
	exit 1
}
