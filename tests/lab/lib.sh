# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# For the tests that drive a lab from outside. `inside` runs a script in the lab with the functions
# of inside.sh; tests that cut or reboot the lab have several such parts.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
lab_name=${VMMS_LAB_NAME:-test}
# A test sets lab_options first when its host is to be another one.

# lab VERB [ARGUMENTS]
lab() {
	local verb=$1
	shift
	"$here/../../scripts/lab" "$verb" --name "$lab_name" "$@"
}

# inside <SCRIPT: runs SCRIPT as root in the lab by bash, after inside.sh.
inside() {
	# A client that is killed does not end what it ran in the lab: that has its own limit.
	lab exec -- timeout "${VMMS_LAB_LIMIT:-880}" bash -c "$(cat "$here/inside.sh" -)" inside </dev/null
}

fail() {
	printf 'FAIL: %s\n' "$*" >&2
	exit 1
}

# The lab as every test finds it: up, vmmsd running, no VM. One that hangs is switched off first.
timeout 60 "$here/../../scripts/lab" exec --name "$lab_name" -- true </dev/null 2>/dev/null ||
	lab cut 2>/dev/null || true
# shellcheck disable=SC2086 # words
lab up --memory 7168 ${lab_options:-} ${VMMS_BUILD:+--from "$VMMS_BUILD"}
inside <<<'vms_clear'
