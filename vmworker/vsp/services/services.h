/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All integration services of a VM, as the main thread uses them: calls go to the I/O thread and
 * answers come back through the event loop, so nothing here waits for the guest.
 */
#ifndef SERVICES_H
#define SERVICES_H

#include <systemd/sd-event.h>

#include "ic_fcopy.h"
#include "ic_heartbeat.h"
#include "ic_kvp.h"
#include "ic_shutdown.h"
#include "ic_vss.h"

struct services;

/*
 * Main thread. Any may be NULL. What changes while the main thread does not run its loop is told
 * once, as it is then: a guest that comes and goes in a loop is no more to it than its last state.
 */
struct services_events {
	/* The guest's shutdown driver came (services_shutdown may work now) or went. */
	void (*shutdown_available)(void *context, bool is);
	void (*heartbeat)(void *context, enum ic_heartbeat_state state);
	/* What the guest says of itself changed; good during the call. */
	void (*facts)(void *context, const struct kvp_facts *facts);
	/* IC_VSS_OVERDUE is told even when more came after it. */
	void (*file_systems)(void *context, enum ic_vss_change change);
	void *context;
};

#define SERVICES_SHUTDOWN  0x01u
#define SERVICES_HEARTBEAT 0x02u
#define SERVICES_TIMESYNC  0x04u
#define SERVICES_KVP	   0x08u
#define SERVICES_VSS	   0x10u
#define SERVICES_FCOPY	   0x20u
#define SERVICES_ALL	   0x3fu

struct services_config {
	struct vmbus *bus;	  /* borrowed */
	struct io_thread *thread; /* borrowed; it reads files to copy, so not a disk's */
	sd_event *event;
	const struct ic_clock *clock; /* borrowed */
	unsigned int offered;	      /* SERVICES_*; a request to another is answered ABSENT */
	struct services_events events;
};

struct services *services_new(const struct services_config *config, GError **error);
/* Requests under way are answered (GONE, most of them) before it returns. NULL is fine. */
void services_free(struct services *services);

/* The VPs were stopped, or go on: the heartbeat waits, the guest's clock is set afterwards. */
void services_set_paused(struct services *services, bool paused);
/* The guest's clock is to be set now: after the host slept, or a restore. */
void services_sync_time(struct services *services);
/* The guest's file systems are frozen: its state is not to be saved, since who froze them would not
 * thaw them afterwards. Waits. */
bool services_is_frozen(struct services *services);
/* The guest's adapters, to ask the addresses of. */
void services_set_adapters(struct services *services, const uint8_t (*macs)[6], unsigned int n);

/* Every request below is answered once, from the event loop, with the enum of its service. There
 * are as many answers as the host asked for, whatever the guest does. */
typedef void (*services_done)(void *context, int result);

/* enum ic_shutdown_result. message may be NULL. */
void services_shutdown(struct services *services, enum ic_shutdown_kind kind, bool force,
		       const char *message, uint64_t timeout_ns, services_done done, void *context);
/* enum ic_kvp_result. value NULL: the pair is to be deleted. */
void services_set_pair(struct services *services, const char *key, const char *value,
		       services_done done, void *context);
/* enum ic_vss_result; see ic_vss.h. */
void services_freeze(struct services *services, uint64_t answer_ns, uint64_t hold_ns,
		     services_done done, void *context);
void services_thaw(struct services *services, services_done done, void *context);
/* enum ic_fcopy_result. fd becomes the services'. progress, when a percent more is copied (the
 * newest only while the loop does not run), may be NULL. */
void services_copy(struct services *services, int fd, const char *path, uint32_t flags,
		   void (*progress)(void *context, uint64_t copied, uint64_t size),
		   services_done done, void *context);
void services_cancel_copy(struct services *services);

#endif
