/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "saved_head.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state.h"
#include "worker_error.h"

#define TAG	   "translate.saved"
#define VERSION	   2u		       /* 1 has nothing of the worker's own */
#define CHUNK_SIZE ((size_t)256 << 10) /* a multiple of 8 */

/* Finds accidents; who means ill can compute it, too. Each step is reversible, so that no single
 * change of a word goes unnoticed. */
static uint64_t sum_add(uint64_t sum, const uint8_t *data, size_t size)
{
	for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
		uint64_t word = 0;

		memcpy(&word, data + at, MIN(size - at, sizeof(word)));
		sum ^= GUINT64_FROM_LE(word);
		sum = (sum << 29 | sum >> 35) * UINT64_C(0x9e3779b97f4a7c15);
	}
	return sum;
}

/* Full but at the end of the file; -1 and errno. */
static ssize_t read_full(int fd, uint8_t *data, size_t size, uint64_t offset)
{
	size_t n = 0;

	while (n < size) {
		ssize_t r = pread(fd, data + n, size - n, (off_t)(offset + n));
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -1;
		if (r == 0)
			break;
		n += (size_t)r;
	}
	return (ssize_t)n;
}

/* The sum is also of what the head says. FALSE and errno: it cannot be read. */
static gboolean body_read(int fd, const struct saved_head *head, uint64_t *ret_size,
			  uint64_t *ret_sum)
{
	g_autofree uint8_t *chunk = g_malloc(CHUNK_SIZE);
	uint64_t sum = sum_add(0, head->uuid, sizeof(head->uuid)), size = 0;
	ssize_t n;

	sum = sum_add(sum, (const uint8_t *)head->machine, strlen(head->machine));
	while ((n = read_full(fd, chunk, CHUNK_SIZE, SAVED_HEAD_SIZE + size)) > 0) {
		sum = sum_add(sum, chunk, (size_t)n);
		size += (uint64_t)n;
	}
	*ret_size = size;
	*ret_sum = sum;
	return n == 0;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* The whole page: what is not written is zero. */
static gboolean page_write(int fd, const struct saved_head *head)
{
	struct state_writer *writer = state_writer_new();
	uint8_t page[SAVED_HEAD_SIZE] = {0};
	size_t size = 0;

	state_begin(writer, TAG, VERSION);
	state_put_bytes(writer, head->uuid, sizeof(head->uuid));
	state_put_string(writer, head->machine);
	state_put_u64(writer, head->size);
	state_put_u64(writer, head->sum);
	state_put_u64(writer, head->own);
	state_end(writer);
	const uint8_t *data = state_writer_data(writer, &size);
	if (data && size <= sizeof(page))
		memcpy(page, data, size);
	state_writer_free(writer);
	return pwrite(fd, page, sizeof(page), 0) == (ssize_t)sizeof(page);
}

static gboolean unwritable(GError **error)
{
	g_set_error(error, WORKER_ERROR, WORKER_ERROR_FAILED,
		    "its state cannot be written (%s); make room where saved machines are kept",
		    g_strerror(errno));
	return FALSE;
}

gboolean saved_head_append(int fd, struct saved_head *head, const void *data, size_t size,
			   GError **error)
{
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0)
		return unwritable(error);
	errno = EFBIG;
	n = size > SAVED_OWN_MAX ? -1 : pwrite(fd, data, size, st.st_size);
	if (n >= 0 && (size_t)n < size)
		errno = ENOSPC;
	if (n < 0 || (size_t)n < size)
		return unwritable(error);
	head->own = size;
	return TRUE;
}

gboolean saved_head_write(int fd, struct saved_head *head, GError **error)
{
	if (fdatasync(fd) == 0 && body_read(fd, head, &head->size, &head->sum) &&
	    page_write(fd, head) && fdatasync(fd) == 0)
		return TRUE;
	return unwritable(error);
}

/* ---- reading --------------------------------------------------------------------------------- */

static gboolean refuse(const char *fault, GError **error)
{
	g_set_error(error, WORKER_ERROR, WORKER_ERROR_INVALID_IMAGE,
		    "its saved state cannot be taken up: %s; discard it and start the machine "
		    "anew",
		    fault);
	return FALSE;
}

/* It becomes part of what libvirt reads. */
static gboolean machine_is_name(const char *machine)
{
	return *machine &&
	       strspn(machine, "abcdefghijklmnopqrstuvwxyz0123456789.-") == strlen(machine);
}

static gboolean page_parse(const uint8_t *page, size_t size, struct saved_head *head)
{
	struct state_reader reader;

	*head = (struct saved_head){0};
	state_reader_init(&reader, page, size);
	uint32_t version = state_enter(&reader, TAG, VERSION);
	state_get_bytes(&reader, head->uuid, sizeof(head->uuid));
	g_autofree char *machine = state_get_string(&reader, sizeof(head->machine) - 1);
	head->size = state_get_u64(&reader);
	head->sum = state_get_u64(&reader);
	head->own = version > 1 ? state_get_u64(&reader) : 0;
	state_leave(&reader);
	if (!state_ok(&reader) || !machine_is_name(machine) ||
	    head->own > MIN(head->size, SAVED_OWN_MAX))
		return FALSE;
	(void)g_strlcpy(head->machine, machine, sizeof(head->machine));
	return TRUE;
}

gboolean saved_head_read(int fd, const uint8_t uuid[16], struct saved_head *head, GError **error)
{
	uint8_t page[SAVED_HEAD_SIZE];
	struct stat st;

	if (fstat(fd, &st) < 0 || read_full(fd, page, sizeof(page), 0) != (ssize_t)sizeof(page) ||
	    !page_parse(page, sizeof(page), head))
		return refuse("the file was not saved by the engine translate, or not to its end",
			      error);
	if (memcmp(head->uuid, uuid, sizeof(head->uuid)) != 0)
		return refuse("the file is another machine's", error);
	if ((uint64_t)st.st_size - SAVED_HEAD_SIZE != head->size)
		return refuse("the file was cut short or has grown", error);
	return TRUE;
}

gboolean saved_head_check(int fd, const struct saved_head *head, GError **error)
{
	uint64_t size, sum;

	if (!body_read(fd, head, &size, &sum))
		return refuse("the file cannot be read", error);
	if (size != head->size || sum != head->sum)
		return refuse("the file is damaged", error);
	return TRUE;
}

uint8_t *saved_head_own(int fd, const struct saved_head *head, GError **error)
{
	g_autofree uint8_t *own = g_malloc(head->own + 1); /* never NULL */
	uint64_t at = SAVED_HEAD_SIZE + head->size - head->own;

	if (read_full(fd, own, head->own, at) == (ssize_t)head->own)
		return g_steal_pointer(&own);
	(void)refuse("the file cannot be read", error);
	return NULL;
}
