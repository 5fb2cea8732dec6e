/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the fake worker have in common. */
#ifndef FAKE_WORKER_H
#define FAKE_WORKER_H

#include <glib.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "vmms1.h"

struct fake {
	sd_event *event;
	const char *uuid, *name;
	char *behaviour; /* the first word of the command line */
	const char *state;
	uint64_t started_us;
	int result; /* -1 before Start */
	gboolean restores;
	GPtrArray *links;
	sd_bus_message *copy; /* that is not answered yet, or NULL */
};

gboolean fake_is(const struct fake *fake, const char *behaviour);
/* Of the userdata; the first word of the command line. */
const char *fake_behaviour(const void *userdata);
void fake_result(struct fake *fake, const char *state, const char *reason, const char *how);
_Noreturn void fake_die(void);
void fake_end_soon(struct fake *fake);
void fake_guest_event(sd_bus_message *call, const char *event, const char *detail);
void fake_flood(sd_bus_message *call);

int fake_get_guest(sd_bus_message *call, void *userdata, sd_bus_error *error);
int fake_type(sd_bus_message *call, void *userdata, sd_bus_error *error);
int fake_freeze(sd_bus_message *call, void *userdata, sd_bus_error *error);
int fake_thaw(sd_bus_message *call, void *userdata, sd_bus_error *error);
/* The guest agrees and resets itself, or ends. Behaviours: ignore-reboot (it agrees only),
 * crash-at-reboot (the guest, and begins anew), off-at-reboot, reset-at-hibernate. */
int fake_reboot(sd_bus_message *call, void *userdata, sd_bus_error *error);
int fake_hibernate(sd_bus_message *call, void *userdata, sd_bus_error *error);
int fake_set_pair(sd_bus_message *call, void *userdata, sd_bus_error *error);
int fake_delete_pair(sd_bus_message *call, void *userdata, sd_bus_error *error);
int fake_copy(sd_bus_message *call, void *userdata, sd_bus_error *error);
int fake_cancel_copy(sd_bus_message *call, void *userdata, sd_bus_error *error);

/*
 * Saves, and begins with what was saved. Behaviours: refuse-save, die-in-save, slow-save (goes on
 * until it is canceled), hang-in-save (even then), busy-save (answers nothing until there is a file
 * "go" in $FAKE_WORKER_PROBES); refuse-restore, die-in-restore, hang-in-restore.
 */
int fake_save(sd_bus_message *call, void *userdata, sd_bus_error *error);
/* The file with the tag VMMS_FILE_STATE. Writes NAME.pid to $FAKE_WORKER_PROBES. */
int fake_take_state(struct fake *fake, sd_bus_message *call, int fd);
/* Positive: it goes on with the start. */
int fake_restore(struct fake *fake, sd_bus_error *error);

#endif
