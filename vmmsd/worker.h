/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The worker process of one VM: its directory, its process (pidfd), its control link. A worker is
 * launched (spawned, or started as a unit) or adopted after a restart of vmmsd; from then on it
 * ends in one way whatever happens: the owner's gone() is called, once, when the process is no
 * more. Main thread only; nothing here waits.
 */
#ifndef WORKER_H
#define WORKER_H

#include <glib.h>
#include <stdint.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "vm.h"

struct serve;
struct service;
struct unit_job;
struct worker;

struct worker_owner {
	/* The process exists and the link is up. Not called for an adopted worker. */
	void (*launched)(struct worker *worker);
	/* The process has ended, or never came to be. The callee takes the worker. */
	void (*gone)(struct worker *worker);
	/* Worker.GuestEvent; the text comes from a guest's VM. */
	void (*guest_event)(struct worker *worker, const char *event, const char *detail);
	/* Worker.CopyProgress. */
	void (*copy_progress)(struct worker *worker, uint32_t percent);
};

struct worker {
	struct service *service; /* borrowed */
	struct vm *vm;		 /* borrowed */
	const struct worker_owner *owner;
	int directory; /* RUNTIME/<uuid> */
	pid_t pid;     /* 0 while not known */
	int pidfd;     /* -1 while not known */
	sd_event_source *exit;
	int status;   /* how it ended, for process_describe_end */
	sd_bus *link; /* NULL before and after */
	struct unit_job *unit_job;
	sd_event_source *timer;	 /* the next step: of the launch, or towards the end */
	sd_event_source *hangup; /* the link broke: the process has this long to end */
	sd_bus_slot *stop_call;
	GError *failure;    /* why the service broke it off; NULL: it did not */
	gboolean launching; /* launched() is still to come */
	gboolean ending;    /* asked or made to end */
	/* of adopt.c: the question for its true state, how often asked, whether the start waits */
	sd_bus_slot *query;
	guint queries;
	gint64 adopted_us, asked_us; /* monotonic */
	gboolean settling;
	struct serve *serve; /* of vm_serve.c: a server that is on its way to it, or NULL */
	char *unserved;	     /* the place of the disk that was told to have none, or NULL */
	/* GuestEvent: a bucket of tokens */
	guint guest_tokens, guest_dropped;
	gint64 guest_refilled_us;
};

/* Makes the directory RUNTIME/<uuid> and empties it. FAILED, or WORKER when a process that the
 * service does not know still serves there. */
struct worker *worker_new(struct service *service, struct vm *vm, const struct worker_owner *owner,
			  GError **error);
/* Lets go of the process without ending it. NULL is fine. */
void worker_free(struct worker *worker);

/* Begins; launched() or gone() follows, never from within this call. */
void worker_launch(struct worker *worker);

/*
 * Takes over the process that serves RUNTIME/<uuid>/control: ret_worker with its link, or NULL
 * without error when nobody serves there.
 */
gboolean worker_adopt(struct service *service, struct vm *vm, const struct worker_owner *owner,
		      struct worker **ret_worker, GError **error);

/* A new link to a worker that has not taken up the old one. */
gboolean worker_relink(struct worker *worker, GError **error);

/* Asks it to end, and kills it when it does not within a few seconds. */
void worker_stop(struct worker *worker);
/* Kills it; takes failure, the reason of the end (the first one counts). */
void worker_fail(struct worker *worker, GError *failure);

/* A worker that vmmsd spawns writes its standard error to DIR/worker.log: keeps it bounded. */
void worker_bound_log(struct worker *worker);

#endif
