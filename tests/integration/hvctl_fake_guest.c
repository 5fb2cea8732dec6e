// SPDX-License-Identifier: LGPL-2.1-or-later
/* The guests of the fake service: what they were asked is told as an event. "deaf-" ones have no
 * drivers, and copies to "slow-" ones last until they are canceled. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hvctl_fake_service.h"

static int refuse(const struct fake_vm *vm, sd_bus_error *error)
{
	if (strcmp(vm->state, "running") != 0)
		return sd_bus_error_setf(error, VMMS_ERROR_PREFIX "WrongState",
					 "VM %s is %s, so its guest cannot answer; start it first",
					 vm->name, vm->state);
	if (g_str_has_prefix(vm->name, "deaf-"))
		return sd_bus_error_setf(error, VMMS_ERROR_PREFIX "NotSupported",
					 "VM %s: the guest has no driver for it", vm->name);
	return 0;
}

static int told(sd_bus_message *m, struct fake_vm *vm, const char *what, const char *detail)
{
	fake_event(vm->fake, vm, what, detail);
	return sd_bus_reply_method_return(m, NULL);
}

int fake_guest_type(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *text;
	int keys;

	int r = sd_bus_message_read(m, "sb", &text, &keys);
	if (r < 0 || (r = refuse(userdata, error)) < 0)
		return r;
	if (keys && strchr(text, '?'))
		return sd_bus_error_set(error, VMMS_ERROR_PREFIX "InvalidArgument",
					"VM x: that names no keys");
	return told(m, userdata, keys ? "pressed" : "typed", text);
}

int fake_guest_set_pair(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *key, *value;

	int r = sd_bus_message_read(m, "ss", &key, &value);
	if (r < 0 || (r = refuse(userdata, error)) < 0)
		return r;
	g_autofree char *pair = g_strdup_printf("%s=%s", key, value);
	return told(m, userdata, "pair", pair);
}

int fake_guest_delete_pair(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *key;

	int r = sd_bus_message_read(m, "s", &key);
	if (r < 0 || (r = refuse(userdata, error)) < 0)
		return r;
	return told(m, userdata, "pair-deleted", key);
}

static int on_job_done(sd_event_source *source, void *userdata)
{
	struct fake_vm *vm = userdata;

	sd_event_source_disable_unref(source);
	if (!vm->job)
		return 0;
	if (g_str_has_prefix(vm->name, "stubborn-"))
		fake_job_finish(vm, vm->job, "failed", VMMS_ERROR_PREFIX "TimedOut",
				"VM x did not restart within 1 s, which it was asked for");
	else
		fake_job_finish(vm, vm->job, "done", NULL, "");
	return 0;
}

/* A job that is done soon, but of a "slow-" one. */
static int job_begin(sd_bus_message *m, struct fake_vm *vm)
{
	sd_event_source *source;
	char job[64];

	vm->job = ++vm->fake->jobs;
	if (!g_str_has_prefix(vm->name, "slow-"))
		sd_event_add_defer(vm->fake->event, &source, on_job_done, vm);
	snprintf(job, sizeof(job), VMMS_JOB_PREFIX "/%u", vm->job);
	return sd_bus_reply_method_return(m, "o", job);
}

/* Reboot and Hibernate. */
int fake_guest_ask(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct fake_vm *vm = userdata;
	uint64_t timeout;

	int r = sd_bus_message_read(m, "t", &timeout);
	if (r < 0 || (r = refuse(vm, error)) < 0)
		return r;
	g_autofree char *detail = g_strdup_printf("%" PRIu64, timeout);
	fake_event(vm->fake, vm, sd_bus_message_get_member(m), detail);
	return job_begin(m, vm);
}

int fake_guest_freeze(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct fake_vm *vm = userdata;
	uint64_t hold;

	int r = sd_bus_message_read(m, "t", &hold);
	if (r < 0 || (r = refuse(vm, error)) < 0)
		return r;
	g_autofree char *detail = g_strdup_printf("%" PRIu64, hold);
	fake_event(vm->fake, vm, "frozen", detail);
	return job_begin(m, vm);
}

int fake_guest_thaw(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct fake_vm *vm = userdata;

	int r = refuse(vm, error);
	if (r < 0)
		return r;
	fake_event(vm->fake, vm, "thawed", "");
	return job_begin(m, vm);
}

int fake_guest_copy(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct fake_vm *vm = userdata;
	char text[64] = "";
	const char *path;
	int fd, overwrite;

	int r = sd_bus_message_read(m, "hsb", &fd, &path, &overwrite);
	if (r < 0 || (r = refuse(vm, error)) < 0)
		return r;
	if (pread(fd, text, sizeof(text) - 1, 0) < 0)
		return -errno;
	g_autofree char *detail = g_strdup_printf("%s %s %d", path, text, overwrite);
	fake_event(vm->fake, vm, "copied", detail);
	return job_begin(m, vm);
}

/* ---- the job of a VM ------------------------------------------------------------------------- */

static int on_cancel(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct fake_vm *vm = userdata;

	(void)error;
	int r = sd_bus_reply_method_return(m, NULL);
	fake_job_finish(vm, vm->job, "canceled", VMMS_ERROR_PREFIX "Canceled",
			"the copy was canceled");
	return r;
}

static int get_progress(sd_bus *bus, const char *path, const char *interface, const char *property,
			sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	(void)bus, (void)path, (void)interface, (void)property, (void)userdata, (void)error;
	return sd_bus_message_append(reply, "u", 42u);
}

const sd_bus_vtable fake_job_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Cancel", "", "", on_cancel, 0),
	SD_BUS_PROPERTY("Progress", "u", get_progress, 0, 0),
	SD_BUS_VTABLE_END,
};

int fake_job_find(sd_bus *bus, const char *path, const char *interface, void *userdata,
		  void **found, sd_bus_error *error)
{
	struct fake *fake = userdata;
	char job[64];

	(void)bus, (void)interface, (void)error;
	for (guint i = 0; i < fake->vms->len; i++) {
		struct fake_vm *vm = fake->vms->pdata[i];
		snprintf(job, sizeof(job), VMMS_JOB_PREFIX "/%u", vm->job);
		if (vm->job && strcmp(job, path) == 0) {
			*found = vm;
			return 1;
		}
	}
	return 0;
}
