# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# What the scripts have in common. To be sourced by bash under `set -euo pipefail`.

# The top of the source tree.
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# note TEXT...: one line of progress, on standard error.
note() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# die TEXT...: one sentence that names the object, the fault and the remedy; ends the script.
die() {
	note "$*"
	exit 1
}

# as_root CMD...: runs CMD as root, by sudo where we are somebody else.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo -- "$@"
	else
		die "'$1' needs root, and sudo is not installed: run this script as root once"
	fi
}

# packages_of PURPOSE...: the Debian packages that scripts/packages lists for these purposes.
packages_of() {
	local purpose
	for purpose; do
		sed -n "s/^$purpose://p" "$ROOT/scripts/packages"
	done | tr -s '[:blank:]' '\n' | sed '/^$/d' | sort -u
}

# need PURPOSE...: installs what is missing of the packages for these purposes. Costs one
# dpkg-query when nothing is, and touches the network only then.
need() {
	local wanted missing
	command -v dpkg-query >/dev/null ||
		die "this is not a Debian system: install by hand what scripts/packages lists for $*"
	wanted=$(packages_of "$@")
	# shellcheck disable=SC2086 # one word a package
	missing=$(comm -23 <(printf '%s\n' $wanted) \
		<(dpkg-query -W -f='${db:Status-Status} ${Package}\n' $wanted 2>/dev/null |
			sed -n 's/^installed //p' | sort -u))
	[ -n "$missing" ] || return 0
	# shellcheck disable=SC2086
	note "installing" $missing
	local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300)
	# Lists that are absent or stale make the first try fail; fresh ones are worth a second.
	# shellcheck disable=SC2086
	as_root "${apt[@]}" install --no-install-recommends $missing >/dev/null 2>&1 ||
		{ as_root "${apt[@]}" update &&
			as_root "${apt[@]}" install --no-install-recommends $missing >/dev/null; } ||
		die "apt-get could not install" $missing "(its message is above); install them by hand"
}

# build_release: configures and builds build/release.
build_release() {
	need build
	[ -f "$ROOT/build/release/build.ninja" ] ||
		(cd "$ROOT" && cmake --preset release >/dev/null) ||
		die "cmake could not configure build/release: its message is above"
	cmake --build "$ROOT/build/release" >&2
}
