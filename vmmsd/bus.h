/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The D-Bus edge: where the service can be reached, and the objects it shows there. On a bus that
 * is one connection to the broker; in private mode one for each client. The files bus_*.c decode,
 * authorise and encode; what a call does is elsewhere. Main thread only.
 */
#ifndef BUS_H
#define BUS_H

#include <glib.h>
#include <systemd/sd-bus.h>

#include "service.h"

struct bus;

/* Connects to the broker of a bus mode, without serving yet. NULL and FAILED. */
struct bus *bus_new(struct service *service, GError **error);
void bus_free(struct bus *bus); /* NULL is fine */

/* Makes the service reachable: takes the name, or listens on DIR/bus. */
gboolean bus_serve(struct bus *bus, GError **error);

/* The connection to the broker, borrowed; NULL in private mode. */
sd_bus *bus_broker(const struct bus *bus);

/* Registers every object on a connection. 0 or -errno. */
int bus_add_objects(sd_bus *connection, struct service *service);

/* A signal to fill, or NULL when nobody is there to hear it. */
sd_bus_message *bus_new_signal(const struct bus *bus, const char *path, const char *interface,
			       const char *member);
/* Sends it to every client. One that does not read is disconnected and never waited for. */
void bus_broadcast(struct bus *bus, sd_bus_message *signal);

/* "/org/vmms1/vm/<uuid with _>"; g_free. */
char *bus_vm_path(const char *uuid);
/* The VM or the job of an object path, or NULL. */
struct vm *bus_vm_find(const struct service *service, const char *path);
struct job *bus_job_find(const struct service *service, const char *path);

extern const sd_bus_vtable bus_manager_vtable[];
extern const sd_bus_vtable bus_vm_vtable[];
extern const sd_bus_vtable bus_job_vtable[];

/* Whatever happens to VMs, jobs and events is told to the clients (bus_signal.c). */
extern const struct vm_observer bus_vm_observer;   /* context: struct service */
extern const struct job_observer bus_job_observer; /* context: struct service */
extern const struct event_observer bus_event_observer;

/* Longest name or uuid that is looked at, and longest sentence that is sent, in bytes. */
#define BUS_NAME_ARGUMENT_MAX 256u
#define BUS_SENTENCE_MAX      4096u

/* Errors of the service on their way out; returns a negative errno for the handler to return. */
int bus_error_set(sd_bus_error *out, const GError *error);
/* INVALID_ARGUMENT when text is longer than max bytes. what: "the definition". */
gboolean bus_check_length(const char *text, size_t max, const char *what, GError **error);
/* Answers with the job's path, or with error when job is NULL. */
int bus_reply_job(sd_bus_message *call, struct job *job, sd_bus_error *out, const GError *error);

#endif
