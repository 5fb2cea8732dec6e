/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A service that speaks the contract of schemas/dbus without running anything, for the tests of
 * hvctl. How a VM misbehaves is in its name: slow-*: jobs on it never end; broken-*: its start
 * fails; denied-*, busy-*: its start is refused; stubborn-*: its guest ignores a shutdown, a reboot
 * and a hibernation; fatal-*: its start kills the service; mute-*: its start is never answered;
 * flood-*: its console sends 4 MiB.
 */
#ifndef HVCTL_FAKE_SERVICE_H
#define HVCTL_FAKE_SERVICE_H

#include <glib.h>
#include <json-c/json.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "vmms1.h"

struct fake;

struct fake_vm {
	struct fake *fake;
	char *uuid, *name, *path;
	const char *state;
	struct json_object *definition;
	gboolean autostart;
	uint64_t started;
	unsigned job;	    /* 0: none */
	unsigned looks;	    /* at its counters */
	GPtrArray *viewers; /* struct viewer, of hvctl_fake_console.c */
};

struct fake {
	sd_event *event;
	GPtrArray *buses; /* sd_bus *, one per client */
	GPtrArray *vms;	  /* struct fake_vm, sorted by name */
	GPtrArray *past;  /* struct fake_event */
	unsigned jobs;
};

struct fake_event {
	uint64_t id, time;
	char *uuid, *name, *event, *detail;
};

struct fake_vm *fake_add(struct fake *fake, struct json_object *definition);
void fake_remove(struct fake *fake, struct fake_vm *vm);
struct fake_vm *fake_find(struct fake *fake, const char *name_or_uuid);
void fake_event(struct fake *fake, const struct fake_vm *vm, const char *event, const char *detail);
/* Emits JobFinished; error NULL: done. */
void fake_job_finish(struct fake_vm *vm, unsigned job, const char *state, const char *error,
		     const char *message);
/* A stream for a new viewer. */
int fake_console_open(struct fake_vm *vm, uint32_t flags);
void fake_console_close(struct fake_vm *vm);

extern const sd_bus_vtable fake_manager_vtable[], fake_vm_vtable[], fake_job_vtable[];
int fake_vm_find(sd_bus *bus, const char *path, const char *interface, void *userdata, void **found,
		 sd_bus_error *error);

int fake_job_find(sd_bus *bus, const char *path, const char *interface, void *userdata,
		  void **found, sd_bus_error *error);

/* Methods of a VM (hvctl_fake_guest.c). */
int fake_guest_type(sd_bus_message *m, void *userdata, sd_bus_error *error);
int fake_guest_set_pair(sd_bus_message *m, void *userdata, sd_bus_error *error);
int fake_guest_delete_pair(sd_bus_message *m, void *userdata, sd_bus_error *error);
int fake_guest_ask(sd_bus_message *m, void *userdata, sd_bus_error *error);
int fake_guest_freeze(sd_bus_message *m, void *userdata, sd_bus_error *error);
int fake_guest_thaw(sd_bus_message *m, void *userdata, sd_bus_error *error);
int fake_guest_copy(sd_bus_message *m, void *userdata, sd_bus_error *error);

#endif
