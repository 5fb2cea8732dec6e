/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of libhvctl share: the connection and how a call on it is made and fails. */
#ifndef CONNECTION_H
#define CONNECTION_H

#include <stdlib.h>
#include <systemd/sd-bus.h>

#include "hvctl.h"
#include "vmms1.h"

#define HVCTL_PUBLIC __attribute__((visibility("default")))

#define CALL_TIMEOUT_DEFAULT UINT64_C(25000000)
#define EVENTS_MAX	     4096u

struct hvctl_error {
	int code;
	char *name;    /* NULL: none */
	char *message; /* NULL: out of memory, or nothing */
};

struct hvctl_event {
	struct hvctl_event *next;
	uint64_t id, time;
	char *uuid, *name, *kind, *detail;
};

/* A singly linked queue; the oldest event is dropped when it is full. */
struct event_queue {
	struct hvctl_event *first, **end;
	unsigned length;
	uint64_t lost;
	/* The newest of the events fetched from the past: its signal may still be on its way. */
	uint64_t past_id, past_time;
};

struct hvctl {
	unsigned refs; /* the user's, and one per job */
	sd_bus *bus;   /* NULL: not open */
	bool broker;   /* on a message bus: calls carry a destination */
	bool gone;     /* the owner of the bus name vanished */
	char *address; /* for messages: "the system bus" or the D-Bus address */
	struct hvctl_error error;
	uint64_t call_timeout;
	bool no_activation; /* calls do not start the service */
	int interrupt_fd;
	struct hvctl_job *jobs; /* those that are not finished */
	struct event_queue events;
	bool watching_jobs, watching_events, watching_owner;
};

static inline void cleanup_freep(void *p)
{
	free(*(void **)p);
}
#define AUTO_FREE __attribute__((cleanup(cleanup_freep)))

static inline void cleanup_messagep(sd_bus_message **m)
{
	sd_bus_message_unref(*m);
}
#define AUTO_MESSAGE __attribute__((cleanup(cleanup_messagep)))

static inline void cleanup_bus_errorp(sd_bus_error *error)
{
	sd_bus_error_free(error);
}
#define AUTO_BUS_ERROR __attribute__((cleanup(cleanup_bus_errorp)))

/* error.c. All return -code, for `return error_set(...)`. */
int error_set(hvctl *h, enum hvctl_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int error_set_bus(hvctl *h, const char *name, const char *message);
int error_set_oom(hvctl *h);
/* From a negative errno of sd-bus while `doing` ("reading the answer of vmmsd"). */
int error_set_errno(hvctl *h, int r, const char *doing);
void error_clear(struct hvctl_error *error);
/* `text` for a message: at most 40 bytes of it, control characters as '?'. */
#define QUOTED_SIZE 48
const char *quoted(char buffer[QUOTED_SIZE], const char *text);

/* address.c: what an address stands for. */
enum address_kind { ADDRESS_SYSTEM, ADDRESS_SESSION, ADDRESS_PEER };
/* *ret is a D-Bus address for ADDRESS_PEER (malloc'ed), NULL for a bus. Returns 0, or
 * -HVCTL_ERROR_OUT_OF_MEMORY or -HVCTL_ERROR_INVALID_ARGUMENT. */
int address_resolve(const char *address, enum address_kind *kind, char **ret);
/* "unix:path=..." with the characters escaped that D-Bus wants escaped; NULL: out of memory. */
char *address_from_path(const char *path);

/* call.c */
const char *connection_destination(const hvctl *h);
/* A method call and its reply; `reply` may be NULL. */
int call_method(hvctl *h, const char *path, const char *interface, const char *member,
		sd_bus_message **reply, const char *types, ...);
/* The same on a VM; looks its path up. */
int call_vm(hvctl *h, const char *name, const char *member, sd_bus_message **reply,
	    const char *types, ...);
int call_get_property(hvctl *h, const char *path, const char *interface, const char *property,
		      sd_bus_message **reply, const char *type);
/* For what goes on to a guest: INVALID_ARGUMENT when it is longer than the service takes. */
int call_check_text(hvctl *h, const char *what, const char *text);
/* One string out of a reply, copied. */
int reply_string(hvctl *h, sd_bus_message *reply, char **ret);
/* Path of the VM; the caller's. */
int vm_path(hvctl *h, const char *name, char **ret);
/* The uuid in a VM's path, or NULL: out of memory or not such a path. */
char *path_to_uuid(const char *path);

/* connection.c */
void connection_close(hvctl *h);
int connection_check(hvctl *h); /* open and not lost, or the error */
/* Runs the bus until done() or the deadline (CLOCK_MONOTONIC µs): 1 done, 0 too late, or an error.
 */
int connection_run(hvctl *h, bool (*done)(const void *context), const void *context,
		   uint64_t deadline);
uint64_t deadline_in(uint64_t timeout);
hvctl *connection_ref(hvctl *h);
void connection_unref(hvctl *h);
/* Hears when the owner of the bus name goes away; nothing to do for a peer. */
int connection_watch_owner(hvctl *h);

/* event.c */
void events_clear(struct event_queue *queue);

/* job.c */
int jobs_watch(hvctl *h);
void jobs_disconnect(hvctl *h); /* the connection closes: no job will be heard of again */
int job_begin(hvctl *h, sd_bus_message *reply, hvctl_job **ret);

#endif
