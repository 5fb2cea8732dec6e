/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the guest's own drivers and daemons say, and what a user asks of them: the integration
 * services and the keyboard of one partition. Main thread.
 *
 * Every function but guest_new and guest_set_adapters takes NULL for a machine without VMBus.
 * Errors are WORKER_ERRORs that read on from "VM web1: ".
 */
#ifndef GUEST_H
#define GUEST_H

#include "engine.h"

struct vmbus;
struct io_thread;
struct ic_clock;
struct guest;

struct guest_config {
	struct vmbus *bus;	      /* borrowed */
	struct io_thread *thread;     /* borrowed; services the bus, and reads files to copy */
	sd_event *event;	      /* borrowed */
	const struct ic_clock *clock; /* borrowed */
	/* That of the machine, for a shutdown that the driver was asked for in vain. */
	void (*press_button)(void *context);
	void *button;		     /* its context */
	struct engine_events events; /* of which responding, thawed, button_pressed are called */
};

struct guest *guest_new(const struct guest_config *config, GError **error);
/* What was asked and has no answer yet gets one. */
void guest_free(struct guest *guest);

/* The addresses of the adapters that it is asked for; copied. None before. */
void guest_set_adapters(struct guest *guest, const uint8_t (*macs)[6], unsigned int n);

/* Asks it to power off. False: its driver is not there. One that refuses, or does not answer in
 * time, has the power button pressed. */
bool guest_shutdown(struct guest *guest);
void guest_set_paused(struct guest *guest, bool paused);
void guest_sync_time(struct guest *guest);
/* Whether its state can be saved as it is. */
gboolean guest_may_save(struct guest *guest, GError **error);

void guest_describe(const struct guest *guest, engine_word_visit visit, void *context);
gboolean guest_type(struct guest *guest, const char *text, bool keys, GError **error);
gboolean guest_set_pair(struct guest *guest, const char *key, const char *value,
			const struct engine_request *request, GError **error);
gboolean guest_copy(struct guest *guest, const struct engine_copy *copy, GError **error);
void guest_cancel_copy(struct guest *guest);
gboolean guest_freeze(struct guest *guest, uint64_t hold_us, const struct engine_request *request,
		      GError **error);
gboolean guest_thaw(struct guest *guest, const struct engine_request *request, GError **error);
/* WRONG_STATE while its file systems are frozen. */
gboolean guest_reboot(struct guest *guest, const struct engine_request *request, GError **error);
gboolean guest_hibernate(struct guest *guest, const struct engine_request *request, GError **error);

#endif
