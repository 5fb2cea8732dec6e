/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "state_file.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "partition.h"
#include "state.h"
#include "worker_error.h"

#define HEAD_TAG     "vmms saved state"
#define HEAD_VERSION 1u
#define CHECKSUM     G_CHECKSUM_SHA256
#define CHECKSUM_LEN 32u

#define PAGE ((size_t)PARTITION_PAGE_SIZE)
/* What is looked through and then written while the processor's cache still has it. */
#define WINDOW ((size_t)1 << 20)
/* So few pages of zeroes cost less when they are written than as a piece more of the file. */
#define GAP_MAX (8 * PAGE)
/* A read; the page tables are filled before it, at less cost than by faults in the midst of it. */
#define READ_MAX ((uint64_t)4 << 20)

static uint64_t memory_at(size_t blob_size)
{
	return PAGE + (blob_size + PAGE - 1) / PAGE * PAGE;
}

static gboolean write_failed(GError **error, int code)
{
	bool full = code == ENOSPC || code == EDQUOT || code == EFBIG;

	g_set_error(
		error, WORKER_ERROR, WORKER_ERROR_FAILED,
		"its state cannot be written (%s); %s, or shut it down instead", g_strerror(code),
		full ? "make room where it is to be" : "look after the disk that it is to be on");
	return FALSE;
}

static void checksum_of(const uint8_t *data, size_t size, uint8_t digest[CHECKSUM_LEN])
{
	g_autoptr(GChecksum) checksum = g_checksum_new(CHECKSUM);
	gsize length = CHECKSUM_LEN;

	g_checksum_update(checksum, data, (gssize)size);
	g_checksum_get_digest(checksum, digest, &length);
}

/* ---- writing --------------------------------------------------------------------------------- */

static gboolean write_all(int fd, const void *data, size_t size, uint64_t at, GError **error)
{
	const uint8_t *from = data;

	while (size > 0) {
		ssize_t n = pwrite(fd, from, size, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return write_failed(error, n < 0 ? errno : ENOSPC);
		from += n;
		size -= (size_t)n;
		at += (uint64_t)n;
	}
	return TRUE;
}

/* Whoever wants it to break off takes the file's permissions away, for nobody is answered now. */
static gboolean write_wanted(int fd, GError **error)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return write_failed(error, errno);
	if ((st.st_mode & ALLPERMS) != 0)
		return TRUE;
	g_set_error_literal(error, WORKER_ERROR, WORKER_ERROR_CANCELED,
			    "saving it was broken off, and it goes on");
	return FALSE;
}

static gboolean write_sync(int fd, GError **error)
{
	return fdatasync(fd) == 0 || write_failed(error, errno);
}

static bool page_is_zero(const uint8_t *page)
{
	const uint64_t *words = (const uint64_t *)(const void *)page;
	uint64_t any = 0;

	for (size_t i = 0; i < PAGE / sizeof(*words); i += 8) {
		for (size_t j = 0; j < 8; j++)
			any |= words[i + j];
		if (any)
			return false;
	}
	return true;
}

/* The next piece of [from, size) that is to be written; at `size`: there is none. */
static size_t find_piece(const uint8_t *window, size_t size, size_t from, size_t *length)
{
	size_t begin = from, end;

	while (begin < size && page_is_zero(window + begin))
		begin += PAGE;
	end = begin;
	for (size_t at = begin; at < size && at - end <= GAP_MAX; at += PAGE) {
		if (!page_is_zero(window + at))
			end = at + PAGE;
	}
	*length = end - begin;
	return begin;
}

static gboolean write_range(int fd, const uint8_t *memory, uint64_t size, uint64_t file_at,
			    GError **error)
{
	for (uint64_t done = 0; done < size; done += WINDOW) {
		size_t window = (size_t)MIN(WINDOW, size - done), length = 0;

		if (!write_wanted(fd, error))
			return FALSE;
		for (size_t at = 0; at < window; at += length) {
			at = find_piece(memory + done, window, at, &length);
			if (!write_all(fd, memory + done + at, length, file_at + done + at, error))
				return FALSE;
		}
	}
	return TRUE;
}

/* RAM has no gaps in the file. */
static uint64_t offset_of(const struct partition *partition, uint64_t gpa)
{
	struct gpa_range ranges[2];

	(void)partition_ram_ranges(partition, ranges);
	return gpa < PARTITION_HIGH_BASE ? gpa : ranges[0].size + (gpa - PARTITION_HIGH_BASE);
}

static gboolean write_memory(int fd, const struct partition *partition, uint64_t at, GError **error)
{
	struct gpa_range used = {0};

	while (partition_next_used(partition, used.base + used.size, &used)) {
		const uint8_t *memory = partition_gpa_pointer(partition, used.base, used.size);

		if (!write_range(fd, memory, used.size, at + offset_of(partition, used.base),
				 error))
			return FALSE;
	}
	return TRUE;
}

static gboolean write_head(int fd, const struct state_file_machine *machine, const uint8_t *blob,
			   size_t size, GError **error)
{
	struct state_writer *writer = state_writer_new();
	uint8_t digest[CHECKSUM_LEN], page[PAGE] = {0};
	const uint8_t *head;
	size_t length;

	checksum_of(blob, size, digest);
	state_begin(writer, HEAD_TAG, HEAD_VERSION);
	state_put_bytes(writer, machine->uuid, sizeof(machine->uuid));
	state_put_u64(writer, machine->memory);
	state_put_u32(writer, machine->vp_count);
	state_put_u32(writer, (uint32_t)size);
	state_put_bytes(writer, digest, sizeof(digest));
	state_end(writer);
	head = state_writer_data(writer, &length);
	memcpy(page, head, length);
	state_writer_free(writer);
	return write_all(fd, page, sizeof(page), 0, error) && write_sync(fd, error);
}

gboolean state_file_write(int fd, const struct state_file_machine *machine, const uint8_t *blob,
			  size_t size, const struct partition *partition, GError **error)
{
	uint64_t at = memory_at(size);

	if (ftruncate(fd, 0) < 0 || ftruncate(fd, (off_t)(at + machine->memory)) < 0)
		return write_failed(error, errno);
	if (write_all(fd, blob, size, PAGE, error) && write_memory(fd, partition, at, error) &&
	    write_sync(fd, error) && write_wanted(fd, error) &&
	    write_head(fd, machine, blob, size, error))
		return TRUE;
	(void)!ftruncate(fd, 0); /* to make room at once */
	return FALSE;
}

/* ---- reading --------------------------------------------------------------------------------- */

static gboolean refused(GError **error, const char *fault)
{
	g_set_error_literal(error, WORKER_ERROR, WORKER_ERROR_INVALID_IMAGE, fault);
	return FALSE;
}

static gboolean read_failed(GError **error, int code)
{
	g_set_error(error, WORKER_ERROR, WORKER_ERROR_FAILED, "its saved state cannot be read (%s)",
		    g_strerror(code));
	return FALSE;
}

static gboolean read_all(int fd, void *data, uint64_t size, uint64_t at, GError **error)
{
	uint8_t *to = data;

	while (size > 0) {
		ssize_t n = pread(fd, to, (size_t)size, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return read_failed(error, errno);
		if (n == 0)
			return refused(error, "its file ends too early");
		to += n;
		size -= (uint64_t)n;
		at += (uint64_t)n;
	}
	return TRUE;
}

struct head {
	struct state_file_machine machine;
	uint32_t size;
	uint8_t digest[CHECKSUM_LEN];
};

static gboolean read_head(int fd, struct head *head, GError **error)
{
	struct state_reader reader;
	uint8_t page[PAGE];

	if (!read_all(fd, page, sizeof(page), 0, error))
		return FALSE;
	state_reader_init(&reader, page, sizeof(page));
	if (!state_next_is(&reader, HEAD_TAG))
		return refused(error, "its file is none, or was not finished");
	(void)state_enter(&reader, HEAD_TAG, HEAD_VERSION);
	state_get_bytes(&reader, head->machine.uuid, sizeof(head->machine.uuid));
	head->machine.memory = state_get_u64(&reader);
	head->machine.vp_count = state_get_u32(&reader);
	head->size = state_get_count(&reader, STATE_SIZE_MAX);
	state_get_bytes(&reader, head->digest, sizeof(head->digest));
	state_leave(&reader);
	return state_ok(&reader) || refused(error, reader.fault);
}

static gboolean check_head(int fd, const struct head *head,
			   const struct state_file_machine *machine, GError **error)
{
	struct stat st;

	if (memcmp(head->machine.uuid, machine->uuid, sizeof(machine->uuid)) != 0)
		return refused(error, "it is of another VM");
	if (head->machine.memory != machine->memory)
		return refused(error, "it is of a machine with another size of memory");
	if (head->machine.vp_count != machine->vp_count)
		return refused(error, "it is of a machine with another number of processors");
	if (fstat(fd, &st) < 0)
		return read_failed(error, errno);
	if ((uint64_t)st.st_size != memory_at(head->size) + machine->memory)
		return refused(error, "its file has the wrong size");
	return TRUE;
}

uint8_t *state_file_read(int fd, const struct state_file_machine *machine, size_t *size,
			 GError **error)
{
	struct head head;
	uint8_t digest[CHECKSUM_LEN];
	g_autofree uint8_t *blob = NULL;

	if (!read_head(fd, &head, error) || !check_head(fd, &head, machine, error))
		return NULL;
	*size = head.size;
	blob = g_malloc((gsize)head.size + 1); /* never NULL */
	if (!read_all(fd, blob, head.size, PAGE, error))
		return NULL;
	checksum_of(blob, head.size, digest);
	if (memcmp(digest, head.digest, sizeof(digest)) != 0) {
		refused(error, "its checksum is wrong");
		return NULL;
	}
	return g_steal_pointer(&blob);
}

static gboolean read_piece(int fd, uint8_t *to, uint64_t size, uint64_t at, GError **error)
{
	for (uint64_t done = 0; done < size; done += READ_MAX) {
		uint64_t n = MIN(size - done, READ_MAX);

		(void)madvise(to + done, n, MADV_POPULATE_WRITE);
		if (!read_all(fd, to + done, n, at + done, error))
			return FALSE;
	}
	return TRUE;
}

/* The next part of [from, end) of the file that is no hole; all of it where nothing is known of
 * holes. */
static bool next_data(int fd, uint64_t from, uint64_t end, uint64_t *begin, uint64_t *until)
{
	off_t data = lseek(fd, (off_t)from, SEEK_DATA), hole;

	if (from >= end || (data < 0 && errno == ENXIO))
		return false;
	*begin = data < 0 ? from : (uint64_t)data;
	hole = lseek(fd, (off_t)*begin, SEEK_HOLE);
	*until = hole < 0 || (uint64_t)hole > end ? end : (uint64_t)hole;
	return *begin < *until;
}

gboolean state_file_read_memory(int fd, size_t blob_size, const struct partition *partition,
				GError **error)
{
	uint64_t at = memory_at(blob_size);
	struct gpa_range ranges[2];
	size_t n = partition_ram_ranges(partition, ranges);

	for (size_t i = 0; i < n; i++) {
		uint8_t *memory = partition_gpa_pointer(partition, ranges[i].base, ranges[i].size);
		uint64_t end = at + ranges[i].size, begin, until;

		for (uint64_t from = at; next_data(fd, from, end, &begin, &until); from = until) {
			if (!read_piece(fd, memory + (begin - at), until - begin, begin, error))
				return FALSE;
		}
		at = end;
	}
	return TRUE;
}
