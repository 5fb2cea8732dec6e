#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What cgroups make of weights, limits, reservations and CPUs of one's own. Guests that only spin (the
# tiny one: no kernel, so that a lab with several processors can be had for it by hand) show what they
# get of a CPU in the time that the kernel counts of their processors' threads.
#
# The rest of it: scripts/lab up --name many --cpus 4; VMMS_LAB_NAME=many tests/lab/scheduling.sh
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

lab put "${VMMS_BUILD:-$here/../../build/release}/tests/guest/tiny.elf" /srv/spinner.elf

# Seconds of each measurement, and percent of what is wanted; on a quiet machine, for longer, 3 do.
{
	printf 'span=%s percent=%s\n' "${VMMS_LAB_SPAN:-10}" "${VMMS_LAB_PERCENT:-12}"
	cat <<'EOF2'
cpus=$(nproc)
last=$((cpus - 1))
# spinner NAME [OPTIONS]: a VM whose processors compute all the time, once it is up.
spinner() {
	local name=$1
	shift
	hvctl create "$name" --memory 32M --kernel /srv/spinner.elf --cmdline spin "$@"
}

spins() {
	vm_says "$1" 'tiny guest up'
}

# timed CMD...: what it took.
timed() {
	local began=${EPOCHREALTIME/./}
	"$@" >/dev/null
	printf '%s: %d ms\n' "$*" $(((${EPOCHREALTIME/./} - began) / 1000))
}

# fair WHAT <USAGE: Jain's index of what each got.
fair() {
	awk -v what="$1" '{s += $2; q += $2 * $2} END {
		i = s * s / (NR * q); printf "Jain'"'"'s index of %s: %.4f\n", what, i; exit i < 0.99 }' ||
		fail "it is less than 0.99"
}

# cgroup NAME: of its unit.
cgroup() {
	printf '/sys/fs/cgroup%s\n' "$(systemctl show -P ControlGroup "vmworker@$(vm_get "$1" uuid).service")"
}

# vp_ns NAME: what its processors have used, in ns, by the kernel's count: to ask a worker takes
# processor time, too, which some have little of here.
vp_ns() {
	local stat=${group[$1]}/vcpu/cpu.stat
	# Processors have a group of their own under a limit; what else the worker does is next to nothing.
	[ -e "$stat" ] || stat=${group[$1]}/cpu.stat
	sed -n 's/^usage_usec //p' "$stat" | awk '{printf "%.0f\n", $1 * 1000}'
}

# usage NAME...: ns that each used in one span, from what it used in the time between two looks.
usage() {
	local name
	declare -A before began group
	for name in "$@"; do
		group[$name]=$(cgroup "$name")
	done
	for name in "$@"; do
		began[$name]=$(date +%s%N)
		before[$name]=$(vp_ns "$name")
	done
	sleep "$span"
	for name in "$@"; do
		local ended used
		ended=$(date +%s%N)
		used=$(($(vp_ns "$name") - before[$name]))
		printf '%s %s\n' "$name" $((used * span * 1000 / ((ended - began[$name]) / 1000000)))
	done
}

# near WHAT GOT WANTED PERCENT: GOT is within PERCENT of WANTED.
near() {
	awk -v got="$2" -v wanted="$3" -v percent="$4" 'BEGIN {
		d = got - wanted; if (d < 0) d = -d; exit !(d <= wanted * percent / 100) }' ||
		fail "$1 is $2, not $3 within $4 %"
	printf '%s: %s (wanted %s)\n' "$1" "$2" "$3"
}

# foreign CPU PID SECONDS: us in which tasks that are neither of that process nor the kernel's own ran
# on that CPU, as the scheduler switched to them.
foreign() {
	local trace=/sys/kernel/tracing pid us
	mountpoint -q $trace || mount -t tracefs none $trace
	printf '%x' $((1 << $1)) >$trace/tracing_cpumask
	: >$trace/trace
	echo 1 >$trace/events/sched/sched_switch/enable
	sleep "$3"
	echo 0 >$trace/events/sched/sched_switch/enable
	sed -nE 's/.* ([0-9]+\.[0-9]+): sched_switch:.* next_pid=([0-9]+) .*/\1 \2/p' $trace/trace |
		awk 'NR > 1 {us[pid] += ($1 - at) * 1000000} {at = $1; pid = $2}
			END {for (pid in us) printf "%d %.0f\n", pid, us[pid]}' |
		while read -r pid us; do
			# What ended meanwhile was none of the kernel's.
			[ "$pid" = 0 ] || [ -d "/proc/$2/task/$pid" ] ||
				[ "$(sed 's/.*) . //' "/proc/$pid/stat" 2>/dev/null | cut -d ' ' -f 1)" = 2 ] ||
				printf '%d\n' "$us"
		done | awk '{n += $1} END {printf "%d", n}'
}

ratio() {
	awk -v a="$1" -v b="$2" 'BEGIN {printf "%.3f\n", b ? a / b : 0}'
}

of() {
	awk -v name="$1" '$1 == name {print $2}' <<<"$2"
}

# With several processors the emulator may hang when the kernel patches its code, as KVM does it for the
# first machine and after the last (docs/known-issues.md): one that only halts is there all the time.
if [ "$cpus" -gt 1 ]; then
	hvctl create holder --memory 32M --kernel /srv/spinner.elf --cmdline halt --background
	hvctl start holder
fi

spinner a --affinity $last --weight 300
spinner b --affinity $last
hvctl start a b
spins a
spins b
same "the mechanism" "$(hvctl show a -o json | grep -oE '"mechanism": *"[a-z]*"' | sed 's/.*"\(.*\)"/\1/')" systemd
same "the weight of a's unit" "$(systemctl show -P CPUWeight "vmworker@$(vm_get a uuid).service")" 300
has "what host says" "$(hvctl host)" '^Scheduling by: +systemd$'
has "what top says" "$(hvctl top --once a)" '^a +running +1 +[0-9]+ +[0-9]+ '
if [ "$cpus" -gt 1 ]; then # to all that there are is to none
	has "the map" "$(hvctl show --placement)" " $last  [ab/0,]+ +a,b$"
fi
has "the metrics" "$(hvctl metrics a)" '^vmms_vcpu_ready_seconds_total.vm="a".* [0-9]+\.[0-9]{9}$'
got=$(usage a b)
near "the ratio of weights 300 and 100" "$(ratio "$(of a "$got")" "$(of b "$got")")" 3 "$percent"

# Edits take effect while they run, with the same workers.
pid=$(vm_get a workerPid)
timed hvctl list -o name # what an edit is to be compared with: it changes nothing
timed hvctl edit a --weight 100
same "the weight of a's unit" "$(systemctl show -P CPUWeight "vmworker@$(vm_get a uuid).service")" 100
got=$(usage a b)
near "the ratio of equal weights" "$(ratio "$(of a "$got")" "$(of b "$got")")" 1 "$percent"
hvctl edit a --weight 10000
got=$(usage a b)
near "the ratio of weights 10000 and 100" "$(ratio "$(of a "$got")" "$(of b "$got")")" 100 $((2 * percent))
hvctl edit a --weight 100

# A background VM gets what is left of the CPU, which is nothing.
hvctl edit b --background
got=$(usage a b)
[ "$(of b "$got")" -lt $((span * 10000000)) ] || fail "background b used $(of b "$got") ns of $span s"
hvctl edit b --no-background

# A limit of 25 % of one processor, the processors apart from the devices' threads.
hvctl stop b
timed hvctl edit a --limit 25
group=$(cgroup a)
same "the limit of a's processors" "$(cat "$group/vcpu/cpu.max")" "25000 100000"
same "the limit of all of a" "$(cat "$group/cpu.max")" "max 100000"
has "the threads of a's processors" "$(cat "/proc/$pid/task/$(head -n 1 "$group/vcpu/cgroup.threads")/comm")" '^vp[0-9]'
got=$(usage a)
near "25 % of $span s, in ns" "$(of a "$got")" $((span * 250000000)) "$percent"
has "what stats says of it" "$(hvctl stats a -o json)" '"throttledPeriods": *[1-9]'
# The processors of a reset VM are new threads: they are limited, too.
hvctl reset a
begun_twice() { [ "$(vm_log a | grep -c 'tiny guest up')" -ge 2 ]; }
within "$patience" "a has begun twice" begun_twice
got=$(usage a)
near "25 % of $span s after a reset, in ns" "$(of a "$got")" $((span * 250000000)) "$percent"
hvctl edit a --limit 0
same "the limit of a's processors" "$(cat "$group/vcpu/cpu.max")" "max 100000"
same "the worker of a" "$(vm_get a workerPid)" "$pid"

# Affinity moves it at once.
timed hvctl edit a --affinity 0
deadline=$((SECONDS + 2))
until [ "$(cat "$group/cpuset.cpus.effective")" = 0 ]; do
	[ $SECONDS -lt $deadline ] || fail "a may run on $(cat "$group/cpuset.cpus.effective")"
done
# What was set for its unit does not come back at the next start.
hvctl stop a
hvctl edit a --affinity all
hvctl start a
everywhere() { [ "$(cat "$group/cpuset.cpus.effective")" = "$([ "$last" = 0 ] && echo 0 || echo "0-$last")" ]; }
within 2 "a may run everywhere" everywhere # systemd answers when it has done it, a start does not wait for that
hvctl stop a

# 150 % of two processors.
if [ "$cpus" -ge 4 ]; then
	spinner two --cpus 2 --limit 150 --affinity 2-3
	hvctl start two
	spins two
	got=$(usage two)
	near "150 % of $span s, in ns" "$(of two "$got")" $((span * 1500000000)) "$percent"
	hvctl stop two
fi

# Reservations: admitted, kept, and not given twice.
hvctl edit a --affinity $last --reserve 60
hvctl edit b --affinity $last --reserve 30
spinner c --affinity $last --reserve 20
names=
for i in $(seq 8); do
	spinner "other$i" --affinity $last
	names="$names other$i"
done
# shellcheck disable=SC2086 # one word a name
hvctl start $names
for i in $(seq 8); do spins "other$i"; done
hvctl start a
hvctl start b
refused 1 "60 % \(a\) \+ 30 % \(b\) \+ 20 % \(c\) = 110 % of a CPU" hvctl start c
spins a
spins b
# shellcheck disable=SC2086
got=$(usage a b $names)
sum=$(awk '{s += $2} END {printf "%.0f\n", s}' <<<"$got")
printf 'reservations of 60 %% and 30 %% against 8 VMs: %s and %s\n' \
	"$(ratio "$(of a "$got")" "$sum")" "$(ratio "$(of b "$got")" "$sum")"
[ "$(of a "$got")" -ge $((sum * 595 / 1000)) ] || fail "a got $(of a "$got") of $sum ns"
[ "$(of b "$got")" -ge $((sum * 295 / 1000)) ] || fail "b got $(of b "$got") of $sum ns"
# shellcheck disable=SC2086
hvctl stop a b $names

# Equal ones get the same, however many there are.
names=
for i in $(seq 16); do
	spinner "equal$i" --affinity "0-$((last > 1 ? 1 : last))"
	names="$names equal$i"
	case $i in
	2 | 4 | 8 | 16)
		# shellcheck disable=SC2086
		hvctl start $names >/dev/null 2>&1 || true # those that run already refuse
		spins "equal$i"
		# shellcheck disable=SC2086
		got=$(usage $names)
		fair "$i equal VMs" <<<"$got"
		;;
	esac
done
# shellcheck disable=SC2086
hvctl stop $names

# A CPU for one VM alone: nothing of the host runs there while the rest is busy.
if [ "$cpus" -ge 2 ]; then
	hvctl edit a --reserve 0 --affinity $last --exclusive
	hvctl start a
	spins a
	same "what system.slice may use" "$(cat /sys/fs/cgroup/system.slice/cpuset.cpus.effective)" \
		"$([ "$last" = 1 ] && echo 0 || echo "0-$((last - 1))")"
	for i in $(seq $((2 * cpus))); do
		systemd-run -q --unit="load$i" --slice=system.slice sh -c 'while :; do :; done'
	done
	pid=$(vm_get a workerPid)
	others=$(foreign "$last" "$pid" $((span * 3)))
	printf 'others on the CPU of its own in %d s: %d us\n' $((span * 3)) "$others"
	[ "$others" -lt 1000 ] || fail "others ran there for $others us"
	for i in $(seq $((2 * cpus))); do systemctl stop "load$i.service"; done
	refused 1 'would leave the host no CPU|since VM a has' hvctl start \
		"$(spinner d --affinity "0-$last" --exclusive && echo d)"
	hvctl stop a
	given_back() { [ "$(cat /sys/fs/cgroup/system.slice/cpuset.cpus.effective)" = "0-$last" ]; }
	within 5 "system.slice has the CPU of a again" given_back
	# One that ends while vmmsd is down: the next vmmsd gives back what it had.
	hvctl start a
	spins a
	unit=vmworker@$(vm_get a uuid).service
	systemctl stop vmmsd
	systemctl kill -s KILL "$unit"
	systemctl start vmmsd
	within 5 "system.slice has the CPU of a again" given_back
	hvctl stop a || true # where it is restarted after a crash
fi

# What comes later at the top of systemd's tree is kept off as well, CPUs that come back are the
# host's again, and what an administrator allows a unit holds meanwhile and afterwards.
if [ "$cpus" -ge 4 ]; then
	may_use() { cat "/sys/fs/cgroup/$1/cpuset.cpus.effective" 2>/dev/null; }
	uses() { [ "$(may_use "$1")" = "$2" ]; }
	allowed() { systemctl show -p AllowedCPUs --value "$1"; }
	hvctl edit a --affinity 1 --exclusive
	systemctl set-property --runtime system.slice AllowedCPUs=0-2
	hvctl start a
	within 5 "system.slice has its own CPUs but that of a" uses system.slice 0,2
	systemd-run -q --unit=late --slice=late.slice sleep 300
	within 5 "a slice that came later is kept off" uses late.slice "0,2-$last"
	echo 0 >/sys/devices/system/cpu/cpu$last/online
	within 10 "the host has what is left" uses late.slice "0,2$([ "$last" = 3 ] || echo "-$((last - 1))")"
	systemctl restart vmmsd
	echo 1 >/sys/devices/system/cpu/cpu$last/online
	within 10 "the host has the CPU that came back" uses late.slice "0,2-$last"
	hvctl stop a
	within 5 "system.slice has its own CPUs again" uses system.slice 0-2
	within 5 "the later slice has all" uses late.slice "0-$last"
	same "what an administrator allows system.slice" "$(allowed system.slice)" 0-2
	same "what he allows late.slice" "$(allowed late.slice)" ''
	systemctl stop late.service
	systemctl set-property --runtime system.slice "AllowedCPUs=0-$last"
	systemctl set-property --runtime system.slice AllowedCPUs=
fi

# A CPU that goes offline under a VM that is bound to it, and comes back.
if [ "$cpus" -ge 2 ]; then
	hvctl edit b --reserve 0 --affinity $last
	hvctl start b
	spins b
	group_b=$(cgroup b)
	may_run() { [ "$(cat "$group_b/cpuset.cpus.effective")" = "$1" ]; }
	within 2 "b is bound to CPU $last" may_run $last
	echo 0 >/sys/devices/system/cpu/cpu$last/online
	within 60 "b runs on the others" may_run "$([ "$last" = 1 ] && echo 0 || echo "0-$((last - 1))")"
	got=$(usage b)
	[ "$(of b "$got")" -ge $((span * 500000000)) ] || fail "b, whose CPU is gone, used $(of b "$got") ns of $span s"
	echo 1 >/sys/devices/system/cpu/cpu$last/online
	within 60 "b is bound to CPU $last again" may_run $last
	has "the events" "$(hvctl events --last 1000 --no-follow b)" 'cpus-lost'
	has "the events" "$(hvctl events --last 1000 --no-follow b)" 'cpus-back'
	hvctl stop b
fi

refused 1 'CPU 4000 is not in this host' hvctl start "$(spinner far --affinity 4000 && echo far)"
refused 2 'weight: 0 is below the minimum 1; give 1 to 10000' hvctl edit a --weight 0
refused 2 'affinity: "" is not valid' hvctl edit a --affinity ''
refused 2 'make them equal' hvctl edit a --cpus 4 --topology cores=3
EOF2
} | inside
