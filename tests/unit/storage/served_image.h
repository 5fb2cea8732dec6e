/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A new image of a format, served by a real vmms-nbd and qemu-nbd. */
#ifndef SERVED_IMAGE_H
#define SERVED_IMAGE_H

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

#include "image_server_wire.h"

struct served_image {
	char *path;
	enum vmms_nbd_format format;
	int fd;	     /* connected to qemu-nbd; the test's */
	int life_fd; /* likewise */
	pid_t pid;   /* of vmms-nbd; 0: it has been waited for */
};

/* False where there is no qemu-nbd: the test is skipped. */
bool served_image_new(struct served_image *image, enum vmms_nbd_format format, uint64_t size);
/* Another server for the same image, when the first has ended. order: its format and more. */
void served_image_serve(struct served_image *image, const struct vmms_nbd_order *order);
/* Waits for vmms-nbd; its exit status, or -signal. */
int served_image_wait(struct served_image *image);
/* The image as raw bytes, when the server has ended; g_free. */
char *served_image_contents(const struct served_image *image, gsize *size);
void served_image_clear(struct served_image *image);

#endif
