/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The emulated machine around the processors: its devices, where they are on the bus, and the
 * consoles of its serial ports. It knows no hypervisor; interrupts and requests leave by callbacks.
 * A reset of the guest keeps it, with the consoles' viewers.
 */
#ifndef MACHINE_H
#define MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device_env.h"
#include "engine.h"
#include "io_bus.h"
#include "state.h"

struct machine;

/* Each may be called by any VP thread, or the main thread, with a device's lock held. */
struct machine_callbacks {
	void (*line)(void *context, uint32_t gsi, bool level);
	void (*request)(void *context, enum machine_request request, const char *how);
	void (*panic)(void *context, const char *line, size_t size);
	void *context;
};

struct machine *machine_new(sd_event *event, const int console_fd[ENGINE_CONSOLES],
			    const struct machine_callbacks *callbacks, GError **error);
void machine_free(struct machine *machine); /* no VP may be in it; NULL is fine */

/* Constant after birth. */
struct io_bus *machine_bus(struct machine *machine);

/* For whoever keeps time beside the devices; every timer is freed before the machine. */
struct device_clock machine_clock(struct machine *machine);

/* The reset line of every device. While no VP runs. */
void machine_reset(struct machine *machine);

/* All devices, and what the consoles showed. While no VP runs; restored before any does, into a new
 * machine, which can only be freed when that fails. */
void machine_save(struct machine *machine, struct state_writer *writer);
bool machine_restore(struct machine *machine, struct state_reader *reader);

void machine_power_button(struct machine *machine);

/* port < ENGINE_CONSOLES. Main thread. */
gboolean machine_console(struct machine *machine, uint32_t port, uint32_t flags, int *ret_fd,
			 GError **error);

/* Bytes that the guest wrote to its serial ports. Any thread. */
uint64_t machine_console_bytes(struct machine *machine);

#endif
