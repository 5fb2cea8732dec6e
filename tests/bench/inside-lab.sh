#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs in a lab of flavour `bench`, by scripts/bench: what needs libvirt, or a stock kernel on KVM,
# beside its peer, in turn. Arguments: the folder with bench_worker,
# bench_service and tiny.elf, the number of runs.
set -euo pipefail
here=$1
runs=${2:-20}
kernel=/srv/kernels/vmlinuz-cloud-amd64
initrd=/srv/kernels/initrd.img
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

now_us() { printf '%s\n' "${EPOCHREALTIME/./}"; }

# took FILE CMD...: appends the milliseconds that CMD takes to FILE.
took() {
	local file=$1 start
	shift
	start=$(now_us)
	"$@" >/dev/null
	awk -v us=$(($(now_us) - start)) 'BEGIN {printf "%.1f\n", us / 1000}' >>"$file"
}

# row NAME UNIT FILE
row() {
	sort -n "$3" | awk -v name="$1" -v unit="$2" '{v[NR] = $1}
		END {printf "%-44s %-6s %4d %10.1f %10.1f %10.1f\n", name, unit, NR, v[1],
			v[int((NR + 1) / 2)], v[NR]}'
}

# A vmmsd that spawns its workers itself, with the same VM.
private_up() {
	"$vmmsd" --private "$work/vmms" 2>"$work/private.log" </dev/null &
	private=$!
	local try
	for ((try = 0; try < 100; try++)); do
		[ ! -S "$work/vmms/bus" ] || break
		sleep 0.1
	done
	hvctl --connect "$work/vmms" create tiny --memory 128M --kernel "$here/tiny.elf" \
		--cmdline halt
}

starts() {
	cat >"$work/tiny.xml" <<XML
<domain type='kvm'><name>tiny</name><memory unit='MiB'>128</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type><kernel>$here/tiny.elf</kernel><cmdline>halt</cmdline></os>
<features><acpi/></features>
<devices><serial type='null'/><memballoon model='none'/></devices></domain>
XML
	virsh -q define "$work/tiny.xml"
	hvctl create tiny --memory 128M --kernel "$here/tiny.elf" --cmdline halt
	private_up
	local i
	for ((i = 0; i < runs; i++)); do
		took "$work/hvctl" hvctl start tiny
		hvctl stop tiny
		took "$work/private" hvctl --connect "$work/vmms" start tiny
		hvctl --connect "$work/vmms" stop tiny
		took "$work/virsh" virsh -q start tiny
		virsh -q destroy tiny
	done
	virsh -q undefine tiny
	hvctl delete tiny
	kill "$private"
	wait "$private" || true
	row "hvctl start -> running, a unit of systemd" ms "$work/hvctl"
	row "hvctl start -> running, vmmsd --private" ms "$work/private"
	row "virsh start of the same guest (q35)" ms "$work/virsh"
}

# From the call to the moment in which the kernel has it.
edits() {
	hvctl create edited --memory 16M --kernel "$here/tiny.elf" --cmdline halt
	hvctl start edited
	"$here/bench_service" "" edit edited "$runs"
	hvctl stop edited
	hvctl delete edited
}

# until_init FILE START-US <CONSOLE: the guest's own clock at init, and the time on ours since START.
until_init() {
	local line
	while IFS= read -r line; do
		[[ $line =~ init\ after\ ([0-9.]+)\ s ]] || continue
		awk -v s="${BASH_REMATCH[1]}" 'BEGIN {print s * 1000}' >>"$1"
		awk -v us=$(($(now_us) - $2)) 'BEGIN {print us / 1000}' >>"$1.wall"
		return
	done
	return 1
}

boot_ours() {
	local start console
	start=$(now_us)
	hvctl start boot
	exec {console}< <(exec timeout 120 hvctl console --read-only boot </dev/null 2>/dev/null)
	until_init "$work/ours" "$start" <&"$console"
	exec {console}<&-
	hvctl stop boot
}

boot_qemu() { # VMLINUX CMDLINE
	local start console pid
	start=$(now_us)
	exec {console}< <(exec timeout 120 qemu-system-x86_64 -M microvm -accel kvm -cpu host -m 256 \
		-display none -nodefaults -no-user-config -no-reboot -serial stdio -kernel "$1" \
		-initrd "$initrd" -append "$2" </dev/null 2>&1)
	pid=$!
	until_init "$work/qemu" "$start" <&"$console"
	exec {console}<&-
	kill "$pid" 2>/dev/null || true
}

boots() {
	local vmlinux i words="console=ttyS0 panic=-1 quiet"
	hvctl create boot --memory 256M --kernel $kernel --initrd $initrd --cmdline "$words"
	hvctl start boot
	hvctl stop boot
	# What vmms-unpack made of the same file.
	vmlinux=$(find /var/cache/vmms -name "$(sha256sum $kernel | cut -d ' ' -f 1)*" -size +1M | head -n 1)
	for ((i = 0; i < runs; i++)); do
		boot_ours
		boot_qemu "$vmlinux" "$words"
	done
	hvctl delete boot
	row "kernel entry -> init, cloud kernel" ms "$work/ours"
	row "the same vmlinux in qemu -M microvm" ms "$work/qemu"
	row "hvctl start -> init" ms "$work/ours.wall"
	row "exec of qemu -M microvm -> init" ms "$work/qemu.wall"
}

vmmsd=$(systemctl show -P ExecStart vmmsd.service | sed 's/.*path=\([^ ;]*\).*/\1/')
"$here/bench_worker" "$(dirname "$vmmsd")/vmworker" "$here/tiny.elf" "$runs" 2>/dev/null
starts
edits
boots
