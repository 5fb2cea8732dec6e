/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A long operation on one VM, or on the host: what kind, how far, how it ended. Jobs belong to the
 * service and not to the client that asked. At most one runs on a VM. A finished job is kept for
 * a minute, and at most JOB_KEEP_MAX of them. Main thread only; knows nothing of D-Bus.
 */
#ifndef JOB_H
#define JOB_H

#include <glib.h>
#include <stdint.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "duration.h"
#include "vm.h"

#define JOB_KEEP_MAX 128u
#define JOB_KEEP_US  ((gint64)SECONDS(60))

enum job_state { JOB_RUNNING, JOB_DONE, JOB_FAILED, JOB_CANCELED };

struct job;
struct job_table;

/* How a VM's worker ended, as the operations hear of it. */
struct vm_end {
	gboolean crashed;
	const char *reason;    /* a sentence without the VM's name */
	const GError *failure; /* the service broke it off with this, or NULL */
};

/* What an operation brings to its job. Every member but kind may be NULL. */
struct job_ops {
	const char *kind; /* "start": the word on the bus */
	/* A client asks to cancel. It begins the end, which comes with job_finish. NULL: refused.
	 */
	void (*cancel)(struct job *job);
	/* Another job takes the VM over; the job is finished as canceled right after this call. */
	void (*detach)(struct job *job);
	/* job_set_deadline passed. */
	void (*deadline)(struct job *job);
	/* The worker of the VM is gone and the new state is stored. NULL: the job fails. */
	void (*ended)(struct job *job, const struct vm_end *end);
	void (*free)(void *context);
	/* It waits for the guest: what ends the VM in order takes its place rather than wait. */
	gboolean yields;
};

struct job {
	struct job_table *table; /* borrowed */
	uint32_t id;
	const struct job_ops *ops;
	void *context; /* the operation's, freed by ops->free when the job finishes */
	struct vm *vm; /* borrowed; NULL for a job on the host and once finished */
	char *vm_uuid; /* NULL for a job on the host */
	enum job_state state;
	uint32_t progress;  /* 0-100 */
	GError *error;	    /* set when failed or canceled */
	sd_bus_slot *call;  /* the one call in flight on the worker link; dropped at the end */
	gboolean canceling; /* a client asked for the end; it is under way */
	/* private */
	sd_event_source *deadline;
	gint64 finished_us; /* monotonic */
	GSList *watchers;
};

struct job_observer {
	void (*added)(void *context, struct job *job);
	void (*changed)(void *context, struct job *job);
	void (*finished)(void *context, struct job *job);
	void (*removed)(void *context, struct job *job); /* still valid during the call */
	void *context;
};

struct job_table *job_table_new(sd_event *event);
/* Drops every job without telling anybody: what they wait for stays as it is. NULL is fine. */
void job_table_free(struct job_table *table);
void job_table_observe(struct job_table *table, const struct job_observer *observer);

/* NULL and BUSY when a job runs on the VM; context is then still the caller's. vm NULL: the host.
 */
struct job *job_new(struct job_table *table, const struct job_ops *ops, void *context,
		    struct vm *vm, GError **error);
struct job *job_find(const struct job_table *table, uint32_t id);
void job_foreach(const struct job_table *table, void (*visit)(void *context, struct job *job),
		 void *context);

void job_set_progress(struct job *job, uint32_t progress);
/* From now; replaces the previous one. 0 takes it away. */
void job_set_deadline(struct job *job, uint64_t usec);

/* Takes error; NULL: done. A SERVICE_ERROR_CANCELED makes it canceled. The job stays findable. */
void job_finish(struct job *job, GError *error);
/* WRONG_STATE for a finished job, NOT_SUPPORTED for one that cannot be canceled. */
gboolean job_cancel(struct job *job, GError **error);
/* Finishes it as canceled in favour of another job, which the sentence names ("a stop"). */
void job_take_over(struct job *job, const char *by);

/* done is called once, when the job finishes, after the observer. Not removable. */
void job_watch(struct job *job, void (*done)(void *context, struct job *job), void *context);

const char *job_state_name(enum job_state state); /* "running", ... */
char *job_path(const struct job *job);		  /* bus object path; g_free */

#endif
