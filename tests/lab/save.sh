#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Stock guests are saved in the middle of their work, and go on as if nothing had been.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

inside <<'EOF'
work=$(mktemp -d)
cd "$work"
truncate -s 64M disk.raw
ip link del br8 2>/dev/null || true
ip link add br8 type bridge
ip addr add 10.8.0.1/24 dev br8
ip link set br8 up

# reads: what the guest has counted.
reads() { vm_log "$1" | sed -n 's/^vmms-disk: read \([0-9]*\)$/\1/p' | tail -n 1; }
inits() { vm_log "$1" | grep -c 'vmms-guest: init after'; }
# The host asks where the guest is, and is answered.
answers() {
	ip neigh flush dev br8
	echo >/dev/udp/10.8.0.2/9 2>/dev/null || true
	sleep 0.2
	ip neigh show 10.8.0.2 dev br8 | grep -q lladdr
}
responds() { hvctl show "$1" | grep -qE 'responding' && ! hvctl show "$1" | grep -q 'not responding'; }

words="vmms.net=10.8.0.2/24,10.8.0.1 vmms.reads" vm_new worker --cpus 2 \
	--disk "path=$work/disk.raw" --nic type=bridge,bridge=br8
hvctl start worker
vm_says worker 'vmms-disk: read 3'
for turn in 1 2 3; do
	pid=$(vm_get worker workerPid)
	hvctl save worker
	same "the state of worker" "$(vm_get worker state)" saved
	! kill -0 "$pid" 2>/dev/null || fail "the worker $pid is still there"
	before=$(reads worker)
	[ "$turn" != 2 ] || systemctl restart vmmsd.service
	began=${EPOCHREALTIME/./}
	hvctl start worker
	printf 'restored in %d ms\n' $(((${EPOCHREALTIME/./} - began) / 1000))
	same "the state of worker" "$(vm_get worker state)" running
	vm_says worker "vmms-disk: read $((before + 3))"
	within 60 "worker answers the host" answers
	within 120 "worker answers its heartbeat" responds worker
done
same "how often worker has booted" "$(inits worker)" 1
! grep -q 'read failed' <<<"$(vm_log worker)" || fail "a read failed"
vm_log_is_clean worker

# What does not go with a saved VM.
hvctl pause worker
hvctl save worker
refused 4 'saved' hvctl stop worker
refused 4 'saved' hvctl pause worker
refused 4 'saved' hvctl save worker
refused 4 'saved' hvctl edit worker --memory 512M
hvctl resume worker
vm_says worker "vmms-disk: read $(($(reads worker) + 2))"

# A reset boots it anew, and what is discarded is lost.
hvctl reset worker
booted_twice() { [ "$(inits worker)" = 2 ]; }
within "$patience" "worker has booted again" booted_twice
hvctl save worker
hvctl discard worker
same "the state of worker" "$(vm_get worker state)" off
refused 4 'worker' hvctl discard worker
hvctl start worker
vm_says worker 'vmms-disk: read 2'
hvctl shutdown --timeout "$patience" worker
same "the state of worker" "$(vm_get worker state)" off
ip link del br8
rm -r "$work"
EOF
