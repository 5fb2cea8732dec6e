/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The first page of a saved machine's file: whose it is, and a sum of what follows, which is QEMU's
 * own, and the worker's behind that. It is written last, when the rest is durable, so that a torn
 * file has none.
 */
#ifndef SAVED_HEAD_H
#define SAVED_HEAD_H

#include <glib.h>
#include <stdint.h>

#define SAVED_HEAD_SIZE	   4096
#define SAVED_MACHINE_SIZE 32 /* with the zero */
#define SAVED_OWN_MAX	   (UINT64_C(1) << 20)

struct saved_head {
	uint8_t uuid[16];
	char machine[SAVED_MACHINE_SIZE]; /* QEMU's name of the machine: "pc-i440fx-7.2" */
	uint64_t size, sum;		  /* of what follows the page */
	uint64_t own;			  /* so many bytes at the end are the worker's */
};

/* Makes the file durable, head and all; size and sum are found here. WORKER_ERROR FAILED, the
 * sentence of which goes on from "VM web1: ". */
gboolean saved_head_write(int fd, struct saved_head *head, GError **error);
/* Before that: puts the worker's own at the end of the file, at most SAVED_OWN_MAX bytes, and
 * counts them in the head. The same error. */
gboolean saved_head_append(int fd, struct saved_head *head, const void *data, size_t size,
			   GError **error);

/* Whether it is a file of the machine with that UUID, and as long as it was. WORKER_ERROR
 * INVALID_IMAGE, likewise. */
gboolean saved_head_read(int fd, const uint8_t uuid[16], struct saved_head *head, GError **error);
/* Whether the rest is as it was, all of which is read. The same error. */
gboolean saved_head_check(int fd, const struct saved_head *head, GError **error);
/* The worker's own, head->own bytes, which may be none; by g_free. NULL: they cannot be read. */
uint8_t *saved_head_own(int fd, const struct saved_head *head, GError **error);

#endif
