/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An image and those that it is based on, opened here so that no name in an image is opened by
 * whoever serves it. What it is based on is read-only, and lies in the image's own directory: an
 * image may come from anywhere, and is not to bring the host's files into its guest.
 */
#ifndef IMAGE_CHAIN_H
#define IMAGE_CHAIN_H

#include "definition_devices.h"
#include "image_server_wire.h"

struct image_chain {
	int fds[VMMS_NBD_LAYERS]; /* the first is borrowed */
	enum disk_format formats[VMMS_NBD_LAYERS];
	size_t n;
};

/* fd: of the image of that disk, locked. INVALID_IMAGE, FAILED; the end of a sentence that begins
 * with the path. Nothing is left open then. */
gboolean image_chain_open(struct image_chain *chain, const struct definition_disk *disk, int fd,
			  GError **error);
/* Closes all but the first. */
void image_chain_close(struct image_chain *chain);

#endif
