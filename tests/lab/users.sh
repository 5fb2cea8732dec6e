#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Who may do what: members of group vmms on the system bus, nobody else; and what a user without
# /dev/kvm is told.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

inside <<'EOF'
as() {
	local user=$1
	shift
	setpriv --reuid "$user" --regid "$user" --init-groups --inh-caps=-all env HOME=/tmp "$@"
}
id alice >/dev/null 2>&1 || useradd -M -G vmms alice
id bob >/dev/null 2>&1 || useradd -M bob

as alice hvctl create hers --kernel "$kernel" --initrd "$initrd" --memory 256M
same "what alice sees" "$(as alice hvctl list -o name)" hers
refused 5 'group vmms' as bob hvctl list
refused 5 'group vmms' as bob hvctl delete hers
same "what alice sees" "$(as alice hvctl list -o name)" hers
as alice hvctl start hers
as alice hvctl stop hers

# Without group kvm a private service has no hypervisor, and says which group is missing.
dir=$(mktemp -d)
chown alice: "$dir"
as alice "$(systemctl cat vmmsd.service | sed -n 's/^ExecStart=//p')" --private "$dir" \
	>"$dir/log" 2>&1 &
service=$!
trap 'kill $service; wait $service || true' EXIT
within 30 "the private service is there" test -S "$dir/bus"
private() { as alice hvctl --connect "unix:path=$dir/bus" "$@"; }
private create mine --kernel "$kernel" --initrd "$initrd" --memory 256M
refused 1 'group.* kvm|kvm.* group' private start mine
same "its state" "$(private list -o json | sed -n 's/.*"state": "\([a-z]*\)".*/\1/p')" off
has "the host report" "$(private host 2>&1)" 'kvm'
EOF
