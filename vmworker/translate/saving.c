/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "saving.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "emulator_root.h"
#include "request.h"
#include "worker_error.h"

#define ANSWER_TIMEOUT_MS 4000u
#define STALL_US	  (INT64_C(20) * G_USEC_PER_SEC) /* without progress it is given up */
#define LOOK_MS		  5				 /* between two questions */
#define END_MS		  500 /* from an answer that failed to the end of who gave it */

/* ---- calls with the file --------------------------------------------------------------------- */

struct file_call {
	struct emulator *emulator;
	int fd; /* its own: the call may outlast who waits for it */
	gboolean (*make)(struct emulator *emulator, int fd, GError **error);
};

static gboolean file_call_make(void *data, GError **error)
{
	const struct file_call *call = data;

	return call->make(call->emulator, call->fd, error);
}

static void file_call_free(void *data)
{
	struct file_call *call = data;

	if (call->fd >= 0)
		close(call->fd);
	g_free(call);
}

/* Then that is the error, whatever libvirt said, or waited for. */
static gboolean has_ended(const struct saving *saving, int wait_ms, GError **error)
{
	struct pollfd end = {.fd = saving->pidfd, .events = POLLIN};

	if (poll(&end, 1, wait_ms) != 1)
		return FALSE;
	g_clear_error(error);
	g_set_error_literal(error, WORKER_ERROR, WORKER_ERROR_FAILED,
			    "QEMU ended in the middle of its state; start the machine again");
	return TRUE;
}

static gboolean begin(const struct saving *saving,
		      gboolean (*make)(struct emulator *emulator, int fd, GError **error),
		      GError **error)
{
	struct file_call *data = g_new0(struct file_call, 1);
	const struct call call = {.make = file_call_make, .free = file_call_free, .data = data};

	*data = (struct file_call){saving->emulator, fcntl(saving->fd, F_DUPFD_CLOEXEC, 3), make};
	if (data->fd >= 0 && lseek(data->fd, SAVED_HEAD_SIZE, SEEK_SET) == SAVED_HEAD_SIZE)
		return caller_call(saving->caller, &call, ANSWER_TIMEOUT_MS, error);
	file_call_free(data);
	g_set_error_literal(error, WORKER_ERROR, WORKER_ERROR_FAILED,
			    "the file of its state cannot be used; give a regular file");
	return FALSE;
}

/* ---- waiting --------------------------------------------------------------------------------- */

/* FALSE: it is not over. While QEMU reads, it does not answer: that is none unless it stalls. */
static gboolean look(const struct saving *saving, gboolean *ret_failed, GError **error)
{
	g_autoptr(GError) failure = NULL;

	*ret_failed = FALSE;
	if (request_ask(saving->caller, saving->emulator, emulator_look, ANSWER_TIMEOUT_MS,
			&failure))
		return emulator_is_moved(saving->emulator);
	if (g_error_matches(failure, WORKER_ERROR, WORKER_ERROR_TIMED_OUT))
		return FALSE;
	*ret_failed = TRUE;
	g_propagate_error(error, g_steal_pointer(&failure));
	return FALSE;
}

static gboolean has_stalled(const struct saving *saving, off_t *at, gint64 *since)
{
	off_t now = lseek(saving->fd, 0, SEEK_CUR);

	if (now != *at)
		*since = g_get_monotonic_time();
	*at = now;
	return g_get_monotonic_time() - *since > STALL_US;
}

/* vmmsd takes the file's permissions away, for a worker that saves answers nobody. */
static gboolean is_broken_off(const struct saving *saving, GError **error)
{
	struct stat st;

	if (fstat(saving->fd, &st) < 0 || (st.st_mode & ALLPERMS) != 0)
		return FALSE;
	g_set_error_literal(error, WORKER_ERROR, WORKER_ERROR_CANCELED,
			    "it was broken off, and the machine goes on");
	return TRUE;
}

/* There may be no error when QEMU has ended. */
static gboolean wait_moved(const struct saving *saving, GError **error)
{
	gint64 since = g_get_monotonic_time();
	gboolean failed = FALSE;
	off_t at = -1;

	while (!failed && !has_ended(saving, LOOK_MS, NULL)) {
		if (is_broken_off(saving, error))
			return FALSE;
		if (look(saving, &failed, error))
			return TRUE;
		if (!failed && has_stalled(saving, &at, &since)) {
			g_set_error_literal(error, WORKER_ERROR, WORKER_ERROR_TIMED_OUT,
					    "QEMU does not get on with it; see that the host's "
					    "storage answers");
			return FALSE;
		}
	}
	return FALSE;
}

/* ---- both ways ------------------------------------------------------------------------------- */

static gboolean write_body(const struct saving *saving, GError **error)
{
	GError *failure = NULL;

	if (begin(saving, emulator_write_state, &failure) && wait_moved(saving, &failure))
		return TRUE;
	if (has_ended(saving, END_MS, error))
		g_clear_error(&failure);
	else
		g_propagate_prefixed_error(error, failure, "its state cannot be written: ");
	return FALSE;
}

static gboolean write_own(const struct saving *saving, const struct saving_own *own,
			  struct saved_head *head, GError **error)
{
	struct state_writer *writer = state_writer_new();
	gboolean written;
	size_t size = 0;

	own->write(own->context, writer);
	const uint8_t *data = state_writer_data(writer, &size);
	written = saved_head_append(saving->fd, head, data, size, error);
	state_writer_free(writer);
	return written;
}

static gboolean write_all(const struct saving *saving, const uint8_t uuid[16],
			  const struct saving_own *own, GError **error)
{
	struct saved_head head = {0};

	if (!write_body(saving, error) || !write_own(saving, own, &head, error))
		return FALSE;
	memcpy(head.uuid, uuid, sizeof(head.uuid));
	(void)g_strlcpy(head.machine, emulator_machine(saving->emulator), sizeof(head.machine));
	return saved_head_write(saving->fd, &head, error);
}

gboolean saving_write(const struct saving *saving, const uint8_t uuid[16],
		      const struct saving_own *own, gboolean *ret_broken, GError **error)
{
	*ret_broken = FALSE;
	if (write_all(saving, uuid, own, error))
		return TRUE;
	*ret_broken = !has_ended(saving, 0, NULL) &&
		      !request_ask(saving->caller, saving->emulator, emulator_stop_writing,
				   ANSWER_TIMEOUT_MS, NULL);
	return FALSE;
}

gboolean saving_read(const struct saving *saving, GError **error)
{
	g_autoptr(GError) failure = NULL;

	if (begin(saving, emulator_read_state, &failure) && wait_moved(saving, &failure))
		return TRUE;
	gboolean ended = has_ended(saving, END_MS, error);
	g_autofree char *words = ended ? emulator_root_last_words(saving->root) : NULL;
	if (words) {
		g_clear_error(error);
		g_set_error(error, WORKER_ERROR, WORKER_ERROR_INVALID_IMAGE,
			    "its saved state cannot be taken up: QEMU refuses it (%s); discard it "
			    "and start the machine anew",
			    words);
	} else if (!ended) {
		/* It is not the file's fault. */
		g_propagate_prefixed_error(error, g_steal_pointer(&failure),
					   "its saved state cannot be taken up: ");
	}
	return FALSE;
}
