/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control_guest.h"

#include <errno.h>
#include <fcntl.h>

#include "vmms1.h"
#include "worker.h"
#include "worker_error.h"

static int reply_error(sd_bus_error *ret_error, const GError *error)
{
	return sd_bus_error_set(ret_error, worker_error_bus_name(error), error->message);
}

/* ---- what is known of the guest -------------------------------------------------------------- */

struct words {
	sd_bus_message *reply;
	int r;
};

static void word_append(void *context, const char *section, const char *name, const char *value)
{
	struct words *words = context;

	if (words->r >= 0)
		words->r = sd_bus_message_append(words->reply, "(sss)", section, name, value);
}

int control_get_guest(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
	struct words words = {0};

	(void)ret_error;
	words.r = sd_bus_message_new_method_return(message, &words.reply);
	if (words.r >= 0)
		words.r = sd_bus_message_open_container(words.reply, SD_BUS_TYPE_ARRAY, "(sss)");
	if (words.r >= 0)
		worker_describe(userdata, word_append, &words);
	if (words.r >= 0)
		words.r = sd_bus_message_close_container(words.reply);
	if (words.r >= 0)
		words.r = sd_bus_message_send(words.reply);
	sd_bus_message_unref(words.reply);
	return words.r;
}

int control_type(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
	g_autoptr(GError) error = NULL;
	const char *text;
	int keys;

	int r = sd_bus_message_read(message, "sb", &text, &keys);
	if (r < 0)
		return r;
	if (!worker_type(userdata, text, keys != 0, &error))
		return reply_error(ret_error, error);
	return sd_bus_reply_method_return(message, NULL);
}

/* ---- what the guest answers ------------------------------------------------------------------ */

/* context: the call, which ends here. Its connection may be gone: then nobody hears of it. */
static void call_done(void *context, const GError *error)
{
	sd_bus_message *call = context;

	if (error)
		(void)sd_bus_reply_method_errorf(call, worker_error_bus_name(error), "%s",
						 error->message);
	else
		(void)sd_bus_reply_method_return(call, NULL);
	sd_bus_message_unref(call);
}

static int pair_begin(sd_bus_message *message, struct worker *worker, const char *key,
		      const char *value, sd_bus_error *ret_error)
{
	const struct engine_request request = {.done = call_done, .context = message};
	g_autoptr(GError) error = NULL;

	sd_bus_message_ref(message);
	if (worker_set_pair(worker, key, value, &request, &error))
		return 1;
	sd_bus_message_unref(message);
	return reply_error(ret_error, error);
}

int control_set_pair(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
	const char *key, *value;

	int r = sd_bus_message_read(message, "ss", &key, &value);
	return r < 0 ? r : pair_begin(message, userdata, key, value, ret_error);
}

int control_delete_pair(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
	const char *key;

	int r = sd_bus_message_read(message, "s", &key);
	return r < 0 ? r : pair_begin(message, userdata, key, NULL, ret_error);
}

int control_freeze(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
	const struct engine_request request = {.done = call_done, .context = message};
	g_autoptr(GError) error = NULL;
	uint64_t hold_us;

	int r = sd_bus_message_read(message, "t", &hold_us);
	if (r < 0)
		return r;
	sd_bus_message_ref(message);
	if (worker_freeze(userdata, hold_us, &request, &error))
		return 1;
	sd_bus_message_unref(message);
	return reply_error(ret_error, error);
}

/* The methods without arguments differ in what they ask. */
static int ask_begin(sd_bus_message *message, struct worker *worker, sd_bus_error *ret_error,
		     gboolean (*ask)(struct worker *worker, const struct engine_request *request,
				     GError **error))
{
	const struct engine_request request = {.done = call_done, .context = message};
	g_autoptr(GError) error = NULL;

	sd_bus_message_ref(message);
	if (ask(worker, &request, &error))
		return 1;
	sd_bus_message_unref(message);
	return reply_error(ret_error, error);
}

int control_thaw(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
	return ask_begin(message, userdata, ret_error, worker_thaw);
}

int control_reboot(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
	return ask_begin(message, userdata, ret_error, worker_reboot);
}

int control_hibernate(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
	return ask_begin(message, userdata, ret_error, worker_hibernate);
}

/* To who asked, and to nobody else. */
static void copy_progressed(void *context, uint64_t copied, uint64_t size)
{
	sd_bus_message *call = context;
	uint32_t percent = size > 0 ? (uint32_t)((double)copied * 100.0 / (double)size) : 100;

	(void)sd_bus_emit_signal(sd_bus_message_get_bus(call), VMMS_WORKER_PATH, VMMS_IFACE_WORKER,
				 "CopyProgress", "u", percent);
}

int control_copy(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
	struct engine_copy copy = {.progress = copy_progressed,
				   .request = {.done = call_done, .context = message}};
	g_autoptr(GError) error = NULL;
	int fd, overwrite;

	int r = sd_bus_message_read(message, "hsb", &fd, &copy.path, &overwrite);
	if (r < 0)
		return r;
	copy.overwrite = overwrite != 0;
	copy.fd = fcntl(fd, F_DUPFD_CLOEXEC, 3); /* the message's own ends with it */
	if (copy.fd < 0)
		return -errno;
	sd_bus_message_ref(message);
	if (worker_copy(userdata, &copy, &error))
		return 1;
	sd_bus_message_unref(message);
	return reply_error(ret_error, error);
}

int control_cancel_copy(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
	g_autoptr(GError) error = NULL;

	if (!worker_cancel_copy(userdata, &error))
		return reply_error(ret_error, error);
	return sd_bus_reply_method_return(message, NULL);
}
