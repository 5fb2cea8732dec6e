/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest that the fake worker has not: it says what it was asked, as an event. */
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "fake_worker.h"
#include "fake_worker_host.h"

void fake_guest_event(sd_bus_message *call, const char *event, const char *detail)
{
	(void)sd_bus_emit_signal(sd_bus_message_get_bus(call), VMMS_WORKER_PATH, VMMS_IFACE_WORKER,
				 "GuestEvent", "ss", event, detail);
}

void fake_flood(sd_bus_message *call)
{
	for (int i = 0; i < 200; i++)
		fake_guest_event(call, "reset", "the guest \033[31mreset\n itself");
}

int fake_get_guest(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	struct fake *fake = userdata;
	g_autofree char *huge = g_strnfill(100000, 'h');

	(void)error;
	if (fake_is(fake, "mute-guest"))
		return 1;
	if (fake_is(fake, "frozen-guest"))
		return sd_bus_reply_method_return(call, "a(sss)", 1, "guest", "frozen", "yes");
	if (fake_is(fake, "odd-guest"))
		return sd_bus_reply_method_return(call, "a(sss)", 4, "fact", huge, huge, "guest",
						  "state", "responding", "guest", "uuid", "x",
						  "nonsense", "a", "b");
	return sd_bus_reply_method_return(
		call, "a(sss)", 12, "enlightenment", "synic", "on", "enlightenment", "crash", "on",
		"used", "hypercalls", "no", "used", "synic", "yes", "used", "crash", "unknown",
		"guest", "state", "not responding", "guest", "os", "Linux 6.1.158", "fact",
		"FullyQualifiedDomainName", "web1.example", "pair", "role", "db", "address",
		"56:4d:53:00:00:01", "192.0.2.1", "address", "56:4d:53:00:00:02", "192.0.2.2",
		"address", "56:4d:53:00:00:01", "fe80::1");
}

static int guest_answer(sd_bus_message *call, struct fake *fake, sd_bus_error *error)
{
	if (fake_is(fake, "deaf-guest"))
		return sd_bus_error_set(error, VMMS_ERROR_PREFIX "NotSupported",
					"the guest has no driver for it");
	if (fake_is(fake, "die-in-guest"))
		fake_die();
	if (fake_is(fake, "disk-fails")) {
		fake_flood(call);
		for (int i = 0; i < 30; i++)
			fake_guest_event(call, VMMS_GUEST_EVENT_DISK, "the disk is full");
	}
	return sd_bus_reply_method_return(call, NULL);
}

/* Tells what it was asked as an event of the guest. */
static int guest_tell(sd_bus_message *call, struct fake *fake, sd_bus_error *error, char *detail)
{
	fake_guest_event(call, sd_bus_message_get_member(call), detail);
	g_free(detail);
	return guest_answer(call, fake, error);
}

int fake_type(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	const char *text;
	int keys;

	if (sd_bus_message_read(call, "sb", &text, &keys) < 0)
		return -EINVAL;
	if (fake_is(userdata, "greets-host"))
		return fake_greet_host(call, text);
	return guest_tell(call, userdata, error, g_strdup_printf("%s %d", text, keys));
}

int fake_freeze(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	uint64_t hold;

	if (sd_bus_message_read(call, "t", &hold) < 0)
		return -EINVAL;
	if (fake_is(userdata, "slow-freeze"))
		return 1;
	return guest_tell(call, userdata, error, g_strdup_printf("%" PRIu64, hold));
}

int fake_thaw(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	return guest_tell(call, userdata, error, g_strdup("now"));
}

static void guest_off(struct fake *fake, const char *reason)
{
	fake_result(fake, "off", reason, "power-off");
	fake_end_soon(fake);
}

int fake_reboot(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	struct fake *fake = userdata;
	int r = guest_answer(call, fake, error);

	if (r < 0 || fake_is(fake, "ignore-reboot"))
		return r;
	if (fake_is(fake, "off-at-reboot"))
		guest_off(fake, "the guest powered off");
	else if (fake_is(fake, "crash-at-reboot"))
		fake_guest_event(call, "crash", "the guest panicked: at its end");
	else
		fake_guest_event(call, "reset", "the guest reset itself");
	return r;
}

int fake_hibernate(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	struct fake *fake = userdata;
	int r = guest_answer(call, fake, error);

	if (r < 0 || fake_is(fake, "ignore-reboot"))
		return r;
	if (fake_is(fake, "reset-at-hibernate"))
		fake_guest_event(call, "reset", "the guest reset itself");
	else
		guest_off(fake, "the guest powered off (ACPI S4)");
	return r;
}

int fake_set_pair(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	const char *key, *value;

	if (sd_bus_message_read(call, "ss", &key, &value) < 0)
		return -EINVAL;
	return guest_tell(call, userdata, error, g_strdup_printf("%s=%s", key, value));
}

int fake_delete_pair(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	const char *key;

	if (sd_bus_message_read(call, "s", &key) < 0)
		return -EINVAL;
	return guest_tell(call, userdata, error, g_strdup(key));
}

int fake_copy(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	struct fake *fake = userdata;
	char text[64] = "";
	const char *path;
	int fd, overwrite;

	if (sd_bus_message_read(call, "hsb", &fd, &path, &overwrite) < 0 ||
	    pread(fd, text, sizeof(text) - 1, 0) < 0)
		return -EINVAL;
	(void)sd_bus_emit_signal(sd_bus_message_get_bus(call), VMMS_WORKER_PATH, VMMS_IFACE_WORKER,
				 "CopyProgress", "u", 42u);
	if (fake_is(fake, "slow-copy")) {
		fake->copy = sd_bus_message_ref(call);
		return 1;
	}
	return guest_tell(call, fake, error, g_strdup_printf("%s %s %d", path, text, overwrite));
}

int fake_cancel_copy(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	struct fake *fake = userdata;

	(void)error;
	if (fake->copy)
		(void)sd_bus_reply_method_errorf(fake->copy, VMMS_ERROR_PREFIX "Canceled",
						 "the copy was canceled");
	fake->copy = sd_bus_message_unref(fake->copy);
	return sd_bus_reply_method_return(call, NULL);
}
