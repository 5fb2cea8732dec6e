/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls into libvirt wait for QEMU, and QEMU may never answer. Each is made on a thread of this
 * object and waited for within a bound; one that is not over by then is left to that thread, and
 * while it is there no other is made.
 */
#ifndef CALLER_H
#define CALLER_H

#include <glib.h>
#include <stdint.h>

struct caller;

struct call {
	/* On the thread. data is the call's own until it is over. */
	gboolean (*make)(void *data, GError **error);
	GDestroyNotify free; /* may be NULL; on either thread */
	void *data;
	/* After a make that went well too late for who waited, who took it for failed: undoes it.
	 * On the thread; may be NULL. */
	void (*late)(void *data);
};

/* The thread begins with the first call. */
struct caller *caller_new(void);
/* FALSE: a call is not over within timeout_ms; then the thread is left behind, with what it uses,
 * and the process has to exit. NULL is fine. */
gboolean caller_free(struct caller *caller, uint32_t timeout_ms);

/* Takes call->data. TIMED_OUT when this call, or one before it, is not over in time. */
gboolean caller_call(struct caller *caller, const struct call *call, uint32_t timeout_ms,
		     GError **error);
/* Does not wait, nor say what came of it. FALSE, and nothing is done, while another is not over. */
gboolean caller_post(struct caller *caller, const struct call *call);
/* How long the call that is under way has lasted; 0: there is none. */
uint64_t caller_busy_us(struct caller *caller);

#endif
