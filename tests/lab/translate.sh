#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The engine translate boots a stock kernel on this machine itself, without any lab: two processors,
# a raw disk and a qcow2 one, and an adapter of the type user with traffic. In a network of its own,
# since passt wants a way out and somebody there.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=${VMMS_BUILD:-$here/../../build/release}

if [ "$(id -u)" -ne 0 ] || ! "$build/vmworker/translate/vmworker-translate" --probe | grep -q '"usable":true'; then
	echo "skipped: this takes root, QEMU and libvirt's driver for it" >&2
	exit 77
fi
[ -n "${in_net:-}" ] || in_net=1 exec unshare --net "$0" "$@"

kernels=${VMMS_KERNELS:-$("$here/../../scripts/lab" kernels)}
# shellcheck source=tests/lab/inside.sh
. "$here/inside.sh"
kernel=$kernels/vmlinuz-cloud-amd64
initrd=$kernels/initrd.img
cmdline="console=ttyS0 panic=-1"
work=$(mktemp -d)
cd "$work"
export HVCTL_BUS=unix:path=$work/vmmsd/bus
PATH=$build/cli:$PATH

"$build/vmmsd/vmmsd" --private "$work/vmmsd" 2>"$work/log" &
daemon=$!
unshare --net sleep infinity &
far=$!
cleanup() {
	vms_clear 2>/dev/null || true
	kill "$far" "$daemon" 2>/dev/null || true
	wait "$daemon" 2>/dev/null || true
	cd /
	rm -rf "$work"
}
trap cleanup EXIT
within 20 "vmmsd answers" test -S "$work/vmmsd/bus"

# A raw disk and a qcow2 one, read and written by the guest's own drivers.
dd if=/dev/urandom of=first bs=1M count=1 2>/dev/null
truncate -s 64M first
qemu-img convert -q -f raw -O qcow2 first disk.qcow2
cp --sparse=always first disk.raw
data=$(head -c 1M first | md5sum | cut -d' ' -f1)
words="vmms.disks vmms.poweroff" vm_new disks --engine translate --cpus 2 \
	--disk "path=$work/disk.qcow2,format=qcow2,lun=0,serial=q1,iops=2000" \
	--disk "path=$work/disk.raw,lun=1,read-only=yes"
# Two processors that are threads of one core.
hvctl edit disks --topology sockets=1,cores=1,threads=2
hvctl start disks
vm_becomes disks off
log=$(vm_log disks)
has "what disks says" "$log" 'userspace reached 2 cpus'
has "what disks says" "$log" 'threads of cpu 0: 0-1'
has "what disks says" "$log" 'lun 0 size 67108864 ro 0 .*serial q1'
has "what disks says" "$log" 'lun 1 size 67108864 ro 1 '
has "what disks says" "$log" "host's data $data"
has "what disks says" "$log" "sealed disk $data"
qemu-img convert -f qcow2 -O raw disk.qcow2 second
wrote=$(dd if=second bs=64k skip=16 count=32 2>/dev/null | md5sum | cut -d' ' -f1)
has "what disks says" "$log" 'odd data'
[ "$wrote" != "$(dd if=first bs=64k skip=16 count=32 2>/dev/null | md5sum | cut -d' ' -f1)" ] ||
	fail "nothing of what the guest wrote is in the image"
cmp -s first disk.raw || fail "the disk that may only be read has changed"

# passt answers DHCP and leads to another host.
ip link set lo up
ip link add to-far type veth peer name to-near
ip link set to-near netns "$far"
ip addr add 10.7.0.1/24 dev to-far
ip link set to-far up
nsenter -t "$far" -n ip addr add 10.7.0.2/24 dev to-near
nsenter -t "$far" -n ip link set to-near up
ip route replace default via 10.7.0.2
dd if=/dev/urandom of=given bs=64k count=32 2>/dev/null
timeout "$patience" nsenter -t "$far" -n socat -u TCP-LISTEN:9000,reuseaddr OPEN:taken,creat &
timeout "$patience" nsenter -t "$far" -n socat -u OPEN:given TCP-LISTEN:9001,reuseaddr &
words="vmms.net=dhcp,10.7.0.2" vm_new user --engine translate --cpus 2 --nic type=user
hvctl start user
vm_says user 'vmms-net: over'
log=$(vm_log user)
has "what user says" "$log" 'vmms-net: leased 10\.7\.0\.1/24'
has "what user says" "$log" "vmms-net: got $(md5sum <given | cut -d' ' -f1)"
has "what user says" "$log" "vmms-net: sent $(md5sum <taken | cut -d' ' -f1)"
has "the statistics of user" "$(hvctl stats user -o json)" '"vcpu": ?1'
hvctl shutdown user --timeout "$patience"
vm_is user off || fail "user is $(vm_get user state)"
hvctl delete user disks
