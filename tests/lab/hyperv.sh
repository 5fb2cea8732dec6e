#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A stock guest finds Microsoft's hypervisor interface, and takes it up with its own drivers.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

inside <<'EOF'
cmdline="console=ttyS0 panic=-1" words="vmms.hyperv" verbose=1 vm_new enlightened --cpus 2
hvctl start enlightened
vm_up enlightened
vm_says enlightened 'hv_utils: Shutdown IC version'
log=$(vm_log enlightened)
has "the kernel's log" "$log" 'Hypervisor detected: Microsoft Hyper-V'
has "the kernel's log" "$log" 'Booting paravirtualized kernel on Hyper-V'
# It believes its TSC, whose frequency it was told, since the interface vouches for it.
has "the kernel's log" "$log" 'clocksource: hyperv_clocksource_tsc_page: '
has "the kernel's log" "$log" 'Switched to clocksource tsc$'
has "the kernel's log" "$log" 'Vmbus version:5\.3'
has "the kernel's log" "$log" 'hv_utils: Heartbeat IC version'
has "the kernel's log" "$log" 'hv_utils: TimeSync IC version'
has "the kernel's log" "$log" 'userspace reached 2 cpus'
# What the host's kernel can do better than interrupts, it is told of; and the host has seen it.
has "the kernel's log" "$log" 'Hyper-V: Using hypercall for remote TLB flush'
has "the kernel's log" "$log" 'Hyper-V: Using IPI hypercalls'
has "the kernel's log" "$log" 'Hyper-V: Using enlightened APIC'
! grep -q 'Hyper-V: .*hypercall.*fail' <<<"$log" || fail "a hypercall failed"
has "what the host's kernel counts" "$(hvctl stats enlightened -o json)" '"hypercalls": *[1-9]'
has "what it is given" "$(hvctl show enlightened -o json | tr -d ' \n')" '"tlbFlush".*"ipi".*"apicAssist"'
for used in hypercalls referenceTsc frequencies synic apicAssist; do
	has "what it has used" "$(vm_used enlightened)" "\"$used\":true"
done
has "what it has used" "$(vm_used enlightened)" '"reset":false.*"tlbFlush":null,"ipi":null'
vm_log_is_clean enlightened

# It is asked by its integration service, not by a button.
hvctl shutdown enlightened --timeout 120
same "the state of enlightened" "$(vm_get enlightened state)" off
has "the reason" "$(vm_get enlightened reason)" 'powered off'
! grep -q 'vmms-guest: power button' <<<"$(vm_log enlightened)" || fail "its button was pressed"

# another NAME MEMBERS: one more like it, with these members in its definition.
another() {
	hvctl create --file - <<-JSON
		{"version": 1, "name": "$1", "cpus": {"count": 2}, "memory": {"size": "256M"},
		"boot": {"kernel": "$kernel", "initrd": "$initrd", "cmdline": "$cmdline vmms.clock${words:+ $words}"},
		$2}
	JSON
	hvctl start "$1"
	vm_says "$1" 'vmms-guest: ticks by'
	vm_log_is_clean "$1"
	used=$(vm_used "$1")
	hvctl stop "$1"
	log=$(vm_log "$1")
}

# Each can be left out; the guest interrupts its processors itself then. The interface's own timers
# come when they are asked for: here as interrupts.
another plain '"enlightenments": {"tlbFlush": false, "ipi": false, "apicAssist": false,
	"stimer": true, "stimerDirect": true}'
has "the kernel's log" "$log" 'Hypervisor detected: Microsoft Hyper-V'
! grep -qE 'Using (hypercall for remote TLB flush|IPI hypercalls|enlightened APIC)' <<<"$log" ||
	fail "it was told of calls that were switched off"
has "what it goes by" "$log" 'ticks by Hyper-V clockevent'
has "what it has used" "$used" '"stimer":true,"stimerDirect":true'

# And by message, which is VMBus's matter in Linux.
words=vmms.hyperv another timers '"enlightenments": {"stimer": true}'
has "what it goes by" "$log" 'ticks by Hyper-V clockevent'
has "what it has used" "$used" '"synic":true,"stimer":true,"reset"'

# A hidden hypervisor: a machine like any other.
another hidden '"hypervisor": "hidden"'
! grep -qiE 'hypervisor detected|hyper-v|paravirtualized kernel on (Hyper-V|KVM)' <<<"$log" ||
	fail "it found a hypervisor"
has "what it goes by" "$log" 'ticks by lapic'
same "what it has used" "$used" ''
EOF
