/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reset_port.h"

#include <glib.h>
#include <stdatomic.h>

static const struct {
	uint8_t initial, stored; /* after a reset; the bits that read back */
	uint8_t trigger;	 /* going from 0 to 1 resets */
	const char *how;
} reset_ports[] = {
	/* bit 1: hard rather than soft, bit 3: with a power cycle; a machine that runs no firmware
	 * knows one kind of reset */
	[RESET_PORT_CONTROL] = {0x00, 0x0e, 0x04, "port 0xcf9"},
	/* bit 1: A20 gate, which the processors do without */
	[RESET_PORT_SYSTEM_A] = {0x02, 0xff, 0x01, "port 0x92"},
};

struct reset_port {
	struct machine_requests requests;
	enum reset_port_kind kind;
	_Atomic uint8_t value;
};

static uint64_t reset_port_read(void *device, uint64_t offset G_GNUC_UNUSED,
				unsigned int size G_GNUC_UNUSED)
{
	struct reset_port *port = device;

	return atomic_load(&port->value);
}

static void reset_port_write(void *device, uint64_t offset G_GNUC_UNUSED,
			     unsigned int size G_GNUC_UNUSED, uint64_t value)
{
	struct reset_port *port = device;
	uint8_t new = (uint8_t)value &reset_ports[port->kind].stored;
	uint8_t old = atomic_exchange(&port->value, new);

	if (new & ~old & reset_ports[port->kind].trigger)
		port->requests.request(port->requests.context, MACHINE_RESET,
				       reset_ports[port->kind].how);
}

const struct io_ops reset_port_ops = {
	.read = reset_port_read, .write = reset_port_write, .width = 1};

void reset_port_reset(struct reset_port *port)
{
	atomic_store(&port->value, reset_ports[port->kind].initial);
}

void reset_port_save(struct reset_port *port, struct state_writer *writer)
{
	state_begin(writer, "reset-port", 1);
	state_put_u8(writer, (uint8_t)port->kind);
	state_put_u8(writer, atomic_load(&port->value));
	state_end(writer);
}

bool reset_port_restore(struct reset_port *port, struct state_reader *reader)
{
	uint8_t kind, value;

	if (!state_enter(reader, "reset-port", 1))
		return false;
	kind = state_get_u8(reader);
	value = state_get_u8(reader);
	if (kind != port->kind || (value & ~reset_ports[port->kind].stored))
		state_fail(reader, "bits that this port has not");
	state_leave(reader);
	if (state_ok(reader))
		atomic_store(&port->value, value);
	return state_ok(reader);
}

struct reset_port *reset_port_new(enum reset_port_kind kind,
				  const struct machine_requests *requests)
{
	struct reset_port *port = g_new0(struct reset_port, 1);

	port->requests = *requests;
	port->kind = kind;
	reset_port_reset(port);
	return port;
}

void reset_port_free(struct reset_port *port)
{
	g_free(port);
}
