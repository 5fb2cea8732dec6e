/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control_plug.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "device_files.h"
#include "worker.h"
#include "worker_error.h"

static int reply_error(sd_bus_error *ret_error, const GError *error)
{
	return sd_bus_error_set(ret_error, worker_error_bus_name(error), error->message);
}

/* The descriptors in the message are its own: files gets duplicates. */
static gboolean file_take(struct device_files *files, const char *tag, int fd, GError **error)
{
	int *place = device_files_place(files, tag);

	if (place && *place < 0) {
		*place = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (*place >= 0)
			return TRUE;
		g_set_error(error, WORKER_ERROR, WORKER_ERROR_FAILED,
			    "Attach: a file cannot be had (%s); raise the limit of open files",
			    g_strerror(errno));
		return FALSE;
	}
	g_autofree char *name = g_strescape(tag, NULL);
	g_set_error(error, WORKER_ERROR, WORKER_ERROR_INVALID_ARGUMENT, "file \"%.32s\": %s", name,
		    place ? "the file is given twice; give it once"
			  : "no device has a file of this tag; leave it out");
	return FALSE;
}

/* Negative, or with error set when there is one of ours to tell. */
static int files_take(sd_bus_message *message, struct device_files *files, GError **error)
{
	const char *tag;
	int fd;

	int r = sd_bus_message_enter_container(message, SD_BUS_TYPE_ARRAY, "(sh)");
	while (r >= 0 && (r = sd_bus_message_read(message, "(sh)", &tag, &fd)) > 0)
		if (!file_take(files, tag, fd, error))
			return 0;
	return r;
}

int control_attach(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
	g_autoptr(GError) error = NULL;
	struct device_files files;
	const char *device;

	int r = sd_bus_message_read(message, "s", &device);
	if (r < 0)
		return r;
	device_files_init(&files);
	r = files_take(message, &files, &error);
	if (r >= 0 && !error)
		(void)worker_attach(userdata, device, strlen(device), &files, &error);
	device_files_close(&files);
	if (error)
		return reply_error(ret_error, error);
	return r < 0 ? r : sd_bus_reply_method_return(message, NULL);
}

/* The methods that name the place of a disk and return nothing. */
static int call_place(sd_bus_message *message, void *userdata, sd_bus_error *ret_error,
		      gboolean (*call)(struct worker *, uint32_t, uint32_t, GError **))
{
	g_autoptr(GError) error = NULL;
	uint32_t controller, lun;

	int r = sd_bus_message_read(message, "uu", &controller, &lun);
	if (r < 0)
		return r;
	if (!call(userdata, controller, lun, &error))
		return reply_error(ret_error, error);
	return sd_bus_reply_method_return(message, NULL);
}

int control_detach_disk(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
	return call_place(message, userdata, ret_error, worker_detach_disk);
}

int control_suspend_disk(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
	return call_place(message, userdata, ret_error, worker_suspend_disk);
}

int control_refresh_disk(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
	g_autoptr(GError) error = NULL;
	uint32_t controller, lun;
	uint64_t size = 0;

	int r = sd_bus_message_read(message, "uu", &controller, &lun);
	if (r < 0)
		return r;
	if (!worker_refresh_disk(userdata, controller, lun, &size, &error))
		return reply_error(ret_error, error);
	return sd_bus_reply_method_return(message, "t", size);
}

int control_detach_nic(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
	g_autoptr(GError) error = NULL;
	const char *mac;

	int r = sd_bus_message_read(message, "s", &mac);
	if (r < 0)
		return r;
	if (!worker_detach_nic(userdata, mac, &error))
		return reply_error(ret_error, error);
	return sd_bus_reply_method_return(message, NULL);
}
