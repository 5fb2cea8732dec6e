/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>

#include "fake_device_env.h"
#include "pci_address.h"
#include "reset_port.h"

struct machine {
	struct fake_env env;
	struct pci_address *address;
	struct reset_port *reset;
	struct io_bus *bus;
};

static void machine_up(struct machine *m)
{
	struct machine_requests requests;

	fake_env_init(&m->env, 0);
	requests = fake_env_requests(&m->env);
	m->address = pci_address_new();
	m->reset = reset_port_new(RESET_PORT_CONTROL, &requests);
	m->bus = io_bus_new();
	g_assert_true(io_bus_add(m->bus, IO_SPACE_PORT, 0xcf8, PCI_ADDRESS_PORTS, &pci_address_ops,
				 m->address));
	g_assert_true(io_bus_add(m->bus, IO_SPACE_PORT, 0xcf9, RESET_PORT_PORTS, &reset_port_ops,
				 m->reset));
}

static void machine_down(struct machine *m)
{
	io_bus_free(m->bus);
	reset_port_free(m->reset);
	pci_address_free(m->address);
}

static uint32_t in(struct machine *m, uint16_t port, unsigned int size)
{
	uint32_t value = 0;

	io_bus_read(m->bus, IO_SPACE_PORT, port, size, 1, &value);
	return value;
}

static void out(struct machine *m, uint16_t port, unsigned int size, uint32_t value)
{
	io_bus_write(m->bus, IO_SPACE_PORT, port, size, 1, &value);
}

/* What Linux does to find mechanism #1, then a look for a function. */
static void test_probe(void)
{
	struct machine m;

	machine_up(&m);
	out(&m, 0xcfb, 1, 0x01);
	g_assert_cmphex(in(&m, 0xcf8, 4), ==, 0);
	out(&m, 0xcf8, 4, 0x80000000);
	g_assert_cmphex(in(&m, 0xcf8, 4), ==, 0x80000000);
	g_assert_cmphex(in(&m, 0xcfc, 4), ==, 0xffffffff);
	g_assert_cmphex(in(&m, 0xcfe, 2), ==, 0xffff);
	out(&m, 0xcf8, 4, 0xffffffff);
	g_assert_cmphex(in(&m, 0xcf8, 4), ==, 0x80fffffc);
	g_assert_cmpuint(m.env.resets, ==, 0);
	pci_address_reset(m.address);
	g_assert_cmphex(in(&m, 0xcf8, 4), ==, 0);
	machine_down(&m);
}

/* Narrow accesses are not the register's; the reset port stays where it is. */
static void test_narrow(void)
{
	struct machine m;

	machine_up(&m);
	out(&m, 0xcf8, 4, 0x80001234);
	out(&m, 0xcf8, 1, 0x55);
	g_assert_cmphex(in(&m, 0xcf8, 4), ==, 0x80001234);
	g_assert_cmphex(in(&m, 0xcf8, 1), ==, 0xff);
	out(&m, 0xcf9, 1, 0x06);
	g_assert_cmpuint(m.env.resets, ==, 1);
	machine_down(&m);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/pci-address/probe", test_probe);
	g_test_add_func("/pci-address/narrow", test_narrow);
	return g_test_run();
}
