/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An 8042 keyboard controller with nothing plugged in: its commands answer, bytes for a keyboard or
 * a mouse time out at once. What it is for is its output port: the guest's way to reset the
 * machine that every guest knows (0xfe to port 0x64).
 */
#ifndef I8042_H
#define I8042_H

#include "device_env.h"
#include "io_bus.h"
#include "state.h"

struct i8042;

/* The two registers are apart, with the AT's system control port between them: two regions. */
#define I8042_DATA_PORTS    1u /* at 0x60, i8042_data_ops */
#define I8042_COMMAND_PORTS 1u /* at 0x64, i8042_command_ops */

extern const struct io_ops i8042_data_ops;
extern const struct io_ops i8042_command_ops;

/* requests: asked for MACHINE_RESET, "keyboard controller", with the lock held. Copied. */
struct i8042 *i8042_new(const struct machine_requests *requests);
void i8042_free(struct i8042 *i8042); /* NULL is fine */
void i8042_reset(struct i8042 *i8042);

/* As of uart.h. */
void i8042_save(struct i8042 *i8042, struct state_writer *writer);
bool i8042_restore(struct i8042 *i8042, struct state_reader *reader);

#endif
