/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Kernels made ready to boot: the ELF payload of a kernel file, from the content-addressed cache.
 * Decompressors read hostile input, so they run in a process of their own (vmms-unpack), once per
 * kernel; a kernel whose file has not changed is answered from memory. Main thread only.
 */
#ifndef KERNEL_IMAGE_H
#define KERNEL_IMAGE_H

#include <glib.h>
#include <systemd/sd-event.h>

struct kernel_cache;
struct kernel_request;

/* payload_fd is the callee's, read-only; -1 when the kernel file itself is the ELF to load, and on
 * error (borrowed: INVALID_IMAGE or FAILED; no VM is named in it). */
typedef void kernel_done(void *context, int payload_fd, const GError *error);

/* Both paths are copied. */
struct kernel_cache *kernel_cache_new(sd_event *event, const char *unpack, const char *directory);
void kernel_cache_free(struct kernel_cache *cache); /* cancels what runs; NULL is fine */

/* kernel_fd, a regular file, is borrowed for the call; path is for messages. done is called once,
 * never from within this call. */
struct kernel_request *kernel_cache_get(struct kernel_cache *cache, int kernel_fd, const char *path,
					kernel_done *done, void *context);
/* done is not called any more. NULL is fine. */
void kernel_request_cancel(struct kernel_request *request);

#endif
