/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A machine that stands still into a file, and back. Waits as long as QEMU gets on with it. Main
 * thread. */
#ifndef SAVING_H
#define SAVING_H

#include "caller.h"
#include "emulator.h"
#include "saved_head.h"
#include "state.h"

struct saving {
	struct caller *caller;
	struct emulator *emulator;
	int root;  /* of its files */
	int pidfd; /* QEMU's process */
	int fd;	   /* the file, the offset of which is QEMU's meanwhile */
};

struct saving_own {
	void (*write)(void *context, struct state_writer *writer);
	void *context;
};

/* Into an empty file, durable. own writes what is the worker's, when QEMU has written its part.
 * After a failure the machine is as it was, or *ret_broken: QEMU does not answer any more, and may
 * go on writing. WORKER_ERROR. */
gboolean saving_write(const struct saving *saving, const uint8_t uuid[16],
		      const struct saving_own *own, gboolean *ret_broken, GError **error);
/* By a QEMU that waits for it. INVALID_IMAGE: it does not take it. */
gboolean saving_read(const struct saving *saving, GError **error);

#endif
