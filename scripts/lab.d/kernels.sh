# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
# Debian's kernels as guests, and the test guest that they run. Sourced by scripts/lab after
# image.sh.

# Debian's two kernels, unpacked: vmlinuz-{cloud-amd64,amd64} and their modules. Prints the directory.
image_kernels() {
	local dir
	dir=$lab/cache/kernels-$(stamp "$recipe/kernels.sh" </dev/null)
	if [ ! -d "$dir" ]; then
		note "fetching the kernels (once)"
		local tmp=$dir.$$
		mkdir -p "$tmp"
		(cd "$tmp" && kernels_unpack) >"$lab/kernels.log" 2>&1 ||
			image_failed "$tmp" "$lab/kernels.log" "the kernels"
		mv "$tmp" "$dir"
		image_prune "$dir" kernels
	fi
	printf '%s\n' "$dir"
}

# The kernels and the test guest's initrd.img beside them, as a test names them. It comes into a lab
# with the project, so that a change of the guest does not rebuild the lab's image. image_test_guest
# KERNELS prints the directory.
image_test_guest() {
	local kernels=$1 dir
	dir=$lab/cache/test-guest-$(basename "$kernels" | stamp "$recipe"/guest-* "$recipe/kernels.sh")
	if [ ! -d "$dir" ]; then
		local tmp=$dir.$$
		mkdir -p "$tmp"
		ln -s "$kernels"/vmlinuz-* "$tmp/"
		(cd "$kernels" && guest_initrd_build "$tmp") >"$lab/initrd.log" 2>&1 ||
			image_failed "$tmp" "$lab/initrd.log" "the test guest's initrd"
		mv "$tmp" "$dir"
		image_prune "$dir" test-guest
	fi
	printf '%s\n' "$dir"
}

kernels_unpack() {
	local flavour package
	for flavour in cloud-amd64 amd64; do
		apt-cache show "linux-image-$flavour" >/dev/null 2>&1 || as_root apt-get -qq update
		package=$(apt-cache depends "linux-image-$flavour" |
			awk '/Depends: linux-image-/ { print $2; exit }')
		apt-get -o APT::Sandbox::User=root download "$package" ||
			{ as_root apt-get -qq update &&
				apt-get -o APT::Sandbox::User=root download "$package"; } || return
		dpkg-deb -x "${package}"_*.deb "$flavour" || return
		rm -f "${package}"_*.deb
		cp "$flavour"/boot/vmlinuz-* "vmlinuz-$flavour"
		local version
		version=$(basename "$flavour"/lib/modules/*)
		depmod -b "$flavour" "$version" || return
		printf '%s\n' "$version" >"version-$flavour"
	done
}

# module_files FLAVOUR MODULE...: the files of these modules and of what they need, in the order
# in which insmod takes them.
module_files() {
	local flavour=$1 module
	shift
	for module; do
		modprobe -S "$(cat "version-$flavour")" -d "$PWD/$flavour" --show-depends "$module" |
			sed -n 's/^insmod \([^ ]*\).*/\1/p'
	done | awk '!seen[$0]++'
}

# initrd_pack DIR FILE
initrd_pack() {
	(cd "$1" && find . -print0 | LC_ALL=C sort -z |
		cpio --null --quiet -o -H newc -R 0:0 --reproducible) >"$2"
}

# guest_modules FLAVOUR LIST MODULE...: into the test guest, with their order in the file LIST.
guest_modules() {
	local flavour=$1 dir list file
	dir=$root/lib/modules/$(cat "version-$flavour")
	list=$dir/$2
	shift 2
	mkdir -p "$dir"
	module_files "$flavour" "$@" | while read -r file; do
		cp "$file" "$dir/"
		basename "$file"
	done >"$list"
	[ -s "$list" ]
}

# The test guest: busybox, the modules that make a power button a key press, and those for
# Hyper-V's devices and for the devices of the engine translate. guest_initrd_build DIR puts initrd.img there.
guest_initrd_build() {
	local to=$1 root=$1/guest flavour
	mkdir -p "$root"/{bin,proc,sys,dev,tmp,etc/acpi/PWRF,lib/modules}
	cp /bin/busybox "$root/bin/busybox"
	ln -s busybox "$root/bin/sh"
	cp "$recipe/guest-init" "$root/init"
	cp "$recipe/guest-button" "$root/etc/acpi/PWRF/00000080"
	cp "$recipe/guest-disks" "$recipe/guest-net" "$recipe/guest-plug" "$root/bin/"
	for flavour in cloud-amd64 amd64; do
		guest_modules "$flavour" always button evdev || return
		guest_modules "$flavour" hyperv hv_vmbus hv_utils hyperv_keyboard hv_storvsc sd_mod \
			sr_mod hv_netvsc hv_balloon hv_sock ext4 autofs4 af_packet || return
		guest_modules "$flavour" virtio virtio_pci virtio_blk virtio_scsi sd_mod sr_mod \
			virtio_net ext4 autofs4 af_packet || return
	done
	initrd_pack "$root" "$to/initrd.img"
	rm -rf "$root"
}
