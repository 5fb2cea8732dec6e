/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake_worker_plug.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_worker.h"

#define STARTED_DISK  100
#define ATTACHED_DISK 400
#define ATTACHED_NIC  600
#define ATTACHED_LIFE 800
#define LATE_US	      UINT64_C(22000000) /* vmmsd waits for 20 s */

static int on_late(sd_event_source *source, uint64_t usec, void *userdata)
{
	sd_bus_message *call = userdata;

	(void)source, (void)usec;
	(void)sd_bus_reply_method_return(call, NULL);
	sd_bus_message_unref(call);
	return 0;
}

static int on_late_refusal(sd_event_source *source, uint64_t usec, void *userdata)
{
	sd_bus_message *call = userdata;

	(void)source, (void)usec;
	(void)sd_bus_reply_method_errorf(call, VMMS_ERROR_PREFIX "Failed", "the slot was stuck");
	sd_bus_message_unref(call);
	return 0;
}

/* Positive: it goes on. */
static int behave(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	const char *behaviour = fake_behaviour(userdata);

	if (g_str_has_prefix(behaviour, "late-"))
		return sd_event_add_time_relative(
			sd_bus_get_event(sd_bus_message_get_bus(call)), NULL, CLOCK_MONOTONIC,
			LATE_US, 0, g_str_equal(behaviour, "late-plug") ? on_late : on_late_refusal,
			sd_bus_message_ref(call));
	if (g_str_equal(behaviour, "refuse-plug"))
		return sd_bus_error_set(error, VMMS_ERROR_PREFIX "Failed",
					"the slot is stuck; pull harder");
	if (g_str_equal(behaviour, "forget-plug"))
		return sd_bus_error_set(error, VMMS_ERROR_PREFIX "InvalidArgument",
					"there is no disk; see hvctl show");
	if (g_str_equal(behaviour, "die-in-plug")) {
		(void)raise(SIGKILL);
		abort();
	}
	return g_str_equal(behaviour, "hang-in-plug") ? 0 : 1;
}

/* Of the one disk in {"disks":[…]}; 0 for an adapter. */
static int lun_of(const char *device)
{
	json_object *root = json_tokener_parse(device), *disks = NULL, *lun = NULL;
	int number = 0;

	if (json_object_object_get_ex(root, "disks", &disks) &&
	    json_object_object_get_ex(json_object_array_get_idx(disks, 0), "lun", &lun))
		number = json_object_get_int(lun);
	json_object_put(root);
	return number;
}

static int keep(const char *tag, int fd, int lun)
{
	int at;

	if (g_str_equal(tag, VMMS_FILE_DISK "0"))
		at = ATTACHED_DISK + lun;
	else if (g_str_equal(tag, VMMS_FILE_DISK "0" VMMS_FILE_DISK_LIFE))
		at = ATTACHED_LIFE + lun;
	else if (g_str_has_prefix(tag, VMMS_FILE_NIC "0."))
		at = ATTACHED_NIC +
		     (int)g_ascii_strtoull(tag + strlen(VMMS_FILE_NIC "0."), NULL, 10);
	else
		return -EINVAL;
	return dup3(fd, at, O_CLOEXEC) < 0 ? -errno : 0;
}

int fake_attach(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	const char *device, *tag;
	int fd, r = behave(call, userdata, error);

	if (r <= 0)
		return r < 0 ? r : 1;
	if (sd_bus_message_read(call, "s", &device) < 0)
		return -EINVAL;
	r = sd_bus_message_enter_container(call, 'a', "(sh)");
	while (r >= 0 && (r = sd_bus_message_read(call, "(sh)", &tag, &fd)) > 0) {
		r = keep(tag, fd, lun_of(device));
		if (r < 0)
			break;
	}
	return r < 0 ? r : sd_bus_reply_method_return(call, NULL);
}

int fake_detach_disk(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	uint32_t controller, lun;
	int r = behave(call, userdata, error);

	if (r <= 0)
		return r < 0 ? r : 1;
	if (sd_bus_message_read(call, "uu", &controller, &lun) < 0)
		return -EINVAL;
	(void)close(STARTED_DISK + (int)lun);
	(void)close(ATTACHED_DISK + (int)lun); /* or what keeps the server of the former */
	(void)close(ATTACHED_LIFE + (int)lun);
	return sd_bus_reply_method_return(call, NULL);
}

int fake_refresh_disk(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	uint32_t controller, lun;
	struct stat st;
	int r = behave(call, userdata, error);

	if (r <= 0)
		return r < 0 ? r : 1;
	if (sd_bus_message_read(call, "uu", &controller, &lun) < 0 ||
	    (fstat(STARTED_DISK + (int)lun, &st) < 0 && fstat(ATTACHED_DISK + (int)lun, &st) < 0))
		return -EINVAL;
	return sd_bus_reply_method_return(call, "t", (uint64_t)st.st_size);
}

int fake_detach_nic(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	const char *mac;
	int r = behave(call, userdata, error);

	if (r <= 0)
		return r < 0 ? r : 1;
	if (sd_bus_message_read(call, "s", &mac) < 0)
		return -EINVAL;
	for (int q = 0; q < (int)VMMS_MAX_NIC_QUEUES; q++)
		(void)close(ATTACHED_NIC + q);
	return sd_bus_reply_method_return(call, NULL);
}
