/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The key/value exchange: what the guest says of itself (its name, its system, its addresses), read
 * every half minute, and no sooner when its driver goes and comes, and pairs that the host sets in
 * it. In Linux a daemon (hv_kvp_daemon) answers; without it the facts stay empty and requests are
 * refused.
 *
 * Threading: ic_kvp_new and _free belong to the main thread, the rest, with the callbacks, to the
 * I/O thread.
 */
#ifndef IC_KVP_H
#define IC_KVP_H

#include "ic.h"
#include "kvp_facts.h"

struct ic_kvp;

enum ic_kvp_result {
	IC_KVP_DONE,
	IC_KVP_REFUSED,	   /* the guest could not, or its daemon does not run */
	IC_KVP_UNANSWERED, /* within IC_KVP_ANSWER_NS */
	IC_KVP_TOO_LONG,   /* key or value, or an empty key, or not UTF-8 */
	IC_KVP_BUSY,	   /* IC_KVP_REQUESTS_MAX requests wait */
	IC_KVP_ABSENT,	   /* the guest has no driver for it, or not yet */
	IC_KVP_GONE,	   /* the driver went away before it answered */
};

#define IC_KVP_PERIOD_NS    (30 * IC_SECOND)
#define IC_KVP_RETRY_NS	    (5 * IC_SECOND)  /* while there is no daemon */
#define IC_KVP_ANSWER_NS    (35 * IC_SECOND) /* Linux gives its daemon 30 */
#define IC_KVP_REQUESTS_MAX 64u
#define IC_KVP_ADAPTERS_MAX 16u
#define IC_KVP_KEY_MAX	    255u  /* UTF-16 units; and 511 bytes of UTF-8 */
#define IC_KVP_VALUE_MAX    1023u /* UTF-16 units; and 2,047 bytes of UTF-8 */

struct ic_kvp_events {
	/* What the guest says changed; facts are good during the call. */
	void (*changed)(void *context, const struct kvp_facts *facts);
	/* The guest's driver came or went; may be NULL. */
	void (*available)(void *context, bool is);
	void *context;
};

struct ic_kvp *ic_kvp_new(const struct ic_env *env, const struct ic_kvp_events *events,
			  GError **error);
/* Requests under way end with IC_KVP_GONE. NULL is fine. */
void ic_kvp_free(struct ic_kvp *kvp);

/* The adapters to ask the addresses of, by MAC; at most IC_KVP_ADAPTERS_MAX. */
void ic_kvp_set_adapters(struct ic_kvp *kvp, const uint8_t (*macs)[6], unsigned int n);
/* Asks anew, now or when the guest is there. */
void ic_kvp_refresh(struct ic_kvp *kvp);

/* A pair in the guest's pool of the host's ("external"). done: once, perhaps before it returns. */
typedef void (*ic_kvp_done)(void *context, enum ic_kvp_result result);
void ic_kvp_set(struct ic_kvp *kvp, const char *key, const char *value, ic_kvp_done done,
		void *context);
void ic_kvp_delete(struct ic_kvp *kvp, const char *key, ic_kvp_done done, void *context);

#endif
