# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
# For the tests of scripts/demo: a tree with the script and the programs that it runs, which installs and
# builds nothing. Sourced where $here is this directory.

# demo_tree KERNELS GUEST WORKER...: makes $tree, where kernels and the guest's disk are in these directories.
demo_tree() {
	local program kernels=$1 guest=$2
	shift 2
	tree=$(mktemp -d)
	trap 'rm -rf "$tree"' EXIT
	mkdir -p "$tree/scripts"
	cp "$here/../../scripts/demo" "$here/../../scripts/lib.sh" "$tree/scripts/"
	printf '%s\n' 'need() { :; }' 'build_release() { :; }' >>"$tree/scripts/lib.sh"
	# shellcheck disable=SC2016 # it is the script that expands it
	printf '#!/bin/sh\n[ "$1" = guest ] && echo %q || echo %q\n' "$guest" "$kernels" >"$tree/scripts/lab"
	chmod +x "$tree/scripts/lab"
	for program in vmmsd/vmmsd cli/hvctl vmworker/boot/vmms-unpack "$@"; do
		mkdir -p "$tree/build/release/$(dirname "$program")"
		cp "$VMMS_BUILD/$program" "$tree/build/release/$program"
	done
}
