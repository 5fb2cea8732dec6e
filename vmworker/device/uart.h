/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A PC16550D serial port (National Semiconductor data sheet, June 1995) with 16-byte FIFOs.
 *
 * The line is infinitely fast in the direction of the host: a byte written to THR is handed to the
 * sink before the write returns, so the transmitter is always empty. Towards the guest the receive
 * FIFO is the limit: nothing that the host sends is ever lost to an overrun, it is not taken.
 * The modem inputs CTS, DSR and DCD are always on.
 */
#ifndef UART_H
#define UART_H

#include <stddef.h>
#include <stdint.h>

#include "device_env.h"
#include "io_bus.h"
#include "state.h"

struct uart;

#define UART_PORTS 8u /* size of the region for uart_ops */

/* All callbacks run with the UART's lock held and must not call back into it. */
struct uart_config {
	struct irq_line irq;
	struct device_clock clock; /* the receive time-out */
	/* What the guest sent, on a VP thread. */
	void (*output)(void *context, const uint8_t *data, size_t n);
	/* After uart_receive took less than it was offered, once there is room again. May be NULL.
	 * Any thread. */
	void (*can_receive)(void *context);
	void *context;
};

/* Main thread; config is copied. */
struct uart *uart_new(const struct uart_config *config);
void uart_free(struct uart *uart); /* NULL is fine; no VP may be in it */

/* For io_bus_add, with the UART as the device. */
extern const struct io_ops uart_ops;

/* Bytes from the line: returns how many fit. 0 while the guest has the port in loop-back. Any
 * thread. */
size_t uart_receive(struct uart *uart, const uint8_t *data, size_t n);

/* Master reset (MR pin). Any thread. */
void uart_reset(struct uart *uart);

/* Its registers and what it has received. Restored before any VP runs, with the interrupt
 * controllers, which bring the line's level: it is not driven. After a failure it can only be
 * freed. Main thread. */
void uart_save(struct uart *uart, struct state_writer *writer);
bool uart_restore(struct uart *uart, struct state_reader *reader);

#endif
