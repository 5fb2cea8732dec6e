# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
# One lab: its files, its emulator process, its boot and its end. Sourced by scripts/lab, which
# sets $lab and the options ($cpus, $smt, $memory, $flavour, $fresh, $bare, $from, $purge, $tty).
#
# hosts/NAME/  disk.qcow2  what this host wrote, over the shared base image
#              base        the directory of that base image
#              pid, port   of the emulator while it runs; port leads to the host's sshd
#              console.log what it printed, over all its boots
# and in $run the sockets: of the shared connection, and of the emulator's monitor (for a person
# who asks why a lab hangs).
#
# Power cuts: the emulator is killed, so the page cache of the host in the box is lost, as is what
# the qcow2 layer had not flushed. A flush of the guest goes through that layer and is acknowledged
# when it is in our own page cache, which outlives the emulator (cache=writeback; cache=unsafe
# would lose acknowledged writes here, because it swallows the flush of the qcow2 tables).

boot_limit=120 # seconds; about 8 on a quiet machine
# AMD-V with nested paging. No XSAVE, since the emulator does not intercept XSETBV: KVM would not
# learn what its guest enables, and guests would complain.
processor=EPYC-v3,+svm,+npt,-xsave
processor_smt=Westmere
down_limit=150 # seconds; longer than the guests in the box get to shut down

# host_paths NAME: the paths of this lab. Sockets live in a short directory, since a socket's path
# holds no more than 107 bytes and a clone may be deep.
host_paths() {
	host=$lab/hosts/$1
	console=$host/console.log
	run=${TMPDIR:-/tmp}/vmms-lab-$(id -u)/$(printf '%s' "$host" | sha256sum | cut -c1-12)
	ssh_options=(-F /dev/null -i "$lab/key" -o IdentitiesOnly=yes -o LogLevel=ERROR
		-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null
		-o ControlPath="$run/ssh" -o ServerAliveInterval=15 -o ServerAliveCountMax=8)
}

# host_pid: the pid of this lab's emulator; fails when it does not run. A pid that was given to
# another process since then is recognised by its command line.
host_pid() {
	local pid
	pid=$(cat "$host/pid" 2>/dev/null) || return 1
	grep -qzF "file=$host/disk.qcow2" "/proc/$pid/cmdline" 2>/dev/null || return 1
	printf '%s\n' "$pid"
}

host_require() {
	host_pid >/dev/null || die "lab '$name' is not up; start it by: scripts/lab up --name $name"
}

# --- the project -------------------------------------------------------------------------------

# project_tar: makes $lab/project-STAMP.tar from a build tree and the test guest's initrd, and prints
# STAMP; prints nothing when there is nothing to install yet.
project_tar() {
	local stage=$lab/stage.$$ tar=$lab/project.tar.$$ tree=$from hash
	if [ -z "$tree" ]; then
		tree=$ROOT/build/release
		build_release || die "the project does not build: its errors are above"
	fi
	[ -f "$tree/cmake_install.cmake" ] || die "$tree holds no build: run cmake there first"
	rm -rf "$stage"
	DESTDIR=$stage cmake --install "$tree" >"$lab/install.log" 2>&1 || {
		rm -rf "$stage"
		tail -n 5 "$lab/install.log" >&2
		die "cmake --install of $tree failed: the end of $lab/install.log is above"
	}
	if ! find "$stage" -name vmmsd -type f 2>/dev/null | grep -q .; then
		note "$tree installs no vmmsd: the lab comes without the project"
		rm -rf "$stage"
		return
	fi
	mkdir -p "$stage/srv/kernels"
	cp "$(image_test_guest "$(image_kernels)")/initrd.img" "$stage/srv/kernels/"
	tar -C "$stage" -c --sort=name --mtime=2020-01-01 --owner=0 --group=0 --numeric-owner \
		-f "$tar" .
	rm -rf "$stage"
	hash=$(sha256sum "$tar" | cut -c1-16)
	mv "$tar" "$lab/project-$hash.tar"
	find "$lab" -maxdepth 1 -name 'project-*.tar' ! -name "project-$hash.tar" -mmin +120 -delete
	printf '%s\n' "$hash"
}

# host_install: the project as built now, into a running lab.
host_install() {
	host_require
	local hash
	hash=$(project_tar)
	[ -n "$hash" ] || return 1
	host_deliver "$hash"
}

# host_deliver HASH
host_deliver() {
	[ "$(host_exec cat /var/lib/lab/project 2>/dev/null)" != "$1" ] || return 0
	host_exec sh -c 'cat > /run/project.tar' <"$lab/project-$1.tar"
	host_exec sh -c "lab-deliver /run/project.tar $1 && rm /run/project.tar &&
		systemctl daemon-reload && systemctl reload dbus.service &&
		systemctl restart vmmsd.service && systemctl start vmms-guests.service" </dev/null ||
		die "the project could not be installed in lab '$name': the message is above"
	note "lab '$name' has the project as built now"
}

# --- up ----------------------------------------------------------------------------------------

host_up() {
	local began=$EPOCHREALTIME hash='' pid
	need lab
	mkdir -p "$host" "$run" "$lab/cache"
	chmod 700 "$run"
	[ -n "$bare" ] || hash=$(project_tar)
	# Two `up` of one name do not start two emulators on one disk.
	exec 9>"$host/lock"
	flock -w $boot_limit 9 || die "another 'lab up' of '$name' does not end; see its output"
	if pid=$(host_pid); then
		[ -z "$fresh" ] || die "lab '$name' is up; take it down first: scripts/lab down --name $name"
		[ -z "$hash" ] || host_deliver "$hash"
		note "lab '$name' is up already (pid $pid)"
		return
	fi
	host_disk
	local printed
	printed=$(stat -c %s "$console" 2>/dev/null || echo 0)
	host_boot "$hash"
	host_wait "$printed"
	note "lab '$name' is up after $(elapsed "$began") s (vmmsd: $(host_vmmsd "$hash"))"
	[ -z "$hash" ] || [ "$(host_vmmsd "$hash")" = active ] || {
		host_exec journalctl -b -u vmmsd -n 20 --no-pager >&2 </dev/null || true
		die "vmmsd did not start in lab '$name': the end of its journal is above"
	}
}

# elapsed BEGAN: seconds since the EPOCHREALTIME BEGAN, with one decimal.
elapsed() {
	awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'
}

# host_disk: this lab's own disk, kept from its last life unless --fresh.
host_disk() {
	local base
	base=$(image_base "$flavour" "$(image_kernels)")
	[ -z "$fresh" ] || host_purge
	if [ -f "$host/disk.qcow2" ] && [ -f "$(cat "$host/base")/base.img" ]; then
		[ "$(cat "$host/base")" = "$base" ] ||
			note "lab '$name' keeps the disk of an older image; --fresh makes a new one"
		return
	fi
	qemu-img create -q -f qcow2 -b "$base/base.img" -F raw "$host/disk.qcow2"
	printf '%s\n' "$base" >"$host/base"
}

# host_boot HASH: starts the emulator; HASH names the project tar, or is empty.
host_boot() {
	local base try port project=() model=$processor threads=1
	[ -z "$smt" ] || model=$processor_smt threads=2
	base=$(cat "$host/base")
	[ -z "$1" ] || project=(-drive
		"file=$lab/project-$1.tar,if=virtio,format=raw,readonly=on")
	rm -f "$run/ssh"
	for try in 1 2 3 4 5; do
		port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
		qemu-system-x86_64 -name "vmms-lab-$name" -daemonize -pidfile "$host/pid" \
			-accel tcg,thread=multi,tb-size=512 -cpu "$model" -M q35 \
			-smp "$cpus,threads=$threads" -m "$memory" -nodefaults -display none \
			-kernel "$base/vmlinuz" -initrd "$base/initrd.img" \
			-drive "file=$host/disk.qcow2,if=virtio,format=qcow2,cache=writeback" \
			"${project[@]}" \
			-netdev "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:$port-:22" \
			-device virtio-net-pci,netdev=net,romfile= \
			-device virtio-rng-pci \
			-chardev "socket,id=monitor,path=$run/monitor,server=on,wait=off" \
			-mon chardev=monitor,mode=readline \
			-chardev "file,id=console,path=$console,append=on" -serial chardev:console \
			-append "console=ttyS0 quiet loglevel=4 panic=0 net.ifnames=0 tsc=reliable \
mitigations=off audit=0 systemd.show_status=no systemd.log_color=no lab.root=/dev/vda \
lab.project=$1" 9>&- 2>"$host/qemu.log" && break
		if [ "$try" = 5 ] || ! grep -q 'host forwarding' "$host/qemu.log"; then
			cat "$host/qemu.log" >&2
			die "the emulator did not start: its message is above"
		fi
	done
	printf '%s\n' "$port" >"$host/port"
}

# host_wait BYTE: until the console, from BYTE on, says that the host is up.
host_wait() {
	local deadline=$((SECONDS + boot_limit)) text
	while :; do
		text=$(tail -c +$(($1 + 1)) "$console" 2>/dev/null | tr -d '\000' |
			grep -a -m1 -E 'lab-ready:|lab-failed:|Kernel panic|emergency mode' || true)
		case $text in
		*lab-ready:*) break ;;
		'') ;;
		*) host_failed "lab '$name' failed to boot: ${text%$'\r'}" ;;
		esac
		host_pid >/dev/null || host_failed "the emulator of lab '$name' ended"
		[ $SECONDS -lt $deadline ] ||
			host_failed "lab '$name' did not come up within $boot_limit s"
		sleep 0.1
	done
	host_connect || host_failed "lab '$name' is up but its sshd does not answer"
}

# host_failed TEXT...: a lab that does not come up is cut; its console and its disk are kept.
host_failed() {
	local pid
	tail -n 25 "$console" | tr -d '\000' >&2
	if pid=$(host_pid); then
		kill -KILL "$pid"
		host_gone "$pid" 20 || true
	fi
	die "$* (the end of $console is above)"
}

# host_vmmsd HASH: what systemd in the lab says about vmmsd.
host_vmmsd() {
	if [ -z "$1" ]; then
		echo "not installed"
	else
		host_exec systemctl is-active vmmsd.service </dev/null || true
	fi
}

# --- the way in --------------------------------------------------------------------------------

# host_connect: opens the connection that every exec shares.
host_connect() {
	local try
	mkdir -p "$run"
	for try in 1 2 3 4 5; do
		ssh "${ssh_options[@]}" -M -N -f -o ConnectTimeout=20 -p "$(cat "$host/port")" \
			root@127.0.0.1 </dev/null >/dev/null 2>&1 9>&- && return
		sleep 0.2
	done
	return 1
}

# host_shared: makes sure that the shared connection is there.
host_shared() {
	host_require
	[ -S "$run/ssh" ] || host_connect || {
		note "lab '$name' does not answer; see: scripts/lab console --name $name"
		exit 255
	}
}

host_exec() {
	host_shared
	local words
	printf -v words '%q ' "$@"
	# shellcheck disable=SC2029 # quoted for the shell at the other end
	ssh "${ssh_options[@]}" ${tty:+-tt} root@127.0.0.1 "$words"
}

host_put() {
	host_shared
	local n=$(($# - 1))
	scp -q -r -p "${ssh_options[@]}" "${@:1:n}" "root@127.0.0.1:${*: -1}"
}

host_get() {
	host_shared
	local n=$(($# - 1)) remote=() path
	for path in "${@:1:n}"; do
		remote+=("root@127.0.0.1:$path")
	done
	scp -q -r -p "${ssh_options[@]}" "${remote[@]}" "${*: -1}"
}

# --- the end -----------------------------------------------------------------------------------

# host_gone PID SECONDS: waits until the emulator has ended.
host_gone() {
	local deadline=$((SECONDS + $2))
	while kill -0 "$1" 2>/dev/null; do
		[ $SECONDS -lt $deadline ] || return 1
		sleep 0.1
	done
	rm -f "$host/pid" "$host/port" "$run/ssh"
}

# Closes the shared connection; its process is one of ours, by its own socket.
host_disconnect() {
	[ ! -S "$run/ssh" ] || ssh "${ssh_options[@]}" -O exit root@127.0.0.1 >/dev/null 2>&1 || true
}

host_cut() {
	local pid
	host_require
	pid=$(host_pid)
	kill -KILL "$pid"
	host_gone "$pid" 20 || die "emulator $pid does not die; look at it with ps"
	host_disconnect
}

host_down() {
	local pid
	if pid=$(host_pid); then
		# One that does not answer ends this shell only, and is cut below.
		(host_exec systemctl poweroff) </dev/null >/dev/null 2>&1 || true
		if ! host_gone "$pid" $down_limit; then
			tail -n 25 "$console" | tr -d '\000' >&2
			kill -KILL "$pid"
			host_gone "$pid" 20 || true
			die "lab '$name' did not shut down within $down_limit s and was cut (console above)"
		fi
		host_disconnect
	elif [ -z "$purge" ]; then
		note "lab '$name' is down already"
	fi
	[ -z "$purge" ] || host_purge
}

host_purge() {
	rm -f "$host"/{disk.qcow2,base,console.log,qemu.log,pid,port}
	rm -rf "$run"
	mkdir -p "$run"
	chmod 700 "$run"
}

host_reboot() {
	local printed
	host_shared
	printed=$(stat -c %s "$console")
	host_exec systemctl reboot </dev/null >/dev/null 2>&1 || true
	local deadline=$((SECONDS + down_limit))
	# The old sshd closes the connection before the new kernel speaks.
	while [ -S "$run/ssh" ] && ssh "${ssh_options[@]}" -O check root@127.0.0.1 >/dev/null 2>&1; do
		[ $SECONDS -lt $deadline ] || host_failed "lab '$name' does not go down for the reboot"
		sleep 0.1
	done
	rm -f "$run/ssh"
	boot_limit=$((boot_limit + down_limit))
	host_wait "$printed"
}

host_status() {
	local pid
	if ! pid=$(host_pid); then
		printf '%s: down%s\n' "$name" "$([ -f "$host/disk.qcow2" ] && echo ', disk kept')"
		return 1
	fi
	printf '%s: up, pid %s, ssh port %s, image %s, vmmsd %s\n' "$name" "$pid" \
		"$(cat "$host/port")" "$(basename "$(cat "$host/base")")" \
		"$(host_exec systemctl is-active vmmsd.service </dev/null || true)"
}

host_list() {
	local dir
	for dir in "$lab"/hosts/*/; do
		[ -d "$dir" ] || continue
		name=$(basename "$dir")
		host_paths "$name"
		host_status || true
	done
}

host_console() {
	[ -f "$console" ] || die "lab '$name' has printed nothing yet; start it by: scripts/lab up"
	tr -d '\000' <"$console"
}
