/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest that does as it likes with all the ports of the emulated devices, while time passes. */
#include <glib.h>
#include <string.h>

#include "fake_device_env.h"
#include "i8042.h"
#include "io_bus.h"
#include "pci_address.h"
#include "pm.h"
#include "reset_port.h"
#include "rtc.h"
#include "uart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { IRQ_UART, IRQ_RTC, IRQ_SCI, IRQ_N };

struct machine {
	struct fake_env env; /* clocks and requests */
	struct fake_env irqs[IRQ_N];
	struct io_bus *bus;
	struct uart *uart;
	struct rtc *rtc;
	struct i8042 *i8042;
	struct pm *pm;
	struct pci_address *pci_address;
	struct reset_port *control, *system_a;
	size_t output;
};

/* An input is a row of these. */
struct step {
	uint8_t kind, port, size, value[4];
};

static const uint16_t ports[] = {0x60,	0x64,  0x70,  0x71,  0x92,  0xcf9, 0x3f8, 0x3f9,
				 0x3fa, 0x3fb, 0x3fc, 0x3fd, 0x3fe, 0x3ff, 0x600, 0x601,
				 0x602, 0x603, 0x604, 0x605, 0x608, 0x60b, 0x620, 0x621,
				 0x624, 0x627, 0x6f,  0x3f7, 0x607, 0xffff};

static void machine_output(void *context, const uint8_t *data, size_t n)
{
	struct machine *m = context;

	for (size_t i = 0; i < n; i++)
		m->output += data[i];
}

static void machine_build(struct machine *m)
{
	struct device_clock clock;
	struct machine_requests requests;

	fake_env_init(&m->env, 1709251198);
	for (int i = 0; i < IRQ_N; i++)
		fake_env_init(&m->irqs[i], 0);
	clock = fake_env_clock(&m->env);
	requests = fake_env_requests(&m->env);
	m->uart = uart_new(&(struct uart_config){.irq = fake_env_irq(&m->irqs[IRQ_UART]),
						 .clock = clock,
						 .output = machine_output,
						 .context = m});
	m->rtc = rtc_new(
		&(struct rtc_config){.irq = fake_env_irq(&m->irqs[IRQ_RTC]), .clock = clock});
	m->pm = pm_new(&(struct pm_config){
		.sci = fake_env_irq(&m->irqs[IRQ_SCI]), .clock = clock, .requests = requests});
	m->i8042 = i8042_new(&requests);
	m->pci_address = pci_address_new();
	m->control = reset_port_new(RESET_PORT_CONTROL, &requests);
	m->system_a = reset_port_new(RESET_PORT_SYSTEM_A, &requests);

	m->bus = io_bus_new();
	io_bus_add(m->bus, IO_SPACE_PORT, 0x3f8, UART_PORTS, &uart_ops, m->uart);
	io_bus_add(m->bus, IO_SPACE_PORT, 0x70, RTC_PORTS, &rtc_ops, m->rtc);
	io_bus_add(m->bus, IO_SPACE_PORT, 0x60, I8042_DATA_PORTS, &i8042_data_ops, m->i8042);
	io_bus_add(m->bus, IO_SPACE_PORT, 0x64, I8042_COMMAND_PORTS, &i8042_command_ops, m->i8042);
	io_bus_add(m->bus, IO_SPACE_PORT, 0x600, PM_PORTS, &pm_fixed_ops, m->pm);
	io_bus_add(m->bus, IO_SPACE_PORT, 0x620, PM_GPE_PORTS, &pm_gpe_ops, m->pm);
	io_bus_add(m->bus, IO_SPACE_PORT, 0xcf8, PCI_ADDRESS_PORTS, &pci_address_ops,
		   m->pci_address);
	io_bus_add(m->bus, IO_SPACE_PORT, 0xcf9, RESET_PORT_PORTS, &reset_port_ops, m->control);
	io_bus_add(m->bus, IO_SPACE_PORT, 0x92, RESET_PORT_PORTS, &reset_port_ops, m->system_a);
}

static void machine_free(struct machine *m)
{
	io_bus_free(m->bus);
	uart_free(m->uart);
	rtc_free(m->rtc);
	pm_free(m->pm);
	i8042_free(m->i8042);
	pci_address_free(m->pci_address);
	reset_port_free(m->control);
	reset_port_free(m->system_a);
}

static void machine_step(struct machine *m, const struct step *step)
{
	uint16_t port = ports[step->port % G_N_ELEMENTS(ports)];
	unsigned int size = 1u << step->size % 3;
	uint8_t buffer[64];
	uint32_t value;

	memcpy(&value, step->value, sizeof value);
	switch (step->kind % 8) {
	case 0:
	case 1:
		io_bus_write(m->bus, IO_SPACE_PORT, port, size, 1, step->value);
		break;
	case 2:
		io_bus_read(m->bus, IO_SPACE_PORT, port, size, 1, buffer);
		break;
	case 3: /* the RTC's index and data together */
		io_bus_write(m->bus, IO_SPACE_PORT, 0x70, 2, 1, step->value);
		break;
	case 4:
		memset(buffer, step->value[0], sizeof buffer);
		io_bus_write(m->bus, IO_SPACE_PORT, port, size, 1 + step->value[1] % 16, buffer);
		break;
	case 5: /* up to an hour */
		fake_env_advance(&m->env, (uint64_t)value * (1 + step->size % 4) % 3600000000000);
		break;
	case 6:
		uart_receive(m->uart, step->value, 1 + step->size % 4);
		break;
	default:
		if (step->size & 1)
			pm_power_button(m->pm);
		else
			pm_raise_event(m->pm, step->value[0] % 32);
		if (step->size & 2) /* the host's clock is set */
			m->env.realtime_ns = (int32_t)value * INT64_C(1000000000);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct machine m = {};
	struct step step;

	machine_build(&m);
	for (; size >= sizeof step; data += sizeof step, size -= sizeof step) {
		memcpy(&step, data, sizeof step);
		machine_step(&m, &step);
	}
	uart_reset(m.uart);
	rtc_reset(m.rtc);
	pm_reset(m.pm);
	for (int i = 0; i < IRQ_N; i++)
		if (m.irqs[i].level)
			g_error("an interrupt outlives the reset");
	machine_free(&m);
	return 0;
}
