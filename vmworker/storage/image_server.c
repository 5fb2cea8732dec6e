/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image_server.h"

#include <stdio.h>
#include <string.h>

/* qemu-nbd's names. A fixed VHD is one of its vpc, too. */
static const char *const drivers[VMMS_NBD_FORMATS] = {
	[VMMS_NBD_RAW] = "raw",
	[VMMS_NBD_QCOW2] = "qcow2",
	[VMMS_NBD_VHD] = "vpc",
	[VMMS_NBD_VHDX] = "vhdx",
};

static const char *const caches[VMMS_NBD_CACHES] = {
	[VMMS_NBD_WRITEBACK] = "writeback",
	[VMMS_NBD_WRITETHROUGH] = "writethrough",
	[VMMS_NBD_NONE] = "none",
	[VMMS_NBD_UNSAFE] = "unsafe",
};

bool image_server_check(const void *order, size_t size, size_t n_fds)
{
	const struct vmms_nbd_order *o = order;

	if (size != sizeof(*o) || memcmp(o->magic, VMMS_NBD_MAGIC, sizeof(o->magic)) != 0)
		return false;
	if (o->n_layers < 1 || o->n_layers > VMMS_NBD_LAYERS || n_fds != 1u + o->n_layers)
		return false;
	for (size_t i = 0; i < o->n_layers; i++) {
		if (o->formats[i] >= VMMS_NBD_FORMATS)
			return false;
	}
	if (o->size > 0 && (o->read_only || o->size > INT64_MAX))
		return false;
	return o->cache < VMMS_NBD_CACHES && o->read_only <= 1 && o->discard <= 1 &&
	       o->lasting <= 1;
}

/*
 * Every layer is named here, by its descriptor, so that no name in an image is ever opened. The
 * lock is vmmsd's, on the open file; QEMU's own would be in its way. A raw layer is below others
 * only, which may have any length.
 */
static void image_describe(const struct vmms_nbd_order *order, char *text, size_t size)
{
	char prefix[VMMS_NBD_LAYERS * sizeof("backing.")] = "";
	size_t used = 0;

	for (size_t i = 0; i < order->n_layers; i++) {
		int n = snprintf(text + used, size - used,
				 "%s%sdriver=%s,%sfile.driver=file,%sfile.filename=/dev/fd/%zu,"
				 "%sfile.locking=off",
				 i > 0 ? "," : "", prefix, drivers[order->formats[i]], prefix,
				 prefix, IMAGE_SERVER_LISTENER + 1 + i, prefix);
		used += n > 0 && (size_t)n < size - used ? (size_t)n : 0;
		strncat(prefix, "backing.", sizeof(prefix) - strlen(prefix) - 1);
	}
}

void image_server_command(const struct vmms_nbd_order *order, struct image_server_command *command)
{
	size_t n = 0;

	snprintf(command->cache, sizeof(command->cache), "--cache=%s", caches[order->cache]);
	image_describe(order, command->image, sizeof(command->image));
	command->argv[n++] = "qemu-nbd";
	command->argv[n++] = "--shared=1";
	command->argv[n++] = command->cache;
	command->argv[n++] = order->discard ? "--discard=unmap" : "--discard=ignore";
	if (order->lasting)
		command->argv[n++] = "--persistent";
	if (order->read_only)
		command->argv[n++] = "--read-only";
	command->argv[n++] = "--image-opts";
	command->argv[n++] = command->image;
	command->argv[n] = NULL;
}

void image_server_resize_command(const struct vmms_nbd_order *order,
				 struct image_server_command *command)
{
	size_t n = 0;

	snprintf(command->size, sizeof(command->size), "%llu", (unsigned long long)order->size);
	image_describe(order, command->image, sizeof(command->image));
	command->argv[n++] = "qemu-img";
	command->argv[n++] = "resize";
	command->argv[n++] = "-q";
	command->argv[n++] = "--shrink";
	command->argv[n++] = "--image-opts";
	command->argv[n++] = command->image;
	command->argv[n++] = command->size;
	command->argv[n] = NULL;
}
