/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The file copy service: puts a file of the host into the guest, 6 KiB a message, each answered
 * before the next. In Linux a daemon (hv_fcopy_daemon, or its successor on uio) writes it, as root.
 *
 * Threading: ic_fcopy_new and _free belong to the main thread, the rest, with the callbacks, to the
 * I/O thread. The source is read there, so the thread should not be one that serves disks.
 */
#ifndef IC_FCOPY_H
#define IC_FCOPY_H

#include "ic.h"

struct ic_fcopy;

enum ic_fcopy_result {
	IC_FCOPY_DONE,
	IC_FCOPY_REFUSED,    /* the guest could not, or its daemon does not run */
	IC_FCOPY_EXISTS,     /* the file is there already, and IC_FCOPY_OVERWRITE was not given */
	IC_FCOPY_DISK_FULL,  /* in the guest */
	IC_FCOPY_UNANSWERED, /* within IC_FCOPY_ANSWER_NS */
	IC_FCOPY_BAD_PATH,   /* see ic_fcopy_path_fault */
	IC_FCOPY_BAD_SOURCE, /* no regular file, or it cannot be read, or became shorter */
	IC_FCOPY_CANCELLED,
	IC_FCOPY_BUSY,	 /* another copy is under way */
	IC_FCOPY_ABSENT, /* the guest has no driver for it, or not yet */
	IC_FCOPY_GONE,	 /* the driver went away meanwhile */
};

#define IC_FCOPY_OVERWRITE   0x1u
#define IC_FCOPY_CREATE_PATH 0x2u

#define IC_FCOPY_ANSWER_NS (35 * IC_SECOND) /* Linux gives its daemon 30 */

struct ic_fcopy_request {
	int source;	  /* a regular file; the service's from the call on, whatever comes of it */
	const char *path; /* in the guest, absolute, with the file's name; UTF-8 */
	uint32_t flags;	  /* IC_FCOPY_OVERWRITE, IC_FCOPY_CREATE_PATH */
	/* After each fragment; may be NULL. */
	void (*progress)(void *context, uint64_t copied, uint64_t size);
	/* Once, perhaps before ic_fcopy_start returns. */
	void (*done)(void *context, enum ic_fcopy_result result);
	void *context;
};

struct ic_fcopy *ic_fcopy_new(const struct ic_env *env, GError **error);
void ic_fcopy_free(struct ic_fcopy *fcopy); /* a copy ends with IC_FCOPY_GONE; NULL is fine */

void ic_fcopy_start(struct ic_fcopy *fcopy, const struct ic_fcopy_request *request);
/* Ends the copy under way with IC_FCOPY_CANCELLED once the guest removed its part. */
void ic_fcopy_cancel(struct ic_fcopy *fcopy);

/* NULL, or what is wrong with a path in the guest, as the end of a sentence. Any thread. */
const char *ic_fcopy_path_fault(const char *path);

#endif
