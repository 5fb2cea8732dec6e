#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# scripts/demo as it goes on a machine with hardware virtualization, which the lab is: the embedded
# vmmsd --private from the build tree. What it would install and build is brought along.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
: "${VMMS_BUILD:?names the build tree}"

# shellcheck source=tests/lab/demo-tree.sh
. "$here/demo-tree.sh"
demo_tree /srv/kernels /srv vmworker/vmworker
# The linker's path to libhvctl is the build tree's: the installed library serves as well.
lab exec -- rm -rf /run/tree </dev/null
lab put "$tree" /run/tree

inside <<'EOF'
ip link add uplink type dummy
trap 'ip link del uplink' EXIT
ip address add 192.0.2.1/24 dev uplink
ip link set uplink up
ip route replace default via 192.0.2.254
shown=$(/run/tree/scripts/demo 2>&1) || fail "the demonstration ended with $?; its end: $(tail -n 15 <<<"$shown")"
has "what the demonstration shows" "$shown" 'this machine has hardware virtualization: the demonstration runs on it'
has "what the demonstration shows" "$shown" 'Virtualization: *AMD-V'
has "what the demonstration shows" "$shown" 'vmms-guest: userspace reached 1 cpus'
has "what the demonstration shows" "$shown" 'sda .* 1G Msft'
has "what the demonstration shows" "$shown" '^running'
has "what the demonstration shows" "$shown" '^eth0 .*192\.0\.2\.1/24'
has "what the demonstration shows" "$shown" 'OSName: *Debian GNU/Linux'
has "what the demonstration shows" "$shown" 'Linux guest 6\.'
has "what the demonstration shows" "$shown" '"state": "off", "reason": "the guest powered off'
! pgrep -f '^/run/tree/build' || fail "the demonstration left processes behind"
rm -rf /run/tree
EOF
