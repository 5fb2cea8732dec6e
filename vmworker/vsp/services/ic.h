/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The common part of the integration services: the offer, the agreement on versions, requests and
 * their answers, and one timer. What the guest sends is checked here as far as it is common: an
 * answer reaches its service only with a sound length and the id of a request that is pending.
 *
 * Threading: ic_new and ic_free belong to the main thread, everything else, with every callback, to
 * the I/O thread of the environment.
 */
#ifndef IC_H
#define IC_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmbus.h"

struct ic;

/* The clocks; each call may come from the I/O thread at any time. */
struct ic_clock {
	uint64_t (*monotonic_ns)(void *context);    /* CLOCK_MONOTONIC, as io_timer_arm takes it */
	uint64_t (*realtime_ns)(void *context);	    /* CLOCK_REALTIME, since 1970 */
	uint64_t (*reference_100ns)(void *context); /* the partition's reference time */
	void *context;
};

struct ic_env {
	struct vmbus *bus;	      /* borrowed */
	struct io_thread *thread;     /* borrowed */
	const struct ic_clock *clock; /* borrowed */
	uint64_t epoch;		      /* monotonic_ns; of all services of a VM, see ic_arm_beat */
};

struct ic_version {
	uint16_t major, minor;
};

struct ic_ops {
	/* The guest's driver is there and agreed on this version. */
	void (*ready)(void *context, struct ic_version version);
	/* It went away after `ready`; what was pending has no answer any more. */
	void (*gone)(void *context);
	/* It answered a pending request. status is IC_STATUS_*; body is a private copy, 4-byte
	 * aligned, of at most the config's max_body bytes, and only good during the call. */
	void (*answered)(void *context, uint8_t id, uint32_t status, const uint8_t *body,
			 size_t size);
	/* The deadline of ic_arm. */
	void (*expired)(void *context);
	/*
	 * For saved states; each may be NULL. hold: who waits for the guest is answered as when it
	 * goes; what the guest has to hear may be sent. Afterwards nothing can be sent and no
	 * deadline comes until `ready`, which is called once more. Then, or in another process
	 * before that, come answers to what was sent.
	 */
	void (*hold)(void *context);
	void (*save)(void *context, struct state_writer *writer);
	void (*restore)(void *context, struct state_reader *reader);
};

struct ic_config {
	struct vmbus_guid class_id, instance_id;
	const char *name;		   /* copied */
	uint16_t message_type;		   /* enum ic_message_type */
	const struct ic_version *versions; /* the service's, ascending; borrowed for ever */
	unsigned int n_versions;	   /* at most IC_VERSIONS_MAX */
	size_t max_body;		   /* of a request; an answer's is no longer */
	const struct ic_ops *ops;
	void *context;
};

#define IC_VERSIONS_MAX 8u
#define IC_PENDING_MAX	4u

struct ic *ic_new(const struct ic_env *env, const struct ic_config *config, GError **error);
/* `gone` may be called from here. NULL is fine. */
void ic_free(struct ic *ic);

bool ic_is_ready(const struct ic *ic);
struct ic_version ic_version(const struct ic *ic); /* while it is ready */
/* The version is major.minor or a later one. */
bool ic_is_at_least(const struct ic *ic, uint16_t major, uint16_t minor);

/*
 * Sends a request. Returns its id, which is never 0, or 0: the guest's driver is not there, does
 * not take its messages, or IC_PENDING_MAX requests have no answer.
 */
uint8_t ic_send(struct ic *ic, const void *body, size_t size);
/* The answer to that request will not be delivered any more; it stays pending for the guest. */
void ic_forget(struct ic *ic, uint8_t id);

uint64_t ic_now(const struct ic *ic); /* the clock's monotonic_ns */
/* One-shot; arming again replaces; 0 disarms. */
void ic_arm(struct ic *ic, uint64_t monotonic_ns);
/*
 * At the next whole multiple of the period since the epoch: what wakes an idle guest anyway is to
 * wake it once for all services. That of two VMs is at different moments.
 */
void ic_arm_beat(struct ic *ic, uint64_t period_ns);
/* An answer that the service does not understand: the channel is closed. */
void ic_fault(struct ic *ic, const char *what);

#define IC_SECOND UINT64_C(1000000000) /* ns */

#endif
