#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Workers under systemd, and a service that dies above them.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

inside <<'EOF'
names=$(seq -f 'vm%g' 5)
patience=$((patience * 2)) # they boot all at once, on one processor
for name in $names; do
	vm_new "$name"
done
hvctl start $names
for name in $names; do
	vm_up "$name"
done
pids=$(for name in $names; do vm_get "$name" workerPid; done)

# Each worker is a process of user vmms-worker in a unit of its own.
for name in $names; do
	pid=$(vm_get "$name" workerPid)
	uuid=$(vm_get "$name" uuid)
	same "the user of $name's worker" "$(ps -o user:20= -p "$pid" | tr -d ' ')" vmms-worker
	has "its cgroup" "$(cat "/proc/$pid/cgroup")" "/vmms.slice/vmworker@$uuid.service$"
	same "its capabilities" "$(sed -n 's/^CapEff:\t//p' "/proc/$pid/status")" 0000000000000000
	has "its seccomp filter" "$(cat "/proc/$pid/status")" '^Seccomp:.*2$'
done

# kill -9 of the service loses none, and its successor knows all.
alive() { systemctl is-active -q vmmsd.service && hvctl list >/dev/null 2>&1; }
for _ in 1 2 3; do
	main=$(systemctl show -P MainPID vmmsd.service)
	kill -KILL "$main"
	# A VM that ends while nobody is there to see it is known to have ended, and why.
	within 60 "vmmsd is back" alive
	[ "$(systemctl show -P MainPID vmmsd.service)" != "$main" ] || fail "vmmsd was not killed"
	for name in $names; do
		same "the state of $name" "$(vm_get "$name" state)" running
	done
	same "the workers" "$(for name in $names; do vm_get "$name" workerPid; done)" "$pids"
done
systemctl restart vmmsd.service
for name in $names; do
	same "the state of $name after a restart" "$(vm_get "$name" state)" running
done
same "the workers" "$(for name in $names; do vm_get "$name" workerPid; done)" "$pids"

# A service that hangs is replaced by its watchdog, and nobody below it notices.
mkdir -p /run/systemd/system/vmmsd.service.d
printf '[Service]\nWatchdogSec=3\n' >/run/systemd/system/vmmsd.service.d/watchdog.conf
systemctl daemon-reload
systemctl restart vmmsd.service
main=$(systemctl show -P MainPID vmmsd.service)
kill -STOP "$main"
replaced() { [ "$(systemctl show -P MainPID vmmsd.service)" != "$main" ] && alive; }
within 60 "the watchdog has replaced vmmsd" replaced
rm -r /run/systemd/system/vmmsd.service.d
systemctl daemon-reload
systemctl restart vmmsd.service
same "the workers" "$(for name in $names; do vm_get "$name" workerPid; done)" "$pids"

# Messages about a VM can be found by it.
has "the journal of vm1" "$(journalctl VM_NAME=vm1 --no-pager)" 'started'
has "the journal of vm1 by uuid" "$(journalctl VM_UUID="$(vm_get vm1 uuid)" --no-pager)" 'started'

# They still do what the new service says.
hvctl pause vm1
same "the state of vm1" "$(vm_get vm1 state)" paused
hvctl resume vm1
hvctl shutdown --timeout "$patience" vm1
same "the state of vm1" "$(vm_get vm1 state)" off

# A worker that is killed is seen, and takes nothing else with it.
kill -KILL "$(vm_get vm2 workerPid)"
vm_becomes vm2 crashed
has "the reason of vm2" "$(vm_get vm2 reason)" 'the worker ended without a word; see journalctl -u vmworker@'
same "the state of vm3" "$(vm_get vm3 state)" running
# One that ends while there is no service.
systemctl stop vmmsd.service
kill -KILL "$(awk 'NR == 3' <<<"$pids")"
systemctl start vmmsd.service
vm_becomes vm3 crashed
same "the state of vm4" "$(vm_get vm4 state)" running
refused 4 vm4 hvctl start vm4
refused 4 vm4 hvctl delete vm4
hvctl stop vm4 vm5
EOF
