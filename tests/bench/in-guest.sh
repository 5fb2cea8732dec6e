#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The first process of a guest that measures, and only says what came of it: one line before each
# measurement, one behind it, so that who reads the console can count beside. Words of the kernel
# command line: bench.span=SECONDS of each,
# bench.host=ADDRESS with an iperf3 that serves, bench.what=LIST of the functions below.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmp /tmp
word() { sed -n "s/.*bench\\.$1=\\([^ ]*\\).*/\\1/p" /proc/cmdline; }
span=$(word span)
# The disk that it does not run from.
for data in /dev/[sv]d[ab]; do
	grep -q "^$data " /proc/mounts || break
done
host=$(word host)

# Words of fio's first terse line: KiB, bandwidth and IOPS of reading begin at 6, of writing at 47.
disk() { # NAME DIRECTION BLOCK DEPTH FIRST-FIELD
	echo "bench: begin $1"
	fio --name=x --filename="$data" --size=192m --direct=1 --ioengine=libaio --rw="$2" --bs="$3" \
		--iodepth="$4" --runtime="$span" --time_based --norandommap --randrepeat=0 \
		--output-format=terse --terse-version=3 >/tmp/fio
	awk -F ';' -v name="$1" -v first="$5" -v block="${3%k}" 'NR == 1 {
		printf "bench: end %s count %d rate %d\n", name, $first / block, $(first + 2)}' /tmp/fio
}

disks() {
	# Its program and the disk's driver are in memory from then on.
	fio --name=x --filename="$data" --size=192m --direct=1 --ioengine=libaio --rw=randrw --bs=4k \
		--iodepth=32 --runtime=2 --time_based >/dev/null
	disk randread-4k-1 randread 4k 1 6
	disk randwrite-4k-1 randwrite 4k 1 47
	disk randread-4k-32 randread 4k 32 6
	disk randwrite-4k-32 randwrite 4k 32 47
	disk read-128k-8 read 128k 8 6
	disk write-128k-8 write 128k 8 47
}

stream() { # NAME [OPTION OF iperf3]
	echo "bench: begin $1"
	rate=$(iperf3 -c "$host" -t "$span" -f m ${2:+"$2"} | awk '/receiver/ {print $7}')
	echo "bench: end $1 count 0 rate ${rate:-0}"
}

network() {
	ip link set eth0 up
	ip address add "${host%.*}.2/24" dev eth0
	until ping -q -c 1 -W 1 "$host" >/dev/null; do :; done
	stream send
	stream receive -R
	echo "bench: begin ping"
	ping -q -i 0.01 -c 500 "$host" >/tmp/ping
	awk -F '[/ ]' '/^rtt/ {printf "bench: end ping count 500 rate %s\n", $8 * 1000}' /tmp/ping
}

idle() {
	sleep 3
	echo "bench: begin idle"
	sleep $((span * 2))
	echo "bench: end idle count $((span * 2)) rate 0"
}

# Two processors that take the same locks of the kernel all the time. One run says little: which of
# them waits for which is chance.
locks() {
	for _ in 1 2 3 4 5; do
		echo "bench: begin locks"
		took=$(hackbench -g 2 -f 8 -l 400 | awk '/^Time/ {print int($2 * 1000)}')
		echo "bench: end locks count 1 rate $took"
	done
}

for what in $(word what | tr , ' '); do
	"$what"
done
echo "bench: over"
sleep 5
echo o >/proc/sysrq-trigger
sleep 60
