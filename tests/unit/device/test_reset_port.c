/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>

#include "fake_device_env.h"
#include "reset_port.h"

static void write_port(struct reset_port *port, uint8_t value)
{
	reset_port_ops.write(port, 0, 1, value);
}

static uint8_t read_port(struct reset_port *port)
{
	return (uint8_t)reset_port_ops.read(port, 0, 1);
}

static void test_control(void)
{
	struct fake_env env;
	struct machine_requests requests;
	struct reset_port *port;

	fake_env_init(&env, 0);
	requests = fake_env_requests(&env);
	port = reset_port_new(RESET_PORT_CONTROL, &requests);
	g_assert_cmphex(read_port(port), ==, 0);
	/* as the FADT says */
	write_port(port, 0x06);
	g_assert_cmpuint(env.resets, ==, 1);
	g_assert_cmpstr(env.how, ==, "port 0xcf9");
	reset_port_reset(port);
	/* as Linux does with reboot=pci: choose, then pull */
	write_port(port, read_port(port) | 0x02);
	g_assert_cmpuint(env.resets, ==, 1);
	g_assert_cmphex(read_port(port), ==, 0x02);
	write_port(port, 0x0e);
	g_assert_cmpuint(env.resets, ==, 2);
	write_port(port, 0xf1);
	g_assert_cmphex(read_port(port), ==, 0);
	g_assert_cmpuint(env.resets, ==, 2);
	reset_port_free(port);
	reset_port_free(NULL);
}

/* PCI's address register begins a byte lower; device 31, function 7 must not reset. */
static void test_pci_address(void)
{
	struct fake_env env;
	struct machine_requests requests;
	struct reset_port *port;
	struct io_bus *bus = io_bus_new();
	uint32_t value;

	fake_env_init(&env, 0);
	requests = fake_env_requests(&env);
	port = reset_port_new(RESET_PORT_CONTROL, &requests);
	g_assert_true(io_bus_add(bus, IO_SPACE_PORT, 0xcf9, 1, &reset_port_ops, port));
	io_bus_write(bus, IO_SPACE_PORT, 0xcf8, 4, 1, "\x00\xff\x00\x80");
	g_assert_cmpuint(env.resets, ==, 0);
	io_bus_read(bus, IO_SPACE_PORT, 0xcf8, 4, 1, &value);
	g_assert_cmphex(value, ==, 0xffffffff);
	io_bus_write(bus, IO_SPACE_PORT, 0xcf9, 1, 1, "\x06");
	g_assert_cmpuint(env.resets, ==, 1);
	io_bus_free(bus);
	reset_port_free(port);
}

static void test_system_a(void)
{
	struct fake_env env;
	struct machine_requests requests;
	struct reset_port *port;

	fake_env_init(&env, 0);
	requests = fake_env_requests(&env);
	port = reset_port_new(RESET_PORT_SYSTEM_A, &requests);
	g_assert_cmphex(read_port(port), ==, 0x02); /* A20 is on */
	write_port(port, 0x02);
	g_assert_cmpuint(env.resets, ==, 0);
	write_port(port, 0x03);
	g_assert_cmpuint(env.resets, ==, 1);
	g_assert_cmpstr(env.how, ==, "port 0x92");
	write_port(port, 0x03); /* only the edge counts */
	g_assert_cmpuint(env.resets, ==, 1);
	reset_port_free(port);
}

int main(int argc, char *argv[])
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/reset-port/control", test_control);
	g_test_add_func("/reset-port/pci-address", test_pci_address);
	g_test_add_func("/reset-port/system-a", test_system_a);
	return g_test_run();
}
