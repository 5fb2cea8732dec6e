#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# units.sh verify|security SOURCE-UNITS BUILT-UNITS: what systemd itself says about the units, with
# the programs they name replaced by stubs.
set -euo pipefail
check=$1 source=$2 built=$3
command -v systemd-analyze >/dev/null || {
	echo "SKIP: systemd-analyze is not installed (package systemd)"
	exit 77
}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
units=$root/usr/lib/systemd/system
mkdir -p "$units" "$root/bin"
cp -r /usr/lib/systemd/system/. "$units/"
cp "$source"/*.slice "$source"/*.socket "$built"/*.service "$units/"
cp -L /bin/true "$root/bin/true"

stub_programs() {
	local program
	sed -n 's/^Exec[A-Za-z]*=-\{0,1\}\([^ ]*\).*/\1/p' "$built"/*.service | sort -u |
		while read -r program; do
			mkdir -p "$root$(dirname "$program")"
			cp -L /bin/true "$root$program"
		done
}

verify() {
	local unit output failed=0
	stub_programs
	for unit in vmmsd.service vmworker@123.service vmworker-translate@123.service \
		vmms-vm@web1.service vmms-guests.service vmms-passt.socket vmms-passt@0.service \
		vmms-nbd.socket vmms-nbd@0.service vmms-switch.socket vmms-switch.service \
		vmms-metrics.socket vmms-metrics@0.service vmms.slice; do
		# Only what it says about our files counts: the rest of the tree is the host's.
		output=$(systemd-analyze verify --root="$root" --man=no "$unit" 2>&1 |
			grep -E 'vmms|vmworker' || true)
		if [ -n "$output" ]; then
			printf '%s:\n%s\n' "$unit" "$output"
			failed=1
		fi
	done
	return $failed
}

# The limits are what the units reach today, rounded up: less protection fails the test.
security() {
	systemd-analyze security --offline=true --no-pager --threshold=8 "$units/vmworker@.service"
	systemd-analyze security --offline=true --no-pager --threshold=12 \
		"$units/vmworker-translate@.service"
	systemd-analyze security --offline=true --no-pager --threshold=26 "$units/vmmsd.service"
	systemd-analyze security --offline=true --no-pager --threshold=4 "$units/vmms-switch.service"
	systemd-analyze security --offline=true --no-pager --threshold=12 "$units/vmms-metrics@.service"
	systemd-analyze security --offline=true --no-pager --threshold=42 "$units/vmms-passt@.service"
	systemd-analyze security --offline=true --no-pager --threshold=19 "$units/vmms-nbd@.service"
}

"$check"
