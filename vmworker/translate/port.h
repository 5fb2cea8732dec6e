/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A serial port of QEMU's, which is a socket that it listens on, and the console behind it. Main
 * thread. */
#ifndef PORT_H
#define PORT_H

#include <glib.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "state.h"

struct port;

/* panic is called for the last words of a Linux kernel, NULL: nobody looks for them. */
struct port *port_new(sd_event *event, int ring_fd, void (*panic)(void *context, const char *line),
		      void *context, GError **error);
void port_free(struct port *port); /* NULL is fine */

/* Another connection takes the place of the one before, as after a new start of QEMU. */
gboolean port_connect(struct port *port, const char *path, GError **error);
/* Takes in what the guest has written until now. */
void port_drain(struct port *port);
/* The guest begins anew. */
void port_reset(struct port *port);

/* What the console shows, for the ring of another run. */
void port_save(struct port *port, struct state_writer *writer);
bool port_restore(struct port *port, struct state_reader *reader);

gboolean port_console(struct port *port, uint32_t flags, int *ret_fd, GError **error);
/* Bytes that the guest wrote. */
uint64_t port_bytes(const struct port *port);

#endif
