#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# CPU groups as slices of systemd: a cap for two guests that spin, edits and moves while they run. The
# metrics' socket, and the power policy as far as the lab's processor has one.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

inside <<'EOF2'
span=${VMMS_LAB_SPAN:-20} # seconds of each measurement
slices=/sys/fs/cgroup/vmms.slice/vmms-all.slice/vmms-all-web.slice

spinner() {
	words=vmms.spin vm_new "$@"
}

# Where the worker is, by the kernel.
where() {
	sed 's/^0:://' "/proc/$(vm_get "$1" workerPid)/cgroup"
}

is_within() { [[ $(where "$1") == "$2"* ]]; }

cpu_stat() { # CGROUP FIELD
	awk -v field="$2" '$1 == field {print $2}' "$1/cpu.stat"
}

# What the whole slice used in a span, in percent of a CPU. The kernel's own count of the cap's periods
# (100 ms each) is the clock: one that the emulator loses to its neighbours is in neither.
percent_of() {
	local used periods
	used=$(cpu_stat "$1" usage_usec)
	periods=$(cpu_stat "$1" nr_periods)
	sleep "$span"
	periods=$(($(cpu_stat "$1" nr_periods) - periods))
	[ "$periods" -ge 50 ] || fail "only $periods periods of the cap in $span s"
	echo $((($(cpu_stat "$1" usage_usec) - used) / (periods * 1000)))
}

hvctl group create all --weight 300
hvctl group create web --parent all --cap 50
spinner a --group web
spinner b
hvctl start a b
vm_up a
vm_up b
pid=$(vm_get b workerPid)
within 5 "a is in its group" is_within a /vmms.slice/vmms-all.slice/vmms-all-web.slice/
same "the cap of the group" "$(cat "$slices/cpu.max")" "50000 100000"
same "the weight of the group around it" "$(cat "${slices%/*}/cpu.weight")" 300

# Moved while it runs, with the same worker and its service still there.
hvctl edit b --group web
within 5 "b is in its group" is_within b /vmms.slice/vmms-all.slice/vmms-all-web.slice/
same "the worker of b" "$(vm_get b workerPid)" "$pid"
same "the service of b" "$(systemctl is-active "vmworker@$(vm_get b uuid).service")" active
got=$(percent_of "$slices")
{ [ "$got" -ge 48 ] && [ "$got" -le 52 ]; } || fail "the group used $got %, not 50 %"
hvctl group edit web --cap 0
same "the cap of the group" "$(cat "$slices/cpu.max")" "max 100000"

# A limit inside a group holds for the processors alone, as outside.
hvctl edit a --limit 20
same "the limit of a's processors" "$(cat "/sys/fs/cgroup$(where a)/vcpu/cpu.max")" "20000 100000"
# What serves its devices has a weight against that of a processor, and threads of its own group.
part() { cat "/sys/fs/cgroup$(where a)/$1"; }
same "the weight of a's processors" "$(part vcpu/cpu.weight)" 100
same "that of its devices" "$(part devices/cpu.weight)" 100
hvctl edit a --device-weight 50
same "the weight of its devices" "$(part devices/cpu.weight)" 50
same "the limit of a's processors" "$(part vcpu/cpu.max)" "20000 100000"
hvctl edit a --limit 0
same "the limit of a's processors" "$(part vcpu/cpu.max)" "max 100000"
pid=$(vm_get a workerPid)
# The process's first thread is in neither, as KVM's thread in the kernel, which comes along at times.
same "who is in neither" "$(for tid in $(part cgroup.threads); do (cd "/proc/$pid/task/$tid" 2>/dev/null && echo "$tid"); done)" "$pid"
names() { for tid in $(part "$1/cgroup.threads"); do cat "/proc/$pid/task/$tid/comm"; done; }
has "who serves devices" "$(names devices)" '^vmbus'
! grep -q '^vp[0-9]' <<<"$(names devices)" || fail "a processor is with the devices"
hvctl attach a --nic type=none
has "who serves devices" "$(names devices)" '^net'
has "who computes" "$(names vcpu)" '^vp[0-9]'

# A group that moves takes its members along, and leaves no slice behind; nor does one that is deleted.
left() { systemctl list-units --all --no-legend --plain 'vmms-*.slice' | cut -d' ' -f1 | xargs; }
hvctl group create other
hvctl group edit web --parent other
within 5 "a is where its group is" is_within a /vmms.slice/vmms-other.slice/vmms-other-web.slice/
within 5 "b is where its group is" is_within b /vmms.slice/vmms-other.slice/vmms-other-web.slice/
same_slices() { [ "$(left)" = "$1" ]; }
within 5 "the slice within the former parent is gone" \
	same_slices "vmms-all.slice vmms-other-web.slice vmms-other.slice"
hvctl group edit web --parent all
within 5 "a is back" is_within a /vmms.slice/vmms-all.slice/vmms-all-web.slice/
within 5 "b is back" is_within b /vmms.slice/vmms-all.slice/vmms-all-web.slice/
hvctl group delete other
within 5 "the slices of the other group are gone" same_slices "vmms-all-web.slice vmms-all.slice"

# A later vmmsd finds them there, and moves them on.
systemctl restart vmmsd
hvctl edit a b --group none
out() { [[ $(where a) != *vmms-all* && $(where b) != *vmms-all* ]]; }
within 5 "a and b have left the group" out
# Bound to a CPU and to none again: systemd itself knows no way back, so that each is named.
hvctl edit a --affinity 0
hvctl edit a --affinity all
named() { [ "$(systemctl show -P AllowedCPUs "$(basename "$(where a)")")" = "$(cat /sys/devices/system/cpu/possible)" ]; }
within 5 "a may run everywhere" named
hvctl group delete web
hvctl group delete all
within 5 "the slices of all groups are gone" same_slices ""
hvctl stop a b
ended() { [ "$(systemctl list-units --all --no-legend 'vmms-vm-*.scope' | wc -l)" = 0 ]; }
within 10 "the scopes have ended with their workers" ended

# Metrics over HTTP, as a user who may read counters and nothing else.
systemctl start vmms-metrics.socket
scrape() {
	exec 3<> /dev/tcp/127.0.0.1/9177
	printf 'GET %s HTTP/1.0\r\n\r\n' "$1" >&3
	cat <&3
	exec 3>&-
}
has "the metrics" "$(scrape /metrics)" '^vmms_vm_running.vm="a",uuid="[^"]*". 0$'
has "another page" "$(scrape /)" '^HTTP/1.0 404 '
refused 5 'refuses this user' runuser -u vmms-metrics -- hvctl start a
systemctl stop vmms-metrics.socket

# What this processor has not is said, and nothing fails.
hvctl power performance
has "the power policy" "$(hvctl host)" '^Power policy: +performance'
has "the latency" "$(hvctl power -o json)" '"latency": *20'
hvctl power host
EOF2
