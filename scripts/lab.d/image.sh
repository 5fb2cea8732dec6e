# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
# The lab's images, built once and cached under build/lab, keyed by a hash of what they are made
# of. Sourced by scripts/lab, which sets $lab (build/lab). All of it is made in a scratch directory
# and renamed into place at the end, so that an interrupted build leaves nothing half done.

# shellcheck disable=SC2153
recipe=$ROOT/scripts/lab.d

# stamp FILE...: a name for the contents of these files and the text on standard input.
stamp() {
	{ sha256sum -- "$@" | cut -d' ' -f1 && cat; } | sha256sum | cut -c1-16
}

# image_prune KEEP PREFIX: forgets the cached images PREFIX-* that no lab has its disk over, but KEEP.
image_prune() {
	local dir
	for dir in "$lab/cache/$2"-*; do
		case $dir in
		"$1" | *.*) continue ;; # *.PID is being built
		esac
		grep -qxF -- "$dir" "$lab"/hosts/*/base 2>/dev/null || rm -rf "$dir"
	done
}

# image_failed SCRATCH LOG WHAT
image_failed() {
	rm -rf "$1"
	tail -n 15 "$2" >&2
	die "$3 could not be made: the end of $2 is above"
}

# The lab's own root disk and initrd. image_base FLAVOUR KERNELS prints the directory with base.img,
# vmlinuz and initrd.img.
image_base() {
	local flavour=$1 kernels=$2 purposes=image dir guest
	guest=$(image_guest "$flavour")
	[ "$flavour" = plain ] || purposes="image image-$flavour"
	# shellcheck disable=SC2046,SC2086 # one word a purpose, and a file
	dir=$lab/cache/base-$flavour-$(packages_of $purposes | cat - <(basename -a "$kernels" "$guest") |
		stamp "$recipe/host-init" "$recipe/image.sh" "$recipe/kernels.sh" "$(lab_key).pub" \
			$(find "$recipe/root" -type f | LC_ALL=C sort))
	if [ ! -d "$dir" ]; then
		note "building the lab's image, flavour $flavour (once, about a minute)"
		local tmp=$dir.$$
		mkdir -p "$tmp"
		# shellcheck disable=SC2046,SC2086
		(cd "$tmp" && base_build "$kernels" "$guest" $(packages_of $purposes)) >"$lab/image.log" 2>&1 ||
			image_failed "$tmp" "$lab/image.log" "the lab's image"
		mv "$tmp" "$dir"
		image_prune "$dir" "base-$flavour"
	fi
	printf '%s\n' "$dir"
}

# The key that opens the labs of this tree, made on first use. Prints the path of the private half.
lab_key() {
	mkdir -p "$lab"
	[ -f "$lab/key" ] || ssh-keygen -q -t ed25519 -N '' -C lab -f "$lab/key"
	printf '%s\n' "$lab/key"
}

base_build() {
	local kernels=$1 guest=$2 root=$PWD/root packages
	shift 2
	packages=$(IFS=,; printf '%s' "$*")
	debian_tree "$packages" "$root" || return
	base_configure "$root" "$kernels" || return
	cp --sparse=always "$guest/guest.img" "$root/srv/" || return
	cp "$kernels/vmlinuz-cloud-amd64" vmlinuz
	host_initrd_build "$kernels" || return
	truncate -s 12G base.img
	mke2fs -q -t ext4 -E lazy_itable_init=1,lazy_journal_init=1 -L lab \
		-d "$root" base.img || return
	rm -rf "$root"
}

# What makes a Debian tree the lab: its modules, test guests, way in, and no service that costs
# boot time without anybody here asking for it.
base_configure() {
	local root=$1 kernels=$2 unit
	cp -a "$kernels/cloud-amd64/lib/modules" "$root/usr/lib/"
	mkdir -p "$root/srv/kernels"
	cp "$kernels"/vmlinuz-* "$root/srv/kernels/"
	cp -r "$recipe/root/." "$root/"
	cp "$(lab_key).pub" "$root/etc/ssh/lab_key.pub"
	chmod 644 "$root/etc/ssh/lab_key.pub"
	rm -f "$root"/etc/ssh/ssh_host_*
	ssh-keygen -q -t ed25519 -N '' -C lab -f "$root/etc/ssh/ssh_host_ed25519_key"
	echo lab >"$root/etc/hostname"
	printf '127.0.0.1 localhost lab\n' >"$root/etc/hosts"
	: >"$root/etc/fstab"
	chroot "$root" systemctl -q enable lab-sshd.service lab-ready.service
	chroot "$root" systemctl -q set-default multi-user.target
	units_mask "$root" ssh.service getty.target serial-getty@ttyS0.service getty@tty1.service \
		systemd-machine-id-commit.service systemd-user-sessions.service \
		systemd-remount-fs.service swap.target paths.target
	rm -f "$root/usr/lib/systemd/system/multi-user.target.wants/systemd-logind.service"
	mkdir -p "$root/etc/systemd/system-generators"
	for unit in "$root"/usr/lib/systemd/system-generators/*; do
		ln -sf /dev/null "$root/etc/systemd/system-generators/$(basename "$unit")"
	done
	chroot "$root" systemd-machine-id-setup
}

# debian_tree PACKAGES DIR: a minimal Debian with these packages, without what only people read.
debian_tree() {
	local apart=()
	# What is mounted meanwhile goes for sure, also when somebody looks into it at the end.
	[ "$(id -u)" -ne 0 ] || apart=(unshare --mount)
	"${apart[@]}" mmdebstrap --variant=minbase --skip=cleanup/reproducible \
		--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--aptopt='Apt::Install-Recommends "false"' \
		--include="$1" bookworm "$2"
}

# units_mask ROOT UNIT...: these, and what only real hardware needs. Every process costs a quarter
# of a second in emulation.
units_mask() {
	local root=$1 unit
	shift
	for unit in "$@" systemd-hwdb-update.service ldconfig.service \
		systemd-journal-catalog-update.service systemd-update-done.service \
		systemd-sysusers.service systemd-random-seed.service apt-daily.timer \
		apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer e2scrub_all.timer \
		e2scrub_reap.service systemd-pstore.service systemd-update-utmp.service \
		systemd-update-utmp-runlevel.service systemd-modules-load.service \
		systemd-sysctl.service systemd-tmpfiles-setup-dev.service kmod-static-nodes.service \
		modprobe@.service systemd-tmpfiles-clean.timer systemd-boot-system-token.service \
		systemd-binfmt.service systemd-repart.service systemd-firstboot.service \
		systemd-ask-password-wall.path systemd-ask-password-console.path \
		systemd-initctl.socket systemd-journald-audit.socket systemd-journal-flush.service \
		sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
		sys-fs-fuse-connections.mount proc-sys-fs-binfmt_misc.automount dev-mqueue.mount \
		dev-hugepages.mount cryptsetup.target integritysetup.target veritysetup.target \
		remote-fs.target nss-user-lookup.target; do
		ln -sf /dev/null "$root/etc/systemd/system/$unit"
	done
}

host_initrd_build() {
	local kernels=$1 root=$PWD/initrd file
	mkdir -p "$root"/{bin,proc,sys,dev,root,lib/modules}
	cp /bin/busybox "$root/bin/busybox"
	ln -s busybox "$root/bin/sh"
	cp "$recipe/host-init" "$root/init"
	(cd "$kernels" && module_files cloud-amd64 virtio_pci virtio_blk virtio_net \
		virtio_rng kvm_amd tun) |
		while read -r file; do
			cp "$file" "$root/lib/modules/"
			printf '/lib/modules/%s\n' "$(basename "$file")"
		done >"$root/lib/modules/order"
	initrd_pack "$root" initrd.img
	rm -rf "$root"
}
