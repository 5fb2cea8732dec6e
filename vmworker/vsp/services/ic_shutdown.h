/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The shutdown service: asks the guest to power off, reboot or hibernate. The answer says only that
 * the guest took the request up; the VP's exit, the reset port or nothing at all is the outcome.
 *
 * Threading: ic_shutdown_new and _free belong to the main thread, the rest to the I/O thread.
 */
#ifndef IC_SHUTDOWN_H
#define IC_SHUTDOWN_H

#include "ic.h"

struct ic_shutdown;

enum ic_shutdown_kind { IC_SHUTDOWN_POWER_OFF, IC_SHUTDOWN_REBOOT, IC_SHUTDOWN_HIBERNATE };

enum ic_shutdown_result {
	IC_SHUTDOWN_ACCEPTED,
	IC_SHUTDOWN_REFUSED,	 /* the guest said no: it cannot hibernate, for one */
	IC_SHUTDOWN_UNANSWERED,	 /* within the time given */
	IC_SHUTDOWN_UNSUPPORTED, /* its driver is too old for this kind */
	IC_SHUTDOWN_ABSENT,	 /* it has no driver for it, or not yet */
	IC_SHUTDOWN_BUSY,	 /* another request has no answer yet */
	IC_SHUTDOWN_GONE,	 /* the driver went away before it answered */
};

struct ic_shutdown_request {
	enum ic_shutdown_kind kind;
	bool force;	     /* also if programs object (Windows; Linux always does) */
	const char *message; /* UTF-8, for who sits there; may be NULL; cut at 1,023 units */
	uint64_t timeout_ns; /* for the answer, not for the guest's stopping */
	/* Once, perhaps before ic_shutdown_request returns. */
	void (*done)(void *context, enum ic_shutdown_result result);
	void *context;
};

/* available: the guest's driver came or went; may be NULL. */
struct ic_shutdown *ic_shutdown_new(const struct ic_env *env,
				    void (*available)(void *context, bool is), void *context,
				    GError **error);
/* A request under way ends with IC_SHUTDOWN_GONE. NULL is fine. */
void ic_shutdown_free(struct ic_shutdown *shutdown);

void ic_shutdown_request(struct ic_shutdown *shutdown, const struct ic_shutdown_request *request);

#endif
