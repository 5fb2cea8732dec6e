/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control_object.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "control_guest.h"
#include "control_plug.h"
#include "start_files.h"
#include "worker.h"
#include "worker_error.h"

/* More entries than tags are an error of the sender's, found before they take descriptors. */
#define CONTROL_MAX_FILES (START_FILE_N + VMMS_MAX_DISKS + VMMS_MAX_NICS * VMMS_MAX_NIC_QUEUES)

/* The error becomes the reply. */
static int reply_error(sd_bus_error *ret_error, GError *error)
{
	int r = sd_bus_error_set(ret_error, worker_error_bus_name(error), error->message);

	g_error_free(error);
	return r;
}

static int reply_invalid(sd_bus_error *ret_error, const char *message)
{
	return sd_bus_error_set(ret_error, VMMS_ERROR_PREFIX "InvalidArgument", message);
}

/* The descriptors in the message are its own: files gets duplicates. */
static int files_decode(sd_bus_message *message, struct start_files *files, GError **error)
{
	const char *tag;
	int fd, r;

	r = sd_bus_message_enter_container(message, SD_BUS_TYPE_ARRAY, "(sh)");
	for (unsigned int n = 0; r >= 0; n++) {
		r = sd_bus_message_read(message, "(sh)", &tag, &fd);
		if (r <= 0)
			break;
		if (n == CONTROL_MAX_FILES) {
			g_set_error(
				error, WORKER_ERROR, WORKER_ERROR_INVALID_ARGUMENT,
				"Start: there are more than %u files; pass only those with known tags",
				(unsigned int)CONTROL_MAX_FILES);
			return 0;
		}
		if (!start_files_add(files, tag, fd, error))
			return 0;
	}
	return r < 0 ? r : sd_bus_message_exit_container(message);
}

static int method_start(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
	struct worker *worker = userdata;
	struct start_files files;
	const char *definition;
	GError *error = NULL;

	int r = sd_bus_message_read(message, "s", &definition);
	if (r < 0)
		return r;
	start_files_init(&files);
	r = files_decode(message, &files, &error);
	if (r < 0 || error) {
		start_files_close(&files);
		return error ? reply_error(ret_error, error) : r;
	}
	if (!worker_start(worker, definition, strlen(definition), &files, &error))
		return reply_error(ret_error, error);
	return sd_bus_reply_method_return(message, NULL);
}

/* The methods without arguments differ in what they call. */
static int call_plain(sd_bus_message *message, void *userdata, sd_bus_error *ret_error,
		      gboolean (*call)(struct worker *, GError **))
{
	GError *error = NULL;

	if (!call(userdata, &error))
		return reply_error(ret_error, error);
	return sd_bus_reply_method_return(message, NULL);
}

static int method_pause(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
	return call_plain(message, userdata, ret_error, worker_pause);
}

static int method_resume(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
	return call_plain(message, userdata, ret_error, worker_resume);
}

static int method_reset(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
	return call_plain(message, userdata, ret_error, worker_reset);
}

static int method_power_button(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
	return call_plain(message, userdata, ret_error, worker_power_button);
}

static int method_stop(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
	return call_plain(message, userdata, ret_error, worker_stop);
}

static int method_save(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
	GError *error = NULL;
	int fd;

	int r = sd_bus_message_read(message, "h", &fd);
	if (r < 0)
		return reply_invalid(ret_error, "Save: the argument is not a file; give h");
	if (!worker_save(userdata, fd, &error))
		return reply_error(ret_error, error);
	return sd_bus_reply_method_return(message, NULL);
}

static int method_open_console(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
	GError *error = NULL;
	uint32_t port, flags;
	int fd = -1;

	int r = sd_bus_message_read(message, "uu", &port, &flags);
	if (r < 0)
		return reply_invalid(ret_error,
				     "OpenConsole: the arguments are not two numbers; give uu");
	if (!worker_console(userdata, port, flags, &fd, &error))
		return reply_error(ret_error, error);
	r = sd_bus_reply_method_return(message, "h", fd); /* sends a duplicate */
	close(fd);
	return r;
}

struct counters {
	sd_bus_message *reply;
	int r;
};

static void counter_append(void *context, const char *name, uint64_t value)
{
	struct counters *counters = context;

	if (counters->r >= 0)
		counters->r = sd_bus_message_append(counters->reply, "{st}", name, value);
}

static int method_get_statistics(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
	struct counters counters = {0};

	(void)ret_error;
	counters.r = sd_bus_message_new_method_return(message, &counters.reply);
	if (counters.r >= 0)
		counters.r =
			sd_bus_message_open_container(counters.reply, SD_BUS_TYPE_ARRAY, "{st}");
	if (counters.r >= 0)
		worker_statistics(userdata, counter_append, &counters);
	if (counters.r >= 0)
		counters.r = sd_bus_message_close_container(counters.reply);
	if (counters.r >= 0)
		counters.r = sd_bus_message_send(counters.reply);
	sd_bus_message_unref(counters.reply);
	return counters.r;
}

static int property_uuid(sd_bus *bus, const char *path, const char *interface, const char *property,
			 sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
	(void)bus, (void)path, (void)interface, (void)property, (void)ret_error;
	return sd_bus_message_append(reply, "s", worker_uuid(userdata));
}

static int property_state(sd_bus *bus, const char *path, const char *interface,
			  const char *property, sd_bus_message *reply, void *userdata,
			  sd_bus_error *ret_error)
{
	(void)bus, (void)path, (void)interface, (void)property, (void)ret_error;
	return sd_bus_message_append(reply, "s", worker_state_name(worker_state(userdata)));
}

static int property_started(sd_bus *bus, const char *path, const char *interface,
			    const char *property, sd_bus_message *reply, void *userdata,
			    sd_bus_error *ret_error)
{
	(void)bus, (void)path, (void)interface, (void)property, (void)ret_error;
	return sd_bus_message_append(reply, "t", worker_started_us(userdata));
}

#define PLAIN_METHOD(name, handler) \
	SD_BUS_METHOD(name, NULL, NULL, handler, SD_BUS_VTABLE_UNPRIVILEGED)
#define CHANGING_PROPERTY(name, type, getter) \
	SD_BUS_PROPERTY(name, type, getter, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE)

/* Unprivileged: who may call was decided when the connection was accepted (endpoint.h). */
const sd_bus_vtable control_object_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD_WITH_ARGS("Start", SD_BUS_ARGS("s", definition, "a(sh)", files),
				SD_BUS_NO_RESULT, method_start, SD_BUS_VTABLE_UNPRIVILEGED),
	PLAIN_METHOD("Pause", method_pause),
	PLAIN_METHOD("Resume", method_resume),
	PLAIN_METHOD("Reset", method_reset),
	SD_BUS_METHOD_WITH_ARGS("Save", SD_BUS_ARGS("h", state), SD_BUS_NO_RESULT, method_save,
				SD_BUS_VTABLE_UNPRIVILEGED),
	PLAIN_METHOD("PowerButton", method_power_button),
	PLAIN_METHOD("Stop", method_stop),
	SD_BUS_METHOD_WITH_ARGS("OpenConsole", SD_BUS_ARGS("u", port, "u", flags),
				SD_BUS_RESULT("h", stream), method_open_console,
				SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("GetStatistics", SD_BUS_NO_ARGS, SD_BUS_RESULT("a{st}", counters),
				method_get_statistics, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("GetGuest", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(sss)", words),
				control_get_guest, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("Type", SD_BUS_ARGS("s", text, "b", keys), SD_BUS_NO_RESULT,
				control_type, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("SetPair", SD_BUS_ARGS("s", key, "s", value), SD_BUS_NO_RESULT,
				control_set_pair, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("DeletePair", SD_BUS_ARGS("s", key), SD_BUS_NO_RESULT,
				control_delete_pair, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("Copy", SD_BUS_ARGS("h", file, "s", path, "b", overwrite),
				SD_BUS_NO_RESULT, control_copy, SD_BUS_VTABLE_UNPRIVILEGED),
	PLAIN_METHOD("CancelCopy", control_cancel_copy),
	SD_BUS_METHOD_WITH_ARGS("Freeze", SD_BUS_ARGS("t", hold), SD_BUS_NO_RESULT, control_freeze,
				SD_BUS_VTABLE_UNPRIVILEGED),
	PLAIN_METHOD("Thaw", control_thaw),
	PLAIN_METHOD("Reboot", control_reboot),
	PLAIN_METHOD("Hibernate", control_hibernate),
	SD_BUS_METHOD_WITH_ARGS("Attach", SD_BUS_ARGS("s", device, "a(sh)", files),
				SD_BUS_NO_RESULT, control_attach, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("DetachDisk", SD_BUS_ARGS("u", controller, "u", lun),
				SD_BUS_NO_RESULT, control_detach_disk, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("SuspendDisk", SD_BUS_ARGS("u", controller, "u", lun),
				SD_BUS_NO_RESULT, control_suspend_disk, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("RefreshDisk", SD_BUS_ARGS("u", controller, "u", lun),
				SD_BUS_RESULT("t", size), control_refresh_disk,
				SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("DetachNic", SD_BUS_ARGS("s", mac), SD_BUS_NO_RESULT,
				control_detach_nic, SD_BUS_VTABLE_UNPRIVILEGED),
	CHANGING_PROPERTY("Uuid", "s", property_uuid),
	CHANGING_PROPERTY("State", "s", property_state),
	CHANGING_PROPERTY("Started", "t", property_started),
	SD_BUS_SIGNAL_WITH_ARGS("GuestEvent", SD_BUS_ARGS("s", event, "s", detail), 0),
	SD_BUS_SIGNAL_WITH_ARGS("CopyProgress", SD_BUS_ARGS("u", percent), 0),
	SD_BUS_VTABLE_END,
};
