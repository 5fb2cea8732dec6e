/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the header of a qcow2 image says of other files; the rest is for qemu-nbd. */
#ifndef QCOW2_HEADER_H
#define QCOW2_HEADER_H

#include <glib.h>
#include <stdint.h>

struct qcow2_header {
	uint64_t size;	      /* bytes of the disk in it */
	char *backing;	      /* NULL: none */
	char *backing_format; /* as it is written there; NULL: it does not say */
};

#define QCOW2_HEADER_MAX 65536u /* with its extensions; beyond it nothing is looked at */

/*
 * FALSE and INVALID_IMAGE when it is damaged, cut short, encrypted, or keeps its data in another
 * file; the error is the end of a sentence that begins with the path. The file is hostile. Clear
 * the header in any case.
 */
gboolean qcow2_header_read(int fd, struct qcow2_header *header, GError **error);
/* The same of the beginning of a file of that length. Pure. */
gboolean qcow2_header_parse(const uint8_t *data, size_t size, uint64_t length,
			    struct qcow2_header *header, GError **error);
void qcow2_header_clear(struct qcow2_header *header);

#endif
