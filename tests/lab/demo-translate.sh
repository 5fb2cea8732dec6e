#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# scripts/demo as it goes on a machine without hardware virtualization: a stock Debian by the engine
# translate, on this machine. No lab takes part but for what it boots.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${VMMS_BUILD:?names the build tree}"
# shellcheck source=tests/lab/demo-tree.sh
. "$here/demo-tree.sh"

fail() {
	printf 'FAIL: %s\n' "$*" >&2
	exit 1
}

has() {
	grep -q -- "$1" <<<"$shown" || fail "the demonstration does not show '$1': $shown"
}

worker=vmworker/translate/vmworker-translate
if [[ $("$VMMS_BUILD/$worker" --probe) != *'"usable":true'* ]]; then
	echo "QEMU or libvirt's driver for it is not installed"
	exit 77
fi
demo_tree "$("$here/../../scripts/lab" kernels)" "$("$here/../../scripts/lab" guest)" "$worker" \
	vmworker/vmworker
shown=$("$tree/scripts/demo" --engine translate 2>&1) ||
	fail "the demonstration ended with $?; its end: $(tail -n 15 <<<"$shown")"
has 'translate  yes  QEMU'
has 'Minsn/s: kernel mode'
has 'vmms-guest: userspace reached 1 cpus'
has 'sda .* 1G QEMU'
has '^running'
has 'Engine reason: *asked for by the definition; QEMU translates'
has '"state": "off", "reason": "the guest powered off'
! pgrep -f "^$tree/build" || fail "the demonstration left processes behind"
! "$tree/scripts/demo" --engine wrong >/dev/null 2>&1 || fail "an engine that is none was taken"
