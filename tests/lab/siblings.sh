#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Cores with two threads each: who is placed beside whom, and who runs there at the same time. Guests
# are the tiny one, which only computes, by the engine translate: the emulator has no processor with
# both two threads a core and hardware virtualization.
lab_options='--smt --cpus 4 --flavour bench'
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

lab put "${VMMS_BUILD:-$here/../../build/release}/tests/guest/tiny.elf" /srv/spinner.elf

inside <<'EOF2'
span=${VMMS_LAB_SPAN:-10}
siblings() { cat "/sys/devices/system/cpu/cpu$1/topology/core_cpus_list"; }
cpus_of() { hvctl show "$1" -o json | tr -d ' \n' | sed -nE 's/.*"cpus":"([0-9,-]+)".*/\1/p'; }

spinner() {
	local name=$1
	shift
	hvctl create "$name" --memory 32M --kernel /srv/spinner.elf --cmdline spin "$@"
	hvctl start "$name"
	vm_says "$name" 'tiny guest up'
}

# used NAME...: percent of one CPU that their units took together.
used() {
	local before began
	total() {
		local name
		for name in "$@"; do
			cat "/sys/fs/cgroup$(systemctl show -P ControlGroup \
				"vmworker-translate@$(vm_get "$name" uuid).service")/cpu.stat"
		done | awk '$1 == "usage_usec" {n += $2} END {printf "%.0f", n}'
	}
	before=$(total "$@") began=${EPOCHREALTIME/./}
	sleep "$span"
	awk -v n=$(($(total "$@") - before)) -v t=$((${EPOCHREALTIME/./} - began)) \
		'BEGIN {printf "%.0f", 100 * n / t}'
}

[ "$(siblings 0)" != 0 ] || fail "CPU 0 has no sibling"
has "what host says" "$(hvctl host)" '^Topology: +1 socket, 2 cores, 4 threads'
# Two with a processor each never share a core; one more finds only siblings.
spinner s1 --placement spread
spinner s2 --placement spread
for turn in 1 2 3; do
	one=$(cpus_of s1) other=$(cpus_of s2)
	has "where s1 may run" "$one" '^[0-3]$'
	has "where s2 may run" "$other" '^[0-3]$'
	[ "$(siblings "$one")" != "$(siblings "$other")" ] || fail "s1 and s2 share the core $(siblings "$one")"
	hvctl stop "s$((turn % 2 + 1))"
	hvctl start "s$((turn % 2 + 1))"
done
has "the map" "$(hvctl show --placement)" 's1'
hvctl stop s1 s2
spinner p1 --placement pack
spinner p2 --placement pack
same "the core of p2" "$(siblings "$(cpus_of p2)")" "$(siblings "$(cpus_of p1)")"
hvctl stop p1 p2

# Two on one core: each has a thread of it, or, where they are not to meet, one waits for the other.
pair=$(siblings 2)
spinner free1 --affinity "${pair%%[-,]*}"
spinner free2 --affinity "${pair##*[-,]}"
both=$(used free1 free2)
hvctl stop free1 free2
[ "$both" -ge 170 ] || fail "without core scheduling they get $both % of a CPU"
spinner kept1 --affinity "${pair%%[-,]*}" --core-scheduling vm
spinner kept2 --affinity "${pair##*[-,]}" --core-scheduling vm
if grep -q '"coreScheduling": *true' <<<"$(hvctl host -o json)"; then
	apart=$(used kept1 kept2)
	printf 'two VMs on the threads of one core: %d %% of a CPU, with core scheduling %d %%\n' "$both" "$apart"
	[ "$apart" -le 110 ] || fail "with core scheduling they run beside each other: $apart % of a CPU"
else
	has "what show says" "$(hvctl show kept1)" 'coreScheduling: unavailable on this kernel'
fi
hvctl stop kept1 kept2
EOF2
