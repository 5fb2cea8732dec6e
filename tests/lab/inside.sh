# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# The little language of the lab tests: runs in the lab, before each script.
set -euo pipefail
kernel=/srv/kernels/vmlinuz-cloud-amd64
initrd=/srv/kernels/initrd.img
# An exit takes 30 us and more in emulation: too long for a kernel that measures its TSC, or that
# watches it against ticks. Both are told to it here; real hardware does not need that.
tsc_khz=$(dmesg | sed -nE 's/.*tsc: (Detected|Refined TSC.*:) ([0-9]*)\.([0-9]*) MHz.*/\2\3/p' | tail -n 1)
cmdline="console=ttyS0 panic=-1 tsc_early_khz=$tsc_khz tsc=reliable"
# A guest boots in about 6 s on a quiet machine.
patience=${VMMS_LAB_PATIENCE:-300}

fail() {
	local name
	printf 'FAIL: %s\n' "$*" >&2
	for name in $(hvctl list -o name 2>/dev/null); do
		printf 'VM %s is %s; last:\n%s\n' "$name" "$(vm_get "$name" state)" \
			"$(vm_log "$name" | tail -n 5)" >&2
	done
	exit 1
}

# same WHAT GOT WANTED
same() {
	[ "$2" = "$3" ] || fail "$1 is '$2', not '$3'"
}

# has WHAT TEXT PATTERN: PATTERN is an extended regular expression.
has() {
	grep -qE -- "$3" <<<"$2" || fail "$1 has no '$3': $2"
}

# vm_used NAME: what its guest has used of the interface: "hypercalls":true,"vpRuntime":false,...
vm_used() {
	hvctl show "$1" -o json | tr -d ' \n' | sed 's/.*"usedEnlightenments":{\([^}]*\)}.*/\1/'
}

# within SECONDS WHAT CMD...: until CMD succeeds.
within() {
	local deadline=$((SECONDS + $1)) what=$2
	shift 2
	until "$@"; do
		[ $SECONDS -lt "$deadline" ] || fail "waited in vain until $what"
		sleep 0.5
	done
}

# refused CODE PATTERN CMD...: CMD ends with this exit code and one sentence that has PATTERN.
refused() {
	local code=$1 pattern=$2 said got=0
	shift 2
	said=$("$@" 2>&1 >/dev/null) || got=$?
	same "the exit code of '$*' ($said)" "$got" "$code"
	has "what '$*' says" "$said" "$pattern"
	same "the number of lines that '$*' says ($said)" "$(wc -l <<<"$said")" 1
}

# vm_new NAME [OPTIONS OF hvctl create]: a small VM with the cloud kernel and the test guest. $words
# are put behind its kernel command line. A kernel that prints all that it does takes several times
# as long, so that only the tests that read it ask for it (verbose=1).
vm_new() {
	local name=$1
	shift
	hvctl create "$name" --memory 256M --kernel "$kernel" --initrd "$initrd" \
		--cmdline "$cmdline$([ -n "${verbose:-}" ] || echo " quiet")${words:+ $words}" "$@"
}

# vm_get NAME MEMBER: of `hvctl list -o json`, which has one VM a line.
vm_get() {
	hvctl list "$1" -o json | grep -F "\"name\": \"$1\"" |
		sed -E "s/.*\"$2\": (\"([^\"]*)\"|([^,}]*)).*/\2\3/"
}

# vm_has NAME MEMBER VALUE
vm_has() {
	[ "$(vm_get "$1" "$2")" = "$3" ]
}

vm_is() {
	vm_has "$1" state "$2"
}

# vm_becomes NAME STATE
vm_becomes() {
	within "$patience" "VM $1 is $2" vm_is "$1" "$2"
}

vm_log() {
	hvctl console --log "$1" 2>/dev/null | tr -d '\r' || true
}

# vm_says NAME PATTERN [LINES]: until that many lines (1) of the guest's console have it. Reads the
# console as it comes: asking again and again would take the processor from the guest.
vm_says() {
	local line console viewer left=${3:-1}
	exec {console}< <(exec timeout "$patience" hvctl console --read-only "$1" </dev/null 2>&1)
	viewer=$!
	while [ "$left" -gt 0 ] && IFS= read -r -u "$console" line; do
		[[ ! $line =~ $2 ]] || left=$((left - 1))
	done
	kill "$viewer" 2>/dev/null || true
	exec {console}<&-
	# It may have ended before we looked.
	[ "$left" -eq 0 ] || [ "$(grep -cE -- "$2" <<<"$(vm_log "$1")")" -ge "${3:-1}" ] ||
		fail "VM $1 did not say '$2' ${3:-1} times"
}

# vm_does NAME COMMAND: types it into the shell on its console.
vm_does() {
	{
		sleep 2
		printf '%s\r' "$2"
		sleep 2
		printf '\035'
	} | timeout "$patience" script -qec "hvctl console --no-replay $1" /dev/null >/dev/null ||
		fail "the viewer that types into $1 ended with $?"
}

vm_up() {
	vm_says "$1" "vmms-guest: userspace reached"
}

# What a kernel says of a machine that is not as it should be.
vm_log_is_clean() {
	local bad
	# That the processor has a flaw is the processor's matter; the emulated EPYC has this one.
	bad=$(vm_log "$1" | grep -vF 'Speculative Return Stack Overflow' | grep -E 'WARNING|Fatal|FW bug|[Ff]irmware [Bb]ug|unstable|XSAVE consistency|BUG:|mismatch|Call Trace' || true)
	[ -z "$bad" ] || fail "the kernel of VM $1 complains: $bad"
}

# Whatever an earlier test left.
vms_clear() {
	local names name
	names=$(hvctl list -o name)
	# shellcheck disable=SC2086 # one word a name
	[ -z "$names" ] || {
		hvctl autostart $names off >/dev/null
		hvctl stop $names 2>/dev/null || true # those that are off already refuse
		hvctl delete $names >/dev/null
	} || fail "VMs of an earlier test cannot be deleted: $(hvctl list)"
	# One that others are in is deleted after them.
	for _ in 1 2 3 4; do
		names=$(hvctl group list -o name)
		[ -n "$names" ] || break
		for name in $names; do hvctl group delete "$name" 2>/dev/null || true; done
	done
	[ -z "$names" ] || fail "CPU groups of an earlier test cannot be deleted: $(hvctl group list)"
}
