# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
# A whole Debian as a guest: systemd, network by DHCP, Hyper-V's daemons, and root's shell on the
# first serial port. Sourced by scripts/lab after image.sh. Kernel and drivers come with the test
# guest's initrd (vmms.root=).

# image_guest FLAVOUR prints the directory with guest.img, an ext4 file system.
image_guest() {
	local dir purposes=guest
	[ "$1" = plain ] || purposes="guest guest-$1"
	# shellcheck disable=SC2046,SC2086 # one word a purpose
	dir=$lab/cache/guest-$1-$(packages_of $purposes | stamp "$recipe/guest.sh" "$recipe/image.sh")
	if [ ! -d "$dir" ]; then
		note "building the Debian guest's disk, flavour $1 (once, about a minute)"
		local tmp=$dir.$$
		mkdir -p "$tmp"
		# shellcheck disable=SC2046,SC2086
		(cd "$tmp" && guest_build $(packages_of $purposes)) >"$lab/guest.log" 2>&1 ||
			image_failed "$tmp" "$lab/guest.log" "the Debian guest's disk"
		mv "$tmp" "$dir"
		image_prune "$dir" "guest-$1"
	fi
	printf '%s\n' "$dir"
}

guest_build() {
	local root=$PWD/root packages
	packages=$(IFS=,; printf '%s' "$*")
	debian_tree "$packages" "$root" || return
	guest_configure "$root" || return
	truncate -s 1G guest.img
	mke2fs -q -t ext4 -E lazy_itable_init=1,lazy_journal_init=1 -L guest -d "$root" guest.img ||
		return
	rm -rf "$root"
}

guest_configure() {
	local root=$1 getty=$1/etc/systemd/system/serial-getty@ttyS0.service.d
	echo guest >"$root/etc/hostname"
	printf '127.0.0.1 localhost\n127.0.1.1 guest\n' >"$root/etc/hosts"
	# Nothing on the console but what is asked for.
	: >"$root/etc/motd"
	rm -f "$root"/etc/update-motd.d/*
	printf 'set enable-bracketed-paste off\n' >"$root/etc/inputrc"
	printf '/dev/sda / ext4 defaults 0 0\n' >"$root/etc/fstab"
	mkdir -p "$getty"
	printf '[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin root --noclear %%I linux\n' \
		>"$getty/autologin.conf"
	printf '[Match]\nType=ether\n[Network]\nDHCP=yes\n' >"$root/etc/systemd/network/80-dhcp.network"
	chroot "$root" systemctl -q enable systemd-networkd.service
	chroot "$root" systemctl -q set-default multi-user.target
	units_mask "$root" ssh.service getty@tty1.service systemd-networkd-wait-online.service \
		systemd-network-generator.service systemd-logind.service systemd-udev-settle.service
	chroot "$root" systemd-machine-id-setup
}
