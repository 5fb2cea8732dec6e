/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What vmms-nbd makes of its order: the command lines of qemu-img and qemu-nbd. Pure. */
#ifndef IMAGE_SERVER_H
#define IMAGE_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "image_server_wire.h"

#define IMAGE_SERVER_ARGUMENTS 10u /* with the NULL at the end */
#define IMAGE_SERVER_SIZE      24u /* characters of a number of bytes */
#define IMAGE_SERVER_LISTENER  3   /* in qemu-nbd; the layers follow it */

struct image_server_command {
	const char *argv[IMAGE_SERVER_ARGUMENTS]; /* point to below and to constants */
	char cache[32], image[2048], size[IMAGE_SERVER_SIZE];
};

/* Whether these bytes are an order that comes with as many descriptors as it needs. */
bool image_server_check(const void *order, size_t size, size_t n_fds);

/* *command stays where it is as long as argv is used. */
void image_server_command(const struct vmms_nbd_order *order, struct image_server_command *command);
/* That of qemu-img, which gives the image the order's size. It has been checked by whoever ordered
 * whether something is cut off. */
void image_server_resize_command(const struct vmms_nbd_order *order,
				 struct image_server_command *command);

#endif
