/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The file that a machine of the engine direct is saved in: a page of head, the state of its parts
 * (state.h), and from the next page on its RAM, whose pages of zeroes are holes.
 *
 * The head is written when all else is on the disk, so that a file that was not finished is none.
 * What is read may have been made by anybody. The errors are clauses without the VM's name:
 * WORKER_ERROR_INVALID_IMAGE for a file that cannot be taken up, FAILED for a system that fails.
 */
#ifndef STATE_FILE_H
#define STATE_FILE_H

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

struct partition;

/* Whose state it is. */
struct state_file_machine {
	uint8_t uuid[16];
	uint64_t memory; /* of the partition's RAM, bytes */
	uint32_t vp_count;
};

/* Into an empty file, open for reading and writing; durable on return. After a failure it is empty
 * again, as far as that can be had. CANCELED: the file lost its permissions meanwhile, by which it
 * is told to break off. While no VP runs. */
gboolean state_file_write(int fd, const struct state_file_machine *machine, const uint8_t *blob,
			  size_t size, const struct partition *partition, GError **error);

/* Checks that the file is that machine's and whole; the state of its parts, by g_free. */
uint8_t *state_file_read(int fd, const struct state_file_machine *machine, size_t *size,
			 GError **error);

/* Into RAM that nobody has written yet, after state_file_read, which said the blob's size. */
gboolean state_file_read_memory(int fd, size_t blob_size, const struct partition *partition,
				GError **error);

#endif
