#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A host that reboots: guests end in their order before it, and those set to autostart run again.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

inside <<'EOF'
define() { # NAME ORDER ACTION
	cat >/tmp/def.json <<END
{"version": 1, "name": "$1", "memory": {"size": "256M"}, "stopOrder": $2, "stopAction": "$3",
 "boot": {"kernel": "$kernel", "initrd": "$initrd", "cmdline": "$cmdline quiet"}}
END
	hvctl create --file /tmp/def.json
}
define last 0 shutdown
define first 20 shutdown
define second 10 shutdown
define plug 10 off
hvctl autostart second on
same "autostart of second" "$(vm_get second autostart)" true
systemctl is-enabled -q vmms-vm@second.service || fail "vmms-vm@second is not enabled"
# The other way round.
systemctl enable -q vmms-vm@last.service
within 30 "vmmsd has seen that last is enabled" vm_has last autostart true
hvctl start last first second plug
for name in last first second plug; do
	vm_up "$name"
done

# Somebody who sees the whole of the end: ordered so that it is stopped after the guests.
rm -f /var/tmp/events
systemd-run -q --unit=witness -p Before=vmms-guests.service -p After=dbus.service \
	-p StandardOutput=file:/var/tmp/events "$(command -v hvctl)" events -o json
within 30 "the witness listens" systemctl is-active -q witness.service
sync
EOF

lab reboot

inside <<'EOF'
events=$(sed -n 's/.*"name": *"\([a-z]*\)".*"event": *"\([a-z-]*\)".*/\1 \2/p' /var/tmp/events |
	grep -E ' (stopped|crashed)$' || true)
same "how the guests ended" "$(sort <<<"$events" | tr '\n' ';')" \
	"first stopped;last stopped;plug stopped;second stopped;"
same "who ended first" "$(head -n 1 <<<"$events")" "first stopped"
same "who ended last" "$(tail -n 1 <<<"$events")" "last stopped"
for name in second last; do
	vm_becomes "$name" running
	vm_up "$name"
done
same "the state of first" "$(vm_get first state)" off
same "the state of plug" "$(vm_get plug state)" off
systemctl is-active -q vmms-vm@second.service || fail "vmms-vm@second is not active"
# Stopping the unit is stopping the guest.
systemctl stop vmms-vm@second.service
same "the state of second" "$(vm_get second state)" off
systemctl disable -q vmms-vm@last.service
within 30 "vmmsd has seen that last is disabled" vm_has last autostart false
hvctl host --launch off
systemctl start vmms-vm@second.service
same "the unit while the launch policy is off" \
	"$(systemctl show -P ActiveState -P Result vmms-vm@second.service | paste -sd ' ')" \
	"exec-condition inactive"
hvctl host --launch auto
hvctl autostart second off
! systemctl is-enabled -q vmms-vm@second.service 2>/dev/null || fail "vmms-vm@second is enabled"
hvctl stop last

# What systemd keeps for the unit of a VM goes with the VM.
hvctl edit plug --weight 300
hvctl start plug
kept=/run/systemd/system.control/vmworker@$(vm_get plug uuid).service.d
[ -d "$kept" ] || fail "there is no $kept"
hvctl stop plug
hvctl delete plug
within 30 "$kept goes" test ! -e "$kept"
EOF
