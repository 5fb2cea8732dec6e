#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A stock guest uses its adapters by its own driver for Hyper-V's: on a bridge, as a user without
# privileges, and with another machine of this host.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

inside <<'EOF'
work=$(mktemp -d)
cd "$work"
dd if=/dev/urandom of=given bs=64k count=32 2>/dev/null
given=$(md5sum <given | cut -d' ' -f1)

# serve [PREFIX...]: takes one file on port 9000 and gives one on port 9001.
serve() {
	rm -f taken
	timeout "$patience" "$@" socat -u TCP-LISTEN:9000,reuseaddr OPEN:taken,creat &
	timeout "$patience" "$@" socat -u OPEN:given TCP-LISTEN:9001,reuseaddr &
}

# exchanged NAME: both ways, whole.
exchanged() {
	local log
	log=$(vm_log "$1")
	has "what $1 says" "$log" "vmms-net: got $given\$"
	has "what $1 says" "$log" "vmms-net: sent $(md5sum <taken | cut -d' ' -f1)\$"
	vm_log_is_clean "$1"
}

# mean NAME WORDS: the mean size of the frames that it got last, as it says with these words.
mean() { vm_log "$1" | sed -nE "s/.*vmms-net: $2 ([0-9]+) bytes.*/\1/p" | tail -n 1; }

# The bridge of a host.
vm_new none --nic type=bridge,bridge=br9
refused 1 'adapter 0: .*br9' hvctl start none
ip link add br9 type bridge
ip addr add 10.9.0.1/24 dev br9
ip link set br9 up
serve
timeout "$patience" socat -u OPEN:given TCP-LISTEN:9002,reuseaddr &
words="vmms.net=10.9.0.2/24,10.9.0.1 vmms.forward" vm_new bridged --cpus 2 \
	--nic type=bridge,bridge=br9,mac=56:4d:53:00:00:07
hvctl start bridged
vm_says bridged 'vmms-net: over'
has "what bridged says" "$(vm_log bridged)" 'eth0 56:4d:53:00:00:07 mtu 1500 link 1'
exchanged bridged
has "what bridged says" "$(vm_log bridged)" 'vmms-net: ping 3'
# Its driver takes large frames, and switches them off when it forwards.
[ "$(mean bridged 'in frames of')" -gt 3000 ] || fail "large frames come cut"
[ "$(mean bridged 'forwarding, in frames of')" -le 1514 ] || fail "a router gets large frames"
# The adapter is there again after a reset, and its TAP goes with the machine.
serve
hvctl reset bridged
within "$patience" "the guest is through again" \
	eval '[ "$(vm_log bridged | grep -c "vmms-net: over")" -ge 2 ]'
exchanged bridged
has "the ports of br9" "$(ip -o link show master br9)" .
hvctl shutdown bridged --timeout "$patience"
within 10 "the TAP is gone" eval '[ -z "$(ip -o link show master br9)" ]'
ip link del br9

# Without privileges: passt answers DHCP and leads to other hosts, of which this is one.
ip netns add far
ip link add to-far type veth peer name to-near netns far
ip addr add 10.7.0.1/24 dev to-far
ip link set to-far up
ip -n far addr add 10.7.0.2/24 dev to-near
ip -n far link set to-near up
ip route replace default via 10.7.0.2 # passt takes the guest's addresses from the host's way out
serve ip netns exec far
words="vmms.net=dhcp,10.7.0.2" vm_new user --nic type=user
hvctl start user
vm_says user 'vmms-net: over'
has "what user says" "$(vm_log user)" 'vmms-net: leased 10\.7\.0\.1/24'
exchanged user
hvctl stop user
within 10 "passt has ended with the machine" eval '! pgrep -x passt'
ip netns del far

# Two machines among themselves.
words="vmms.net=10.8.0.1/24,10.8.0.2" vm_new left --nic type=private,network=cellar
words="vmms.net=10.8.0.2/24,10.8.0.1" vm_new right --nic type=private,network=cellar
hvctl start left
vm_says left 'vmms-net: eth0' # a ping does not wait for a machine that boots
hvctl start right
vm_says right 'vmms-net: over'
has "what right says" "$(vm_log right)" 'vmms-net: ping'
hvctl stop left right
cd /
rm -rf "$work"
EOF
