#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A whole Debian again: AF_VSOCK both ways, frozen file systems, and its clock after a pause.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

inside <<'EOF'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp --sparse=always /srv/guest.img "$work/debian.img"
cat >"$work/greet" <<'PERL'
socket(S, 40, 1, 0) or die "socket: $!";
connect(S, pack("S S L L x4", 40, 0, $ARGV[0], 2)) or do { print "not-", "taken\n"; exit };
syswrite(S, "hello from the guest\n");
sysread(S, $said, 100);
print "it was said: $said";
PERL
cat >"$work/serve" <<'PERL'
socket(S, 40, 1, 0) or die "socket: $!";
bind(S, pack("S S L L x4", 40, 0, $ARGV[0], 0xffffffff)) or die "bind: $!";
listen(S, 5);
print "it ", "listens\n";
accept(C, S);
sysread(C, $said, 100);
print "it heard: $said";
syswrite(C, "hello from port $ARGV[0]\n");
PERL
words="vmms.root=sda" vm_new debian --memory 512M --disk path="$work/debian.img"
hvctl start debian
vm_says debian 'guest login: root'
within 60 "it takes files" hvctl cp "$work/greet" debian:/root/greet
within 60 "it takes files" hvctl cp "$work/serve" debian:/root/serve
knows() { hvctl show debian -o json | grep -qE -- "$1"; }

does() { vm_does debian "$1"; }

vsock=$(hvctl show debian -o json | sed -nE 's/.*"vsock": *"([^"]*)".*/\1/p')
[ -S "$vsock" ] || fail "there is no socket '$vsock'"
# The guest begins: to a program of the host that listens, and to nobody.
perl -MSocket -e 'socket(S, PF_UNIX, SOCK_STREAM, 0); bind(S, sockaddr_un($ARGV[0])) or die;
	listen(S, 5); accept(C, S); sysread(C, $x, 100); print $x; syswrite(C, "welcome\n")' \
	"${vsock}_5000" >"$work/heard" &
listener=$!
within 10 "the program listens" test -S "${vsock}_5000"
does 'perl /root/greet 5000'
vm_says debian 'it was said: welcome'
wait "$listener"
has "what the host heard" "$(cat "$work/heard")" 'hello from the guest'
does 'perl /root/greet 5001'
vm_says debian 'not-taken'
# The host begins.
does 'perl /root/serve 6000 &'
vm_says debian 'it listens'
said=$(perl -MSocket -e 'socket(S, PF_UNIX, SOCK_STREAM, 0); connect(S, sockaddr_un($ARGV[0])) or die;
	syswrite(S, "CONNECT 6000\n"); sysread(S, $x, 100); print $x; syswrite(S, "hello from the host\n");
	sysread(S, $x, 100); print $x' "$vsock")
has "what the guest said" "$said" 'OK 6000'
has "what the guest said" "$said" 'hello from port 6000'
vm_says debian 'it heard: hello from the host'

# Its daemon may start after the others; until then the guest refuses.
refused 4 'are not frozen' hvctl thaw debian
within 60 "it is frozen" hvctl freeze debian --for 300
knows '"frozen": *true' || fail "that it is frozen is not seen"
same "the state of debian" "$(vm_get debian state)" running
refused 4 'frozen already' hvctl freeze debian
does 'touch /root/touched && echo is-"touched"'
! grep -q 'is-touched' <<<"$(vm_log debian)" || fail "it wrote while it was frozen"
hvctl thaw debian
vm_says debian 'is-touched'
knows '"frozen": *false' || fail "that it is thawed is not seen"
hvctl freeze debian --for 3
within 60 "it is thawed by itself" knows '"frozen": *false'
has "the events" "$(hvctl events --last 1000 --no-follow debian)" 'guest-thawed .*nobody did it in time'
refused 1 'did not stay frozen' hvctl thaw debian

# Its clock is right within a second after a pause.
hvctl pause debian
sleep 20
hvctl resume debian
before=$(date +%s)
does 'echo now-$(date +%s)-'
vm_says debian 'now-[0-9]+-'
after=$(date +%s)
now=$(vm_log debian | sed -nE 's/.*now-([0-9]+)-.*/\1/p' | tail -n 1)
((now >= before - 1 && now <= after + 1)) ||
	fail "its clock says $now, between $before and $after of the host's"
hvctl shutdown debian --timeout "$patience"
EOF
