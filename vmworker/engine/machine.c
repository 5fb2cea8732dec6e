/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "machine.h"

#include <stdatomic.h>
#include <string.h>

#include "boot.h" /* the machine's addresses */
#include "clock.h"
#include "console.h"
#include "i8042.h"
#include "line_watch.h"
#include "pci_address.h"
#include "pm.h"
#include "reset_port.h"
#include "rtc.h"
#include "uart.h"
#include "worker_error.h"

#define PORT_SYSTEM_A	 0x92u
#define PORT_PCI_ADDRESS 0xcf8u

/* Scroll-back of a console, in bytes. */
#define RING_SIZE (256u << 10)

struct machine_line {
	struct machine *machine;
	uint32_t gsi;
};

struct serial {
	struct machine *machine;
	struct machine_line line;
	struct uart *uart;
	struct console *console;
	struct line_watch *watch; /* the first port's only */
};

struct machine {
	struct machine_callbacks callbacks;
	_Atomic uint64_t console_bytes;
	struct clock *clock;
	struct io_bus *bus;
	struct serial serial[ENGINE_CONSOLES];
	struct machine_line rtc_line, sci_line;
	struct rtc *rtc;
	struct i8042 *i8042;
	struct pm *pm;
	struct pci_address *pci_address;
	struct reset_port *reset_control, *system_a;
};

/* ---- what the devices ask of the world --------------------------------------------------------
 */

static void machine_line_set(void *context, bool level)
{
	const struct machine_line *line = context;
	const struct machine_callbacks *callbacks = &line->machine->callbacks;

	callbacks->line(callbacks->context, line->gsi, level);
}

static struct irq_line machine_line_init(struct machine *machine, struct machine_line *line,
					 uint32_t gsi)
{
	*line = (struct machine_line){machine, gsi};
	return (struct irq_line){.set = machine_line_set, .context = line};
}

static void serial_output(void *context, const uint8_t *data, size_t n)
{
	struct serial *serial = context;

	atomic_fetch_add_explicit(&serial->machine->console_bytes, n, memory_order_relaxed);
	console_write(serial->console, data, n);
	if (serial->watch)
		line_watch_feed(serial->watch, data, n);
}

static void serial_can_receive(void *context)
{
	struct serial *serial = context;

	console_input_ready(serial->console);
}

static size_t serial_input(void *context, const uint8_t *data, size_t size)
{
	struct serial *serial = context;

	return uart_receive(serial->uart, data, size);
}

static void serial_panicked(void *context, const char *line)
{
	struct serial *serial = context;
	const struct machine_callbacks *callbacks = &serial->machine->callbacks;

	callbacks->panic(callbacks->context, line, strlen(line));
}

/* ---- birth and death --------------------------------------------------------------------------
 */

static gboolean serial_init(struct serial *serial, struct machine *machine, sd_event *event,
			    uint32_t gsi, int ring_fd, GError **error)
{
	const struct console_input input = {.put = serial_input, .context = serial};
	const struct uart_config config = {
		.irq = machine_line_init(machine, &serial->line, gsi),
		.clock = clock_device_clock(machine->clock),
		.output = serial_output,
		.can_receive = serial_can_receive,
		.context = serial,
	};

	serial->machine = machine;
	serial->uart = uart_new(&config);
	serial->console = console_new(event, ring_fd, RING_SIZE, &input, error);
	return serial->console != NULL;
}

static void machine_devices_new(struct machine *machine)
{
	const struct device_clock clock = clock_device_clock(machine->clock);
	const struct machine_requests requests = {
		.request = machine->callbacks.request,
		.context = machine->callbacks.context,
	};
	const struct rtc_config rtc = {
		.irq = machine_line_init(machine, &machine->rtc_line, MACHINE_RTC_GSI),
		.clock = clock,
	};
	const struct pm_config pm = {
		.sci = machine_line_init(machine, &machine->sci_line, MACHINE_SCI_GSI),
		.clock = clock,
		.requests = requests,
	};

	machine->rtc = rtc_new(&rtc);
	machine->pm = pm_new(&pm);
	machine->i8042 = i8042_new(&requests);
	machine->pci_address = pci_address_new();
	machine->reset_control = reset_port_new(RESET_PORT_CONTROL, &requests);
	machine->system_a = reset_port_new(RESET_PORT_SYSTEM_A, &requests);
}

/* Where everything is. */
static bool machine_map(struct machine *machine)
{
	const struct {
		uint16_t base, size;
		const struct io_ops *ops;
		void *device;
	} ports[] = {
		{MACHINE_I8042_PORT, I8042_DATA_PORTS, &i8042_data_ops, machine->i8042},
		{MACHINE_I8042_PORT + 4, I8042_COMMAND_PORTS, &i8042_command_ops, machine->i8042},
		{MACHINE_RTC_PORT, RTC_PORTS, &rtc_ops, machine->rtc},
		{PORT_SYSTEM_A, RESET_PORT_PORTS, &reset_port_ops, machine->system_a},
		{MACHINE_COM2_PORT, UART_PORTS, &uart_ops, machine->serial[1].uart},
		{MACHINE_COM1_PORT, UART_PORTS, &uart_ops, machine->serial[0].uart},
		{MACHINE_PM_BASE, PM_PORTS, &pm_fixed_ops, machine->pm},
		{MACHINE_GPE_BASE, PM_GPE_PORTS, &pm_gpe_ops, machine->pm},
		{PORT_PCI_ADDRESS, PCI_ADDRESS_PORTS, &pci_address_ops, machine->pci_address},
		{MACHINE_RESET_PORT, RESET_PORT_PORTS, &reset_port_ops, machine->reset_control},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(ports); i++) {
		if (!io_bus_add(machine->bus, IO_SPACE_PORT, ports[i].base, ports[i].size,
				ports[i].ops, ports[i].device))
			return false;
	}
	return true;
}

struct machine *machine_new(sd_event *event, const int console_fd[ENGINE_CONSOLES],
			    const struct machine_callbacks *callbacks, GError **error)
{
	static const uint32_t gsis[ENGINE_CONSOLES] = {MACHINE_COM1_GSI, MACHINE_COM2_GSI};
	struct machine *machine = g_new0(struct machine, 1);

	machine->callbacks = *callbacks;
	machine->clock = clock_new(event, error);
	if (!machine->clock)
		goto fail;
	for (size_t i = 0; i < ENGINE_CONSOLES; i++) {
		if (!serial_init(&machine->serial[i], machine, event, gsis[i], console_fd[i],
				 error))
			goto fail;
	}
	machine->serial[0].watch = line_watch_new(serial_panicked, &machine->serial[0]);
	machine_devices_new(machine);
	machine->bus = io_bus_new();
	if (machine_map(machine))
		return machine;
	g_set_error(
		error, WORKER_ERROR, WORKER_ERROR_FAILED,
		"machine: two devices claim the same ports; this is a fault of vmworker, report it");
fail:
	machine_free(machine);
	return NULL;
}

void machine_free(struct machine *machine)
{
	if (!machine)
		return;
	io_bus_free(machine->bus);
	reset_port_free(machine->system_a);
	reset_port_free(machine->reset_control);
	pci_address_free(machine->pci_address);
	i8042_free(machine->i8042);
	pm_free(machine->pm);
	rtc_free(machine->rtc);
	for (size_t i = 0; i < ENGINE_CONSOLES; i++) {
		/* The console offers input to the UART until it is gone. */
		console_free(machine->serial[i].console);
		uart_free(machine->serial[i].uart);
		line_watch_free(machine->serial[i].watch);
	}
	clock_free(machine->clock);
	g_free(machine);
}

struct io_bus *machine_bus(struct machine *machine)
{
	return machine->bus;
}

struct device_clock machine_clock(struct machine *machine)
{
	return clock_device_clock(machine->clock);
}

void machine_reset(struct machine *machine)
{
	for (size_t i = 0; i < ENGINE_CONSOLES; i++)
		uart_reset(machine->serial[i].uart);
	line_watch_reset(machine->serial[0].watch);
	rtc_reset(machine->rtc);
	pm_reset(machine->pm);
	i8042_reset(machine->i8042);
	pci_address_reset(machine->pci_address);
	reset_port_reset(machine->reset_control);
	reset_port_reset(machine->system_a);
}

void machine_save(struct machine *machine, struct state_writer *writer)
{
	state_begin(writer, "devices", 1);
	for (size_t i = 0; i < ENGINE_CONSOLES; i++) {
		uart_save(machine->serial[i].uart, writer);
		console_save(machine->serial[i].console, writer);
	}
	rtc_save(machine->rtc, writer);
	pm_save(machine->pm, writer);
	i8042_save(machine->i8042, writer);
	pci_address_save(machine->pci_address, writer);
	reset_port_save(machine->reset_control, writer);
	reset_port_save(machine->system_a, writer);
	state_end(writer);
}

bool machine_restore(struct machine *machine, struct state_reader *reader)
{
	bool good = state_enter(reader, "devices", 1) != 0;

	for (size_t i = 0; i < ENGINE_CONSOLES; i++) {
		good = good && uart_restore(machine->serial[i].uart, reader) &&
		       console_restore(machine->serial[i].console, reader);
	}
	if (!good || !rtc_restore(machine->rtc, reader) || !pm_restore(machine->pm, reader) ||
	    !i8042_restore(machine->i8042, reader) ||
	    !pci_address_restore(machine->pci_address, reader) ||
	    !reset_port_restore(machine->reset_control, reader) ||
	    !reset_port_restore(machine->system_a, reader))
		return false;
	state_leave(reader);
	return state_ok(reader);
}

void machine_power_button(struct machine *machine)
{
	(void)pm_power_button(machine->pm);
}

gboolean machine_console(struct machine *machine, uint32_t port, uint32_t flags, int *ret_fd,
			 GError **error)
{
	return console_add_viewer(machine->serial[port].console, flags, ret_fd, error);
}

uint64_t machine_console_bytes(struct machine *machine)
{
	return atomic_load_explicit(&machine->console_bytes, memory_order_relaxed);
}
