#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs in a lab of flavour `bench`, by scripts/bench: a stock guest's disk, network and idleness, under
# vmms and under QEMU/KVM (virtio-blk with an iothread and io_uring, virtio-net without vhost) in
# turn, on the same memory disk and the same bridge, and fio on the host itself. Arguments: the folder
# with in-guest.sh, the number of turns, the seconds of each measurement.
set -euo pipefail
here=$1
turns=${2:-3}
span=${3:-6}
kernel=/srv/kernels/vmlinuz-cloud-amd64
initrd=/srv/kernels/initrd.img
host=10.99.0.1
results=$(mktemp -d)
tsc_khz=$(dmesg | sed -nE 's/.*tsc: (Detected|Refined TSC.*:) ([0-9]*)\.([0-9]*) MHz.*/\2\3/p' | tail -n 1)
words="console=ttyS0 panic=-1 quiet tsc_early_khz=$tsc_khz tsc=reliable \
vmms.init=/root/in-guest.sh bench.span=$span bench.host=$host"

prepare() {
	modprobe brd rd_nr=1 rd_size=262144
	mountpoint -q /sys/kernel/debug || mount -t debugfs debugfs /sys/kernel/debug
	cp --sparse=always /srv/guest.img /srv/bench-root.img
	debugfs -w -R "write $here/in-guest.sh /root/in-guest.sh" /srv/bench-root.img 2>/dev/null
	debugfs -w -R "set_inode_field /root/in-guest.sh mode 0100755" /srv/bench-root.img 2>/dev/null
	ip link add bench0 type bridge
	ip address add $host/24 dev bench0
	ip link set bench0 up
	iperf3 -s >/dev/null 2>&1 &
	server=$!
}

clean() {
	kill "$server" 2>/dev/null || true
	ip link del bench0 2>/dev/null || true
	rm -rf "$results" /srv/bench-root.img
}

# What the process PID took of the processors so far, in nanoseconds, all its threads together.
cpu_ns() { { cat /proc/"$1"/task/*/schedstat 2>/dev/null || true; } | awk '{n += $1} END {printf "%.0f", n}'; }

exits() { { cat /sys/kernel/debug/kvm/"$1"-*/exits 2>/dev/null || true; } | awk '{n += $1} END {printf "%.0f", n}'; }

note() { printf '%s\n' "$3" >>"$results/$1.$2"; }

per() { awk -v a="$1" -v b="$2" 'BEGIN {printf "%.2f", a / b}'; }

# watch WHO PID <CONSOLE
watch() {
	local who=$1 pid=$2 line name=none taken=0 out=0 clock=0
	while IFS= read -r line; do
		line=${line%$'\r'}
		if [[ $line =~ bench:\ begin\ (.*) ]]; then
			name=${BASH_REMATCH[1]}
			clock=${EPOCHREALTIME/./} taken=$(cpu_ns "$pid") out=$(exits "$pid")
		elif [[ $line =~ bench:\ end\ ([^ ]*)\ count\ ([0-9]*)\ rate\ ([0-9.]*) ]]; then
			[ "${BASH_REMATCH[1]}" = "$name" ] || return 1
			note "$who" "$name" "${BASH_REMATCH[3]}"
			note "$who" "$name.cpu" \
				"$(per "$(($(cpu_ns "$pid") - taken))" "$(((${EPOCHREALTIME/./} - clock) * 10))")"
			[ "${BASH_REMATCH[2]}" = 0 ] ||
				note "$who" "$name.exits" "$(per "$(($(exits "$pid") - out))" "${BASH_REMATCH[2]}")"
		elif [[ $line == *"bench: over"* ]]; then
			return 0
		fi
	done
	return 1
}

ours() { # NAME-OF-RESULTS WHAT CPUS ENLIGHTENMENTS
	local who=$1 what=$2 console
	hvctl create --file - <<-JSON
		{"version": 1, "name": "bench", "cpus": {"count": $3}, "memory": {"size": "512M"},
		"boot": {"kernel": "$kernel", "initrd": "$initrd",
			"cmdline": "$words vmms.root=sda,sdb bench.what=$what"},
		"disks": [{"path": "/srv/bench-root.img"}, {"path": "/dev/ram0", "cache": "none"}],
		"nics": [{"type": "bridge", "bridge": "bench0"}], "enlightenments": {$4}}
	JSON
	hvctl start bench
	exec {console}< <(exec timeout 900 hvctl console bench --read-only </dev/null 2>/dev/null)
	watch "$who" "$(hvctl list bench -o json | sed -nE 's/.*"workerPid": ([0-9]+).*/\1/p')" <&"$console" ||
		printf 'inside-guests: the turn of %s was cut short\n' "$who" >&2
	exec {console}<&-
	hvctl stop bench 2>/dev/null || true
	hvctl delete bench
}

qemu() { # NAME-OF-RESULTS WHAT
	local who=$1 what=$2 console pid
	ip tuntap add bench1 mode tap
	ip link set bench1 master bench0 up
	exec {console}< <(exec timeout 900 qemu-system-x86_64 -M q35 -accel kvm -cpu host -m 512 \
		-display none -nodefaults -no-user-config -no-reboot -serial stdio -kernel $kernel \
		-initrd $initrd -append "$words vmms.root=vda,vdb bench.what=$what" \
		-object iothread,id=io -drive if=none,id=root,file=/srv/bench-root.img,format=raw \
		-device virtio-blk-pci,drive=root,iothread=io \
		-drive if=none,id=data,file=/dev/ram0,format=raw,cache=none,aio=io_uring \
		-device virtio-blk-pci,drive=data,iothread=io \
		-netdev tap,id=net,ifname=bench1,script=no,downscript=no,vhost=off \
		-device virtio-net-pci,netdev=net,romfile= </dev/null 2>&1)
	pid=$(pgrep -n -f '^qemu-system-x86_64 -M q35')
	watch "$who" "$pid" <&"$console" ||
		printf 'inside-guests: the turn of %s was cut short\n' "$who" >&2
	kill "$pid" 2>/dev/null || true
	exec {console}<&-
	while [ -d "/proc/$pid" ]; do sleep 0.2; done
	ip link del bench1
}

# The same on the host itself, by the same script.
on_host() {
	sed -e '/^mount/d' -e 's/^span=.*/span='"$span"'/' -e 's,^for data in .*,for data in /dev/ram0; do,' \
		-e 's/(word what | tr , . .)/(echo disks)/' -e '/sysrq/,$d' "$here/in-guest.sh" >"$results/on-host"
	sh "$results/on-host" 2>&1 | watch host $$
}

median() {
	[ -f "$1" ] || { echo - && return; }
	sort -n "$1" | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'
}

# row NAME UNIT
row() {
	local who cells=()
	for who in ours qemu host; do
		cells+=("$(median "$results/$who.$1")" "$(median "$results/$who.$1.exits")" \
			"$(median "$results/$who.$1.cpu")")
	done
	printf '%-16s %-6s %10s %8s %7s %10s %8s %7s %10s\n' "$1" "$2" "${cells[@]:0:7}"
}

table() {
	printf '%-16s %-6s %10s %8s %7s %10s %8s %7s %10s   (medians of %d)\n' what unit vmms exits 'cpu %' \
		qemu exits 'cpu %' host "$turns"
	local name
	for name in randread-4k-1 randwrite-4k-1 randread-4k-32 randwrite-4k-32 read-128k-8 write-128k-8; do
		row $name IOPS
	done
	row send Mbit/s
	row receive Mbit/s
	row ping us
	row idle -
}

trap clean EXIT
prepare
for ((turn = 0; turn < turns; turn++)); do
	ours ours disks,network,idle 1 ''
	qemu qemu disks,network,idle
	on_host
done
table
for ((turn = 0; turn < turns; turn++)); do
	ours on locks 2 ''
	ours off locks 2 '"spinWait": false, "guestIdle": false'
done
printf 'two processors on one, lock-heavy (ms): %s with the enlightenments, %s without (medians of %d)\n' \
	"$(median "$results/on.locks")" "$(median "$results/off.locks")" "$(wc -l <"$results/on.locks")"
