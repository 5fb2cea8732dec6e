/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two one-byte ports that reset a PC: the reset control register 0xcf9 of Intel's chip sets (the
 * FADT names it as RESET_REG with value 0x06), and system control port A, 0x92, of the PS/2.
 * Both act through machine_requests: MACHINE_RESET, "port 0xcf9" or "port 0x92".
 */
#ifndef RESET_PORT_H
#define RESET_PORT_H

#include "device_env.h"
#include "io_bus.h"
#include "state.h"

struct reset_port;

enum reset_port_kind { RESET_PORT_CONTROL /* 0xcf9 */, RESET_PORT_SYSTEM_A /* 0x92 */ };

#define RESET_PORT_PORTS 1u

extern const struct io_ops reset_port_ops;

struct reset_port *reset_port_new(enum reset_port_kind kind,
				  const struct machine_requests *requests);
void reset_port_free(struct reset_port *port); /* NULL is fine */
void reset_port_reset(struct reset_port *port);

/* As of uart.h; into a port of the same kind. */
void reset_port_save(struct reset_port *port, struct state_writer *writer);
bool reset_port_restore(struct reset_port *port, struct state_reader *reader);

#endif
