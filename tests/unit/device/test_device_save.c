/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices that are saved and taken up by new ones: nothing of theirs changes but the time. */
#include <glib.h>

#include "fake_device_env.h"
#include "i8042.h"
#include "pci_address.h"
#include "pm.h"
#include "reset_port.h"
#include "rtc.h"
#include "state_part.h"
#include "uart.h"

#define SECOND_NS UINT64_C(1000000000)

STATE_PART(uart);
STATE_PART(rtc);
STATE_PART(pm);
STATE_PART(i8042);
STATE_PART(pci_address);
STATE_PART(reset_port);

/* ---- a device, and a guest that uses it -------------------------------------------------------
 */

static void no_output(void *context, const uint8_t *data, size_t n)
{
	(void)context;
	(void)data;
	(void)n;
}

static void *make_uart(struct fake_env *env, struct irq_line irq)
{
	const struct uart_config config = {
		.irq = irq, .clock = fake_env_clock(env), .output = no_output};

	return uart_new(&config);
}

static void outs(const struct io_ops *ops, void *device, const uint8_t *pairs, size_t n)
{
	for (size_t i = 0; i < n; i += 2)
		ops->write(device, pairs[i], 1, pairs[i + 1]);
}

static void use_uart(void *device)
{
	static const uint8_t pairs[] = {3, 0x80, 0, 12,	  1, 0,	   3, 0x03,
					2, 0xc7, /* FIFOs, 14 bytes */
					1, 0x0f, 4, 0x0b, 7, 0x5a, 0, 'x'};

	outs(&uart_ops, device, pairs, sizeof(pairs));
	(void)uart_ops.read(device, 2, 1);
	g_assert_cmpuint(uart_receive(device, (const uint8_t *)"abcde", 5), ==, 5);
	g_assert_cmpuint(uart_ops.read(device, 0, 1), ==, 'a');
}

static void *make_rtc(struct fake_env *env, struct irq_line irq)
{
	const struct rtc_config config = {
		.irq = irq, .clock = fake_env_clock(env), .offset_us = 7200000000};

	return rtc_new(&config);
}

static void use_rtc(void *device)
{
	/* An alarm in each minute's second 30; the index stays at register C. */
	static const uint8_t pairs[] = {0,    0x01, 1,	  0x30, 0,    0x03, 1,	  0xff, 0,
					0x05, 1,    0xff, 0,	0x0b, 1,    0x22, 0,	0x40,
					1,    0x77, 0,	  0x06, 1,    0x03, 0,	  0x0c};

	outs(&rtc_ops, device, pairs, sizeof(pairs));
}

static void *make_pm(struct fake_env *env, struct irq_line irq)
{
	const struct pm_config config = {
		.sci = irq, .clock = fake_env_clock(env), .requests = fake_env_requests(env)};

	return pm_new(&config);
}

static void use_pm(void *device)
{
	pm_fixed_ops.write(device, PM_EVENT + 2, 2, 0x0101); /* timer and power button */
	pm_fixed_ops.write(device, PM_CONTROL, 2, 0x0402);
	pm_gpe_ops.write(device, 4, 4, 0x80000001);
	pm_raise_event(device, 5);
	(void)pm_power_button(device);
}

static void *make_i8042(struct fake_env *env, struct irq_line irq)
{
	const struct machine_requests requests = fake_env_requests(env);

	(void)irq;
	return i8042_new(&requests);
}

static void use_i8042(void *device)
{
	i8042_command_ops.write(device, 0, 1, 0x65);
	i8042_data_ops.write(device, 0, 1, 0x99);
	i8042_command_ops.write(device, 0, 1, 0xaa);
	i8042_command_ops.write(device, 0, 1, 0x66); /* waits for its parameter */
}

static void *make_pci_address(struct fake_env *env, struct irq_line irq)
{
	(void)env;
	(void)irq;
	return pci_address_new();
}

static void use_pci_address(void *device)
{
	pci_address_ops.write(device, 0, 4, 0x80001234);
}

static void *make_reset_port(struct fake_env *env, struct irq_line irq)
{
	const struct machine_requests requests = fake_env_requests(env);

	(void)irq;
	return reset_port_new(RESET_PORT_CONTROL, &requests);
}

static void use_reset_port(void *device)
{
	reset_port_ops.write(device, 0, 1, 0x0a);
}

#define FREE(name)                            \
	static void free_##name(void *device) \
	{                                     \
		name##_free(device);          \
	}
FREE(uart)
FREE(rtc)
FREE(pm)
FREE(i8042)
FREE(pci_address)
FREE(reset_port)

static const struct device {
	const char *name;
	const struct state_part *part;
	void *(*make)(struct fake_env *env, struct irq_line irq);
	void (*use)(void *device);
	void (*free)(void *device);
	const struct io_ops *ops;
	uint64_t ports;
} devices[] = {
#define DEVICE(name, ports, size)                                                             \
	{                                                                                     \
#name, &name##_part, make_##name, use_##name, free_##name, &ports##_ops, size \
	}
	DEVICE(uart, uart, UART_PORTS),	     DEVICE(rtc, rtc, RTC_PORTS),
	DEVICE(pm, pm_fixed, PM_PORTS),	     DEVICE(i8042, i8042_data, I8042_DATA_PORTS),
	DEVICE(pci_address, pci_address, 1), DEVICE(reset_port, reset_port, RESET_PORT_PORTS),
};

/* ---- of every device --------------------------------------------------------------------------
 */

/* The same bytes come out again, and the line, whose level somebody else brings, is left alone. */
static void test_round_trip(gconstpointer data)
{
	const struct device *device = data;
	struct fake_env env, other;

	fake_env_init(&env, 1709251198);
	void *first = device->make(&env, fake_env_irq(&env));
	device->use(first);
	fake_env_advance(&env, SECOND_NS / 100);
	g_autoptr(GBytes) saved = state_part_save(device->part, first);
	other = env;
	other.monotonic_ns += 77 * SECOND_NS; /* another host's, or another boot's */
	other.raised = 0;
	for (size_t i = 0; i < FAKE_TIMERS; i++)
		other.timers[i].used = false;

	void *second = device->make(&other, fake_env_irq(&other));
	g_autofree char *fault = state_part_restore(device->part, second, saved);
	g_assert_cmpstr(fault, ==, NULL);
	g_assert_cmpuint(other.raised, ==, 0);
	g_assert_cmpint(other.level, ==, env.level);
	g_assert_cmpuint(fake_env_armed(&other), ==, fake_env_armed(&env));
	g_autoptr(GBytes) again = state_part_save(device->part, second);
	g_assert_true(g_bytes_equal(again, saved));
	device->free(first);
	device->free(second);
}

struct mutated {
	const struct device *device;
	struct fake_env env;
};

static void any_level(void *context, bool level)
{
	(void)context;
	(void)level;
}

static void *mutated_make(void *context)
{
	struct mutated *m = context;

	fake_env_init(&m->env, 1709251198);
	return m->device->make(&m->env, (struct irq_line){.set = any_level});
}

static void mutated_use(void *context, void *device)
{
	struct mutated *m = context;

	for (uint64_t offset = 0; offset < m->device->ports; offset++)
		(void)m->device->ops->read(device, offset, 1);
	/* Not for long: a device may be told to interrupt 8192 times a second. */
	fake_env_advance(&m->env, SECOND_NS / 10);
	m->device->use(device);
	g_autoptr(GBytes) saved = state_part_save(m->device->part, device);
	g_assert_nonnull(saved);
}

static void mutated_drop(void *context, void *device)
{
	((struct mutated *)context)->device->free(device);
}

static void test_hostile(gconstpointer data)
{
	struct mutated m = {.device = data};
	void *first = mutated_make(&m);

	m.device->use(first);
	g_autoptr(GBytes) saved = state_part_save(m.device->part, first);
	m.device->free(first);
	state_part_mutate(m.device->part, saved, mutated_make, mutated_use, mutated_drop, &m);
}

/* ---- what goes on -----------------------------------------------------------------------------
 */

struct pair {
	struct fake_env env; /* of both, one after the other */
	void *device;
};

static void pair_begin(struct pair *pair, const struct device *device)
{
	fake_env_init(&pair->env, 1709251198); /* 23:59:58 on a leap day's eve */
	pair->device = device->make(&pair->env, fake_env_irq(&pair->env));
}

/* The device is saved, time passes, and a new one goes on from there. */
static void pair_switch(struct pair *pair, const struct device *device, uint64_t ns)
{
	g_autoptr(GBytes) saved = state_part_save(device->part, pair->device);
	g_autofree char *fault = NULL;

	device->free(pair->device);
	pair->env.monotonic_ns += ns;
	pair->env.realtime_ns += (int64_t)ns;
	pair->device = device->make(&pair->env, fake_env_irq(&pair->env));
	fault = state_part_restore(device->part, pair->device, saved);
	g_assert_cmpstr(fault, ==, NULL);
}

/* What was received is there, and the time-out of a FIFO that is not full comes. */
static void test_uart_goes_on(void)
{
	struct pair pair;

	pair_begin(&pair, &devices[0]);
	use_uart(pair.device);
	g_assert_false(pair.env.level);
	pair_switch(&pair, &devices[0], 3600 * SECOND_NS);
	g_assert_false(pair.env.level);
	fake_env_advance(&pair.env, SECOND_NS);
	g_assert_true(pair.env.level);
	g_assert_cmphex(uart_ops.read(pair.device, 2, 1), ==, 0xcc);

	/* A level that was high goes low when the cause does. */
	pair_switch(&pair, &devices[0], 0);
	g_assert_true(pair.env.level);
	for (const char *left = "bcde"; *left; left++)
		g_assert_cmpint((int)uart_ops.read(pair.device, 0, 1), ==, *left);
	g_assert_false(pair.env.level);
	g_assert_cmphex(uart_ops.read(pair.device, 7, 1), ==, 0x5a);
	uart_free(pair.device);
}

/* An alarm that passed meanwhile interrupts; the time is the host's, the guest's offset kept. */
static void test_rtc_goes_on(void)
{
	struct pair pair;

	pair_begin(&pair, &devices[1]);
	use_rtc(pair.device);
	rtc_ops.write(pair.device, 0, 1, 0x04);
	uint64_t hour = rtc_ops.read(pair.device, 1, 1);
	pair_switch(&pair, &devices[1], SECOND_NS);
	g_assert_false(pair.env.level);
	pair_switch(&pair, &devices[1], 3600 * SECOND_NS);
	g_assert_true(pair.env.level);
	g_assert_cmpuint(pair.env.raised, ==, 1);
	g_assert_cmphex(rtc_ops.read(pair.device, 1, 1), ==, (hour + 1) % 24);
	rtc_ops.write(pair.device, 0, 1, 0x0c);
	g_assert_cmphex(rtc_ops.read(pair.device, 1, 1) & 0xa0, ==, 0xa0);
	g_assert_false(pair.env.level);
	fake_env_advance(&pair.env, 60 * SECOND_NS);
	g_assert_cmpuint(pair.env.raised, ==, 2);
	rtc_free(pair.device);
}

/* The timer goes on from what it read, and its half turn comes when it has to. */
static void test_pm_goes_on(void)
{
	struct pair pair;

	pair_begin(&pair, &devices[2]);
	pm_fixed_ops.write(pair.device, PM_EVENT + 2, 2, 0x0001);
	fake_env_advance(&pair.env, 500 * SECOND_NS);
	uint64_t ticks = pm_fixed_ops.read(pair.device, PM_TIMER, 4);
	g_assert_cmpuint(ticks, ==, 500u * 3579545u);
	pair_switch(&pair, &devices[2], 86400 * SECOND_NS);
	g_assert_cmpuint(pm_fixed_ops.read(pair.device, PM_TIMER, 4), ==, ticks);
	fake_env_advance(&pair.env, 99 * SECOND_NS);
	g_assert_false(pair.env.level);
	fake_env_advance(&pair.env, SECOND_NS); /* 2^31 ticks take 599.9 s */
	g_assert_true(pair.env.level);
	pm_free(pair.device);
}

/* A command's parameter comes after the switch. */
static void test_i8042_goes_on(void)
{
	struct pair pair;

	pair_begin(&pair, &devices[3]);
	use_i8042(pair.device);
	pair_switch(&pair, &devices[3], 0);
	g_assert_cmphex(i8042_data_ops.read(pair.device, 0, 1), ==, 0x55);
	i8042_data_ops.write(pair.device, 0, 1, 0x11);
	i8042_command_ops.write(pair.device, 0, 1, 0x26);
	g_assert_cmphex(i8042_data_ops.read(pair.device, 0, 1), ==, 0x11);
	i8042_command_ops.write(pair.device, 0, 1, 0x25);
	g_assert_cmphex(i8042_data_ops.read(pair.device, 0, 1), ==, 0x99);
	i8042_free(pair.device);
}

/* Two ports of one kind of device are told apart. */
static void test_wrong_reset_port(void)
{
	struct fake_env env;
	struct machine_requests requests;

	fake_env_init(&env, 0);
	requests = fake_env_requests(&env);
	struct reset_port *control = reset_port_new(RESET_PORT_CONTROL, &requests);
	struct reset_port *system = reset_port_new(RESET_PORT_SYSTEM_A, &requests);
	g_autoptr(GBytes) saved = state_part_save(&reset_port_part, control);
	g_autofree char *fault = state_part_restore(&reset_port_part, system, saved);
	g_assert_cmpstr(fault, ==, "reset-port: bits that this port has not");
	reset_port_free(control);
	reset_port_free(system);
}

int main(int argc, char *argv[])
{
	g_test_init(&argc, &argv, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(devices); i++) {
		g_autofree char *round = g_strdup_printf("/%s/save/round-trip", devices[i].name);
		g_autofree char *hostile = g_strdup_printf("/%s/save/hostile", devices[i].name);

		g_test_add_data_func(round, &devices[i], test_round_trip);
		g_test_add_data_func(hostile, &devices[i], test_hostile);
	}
	g_test_add_func("/uart/save/goes-on", test_uart_goes_on);
	g_test_add_func("/rtc/save/goes-on", test_rtc_goes_on);
	g_test_add_func("/pm/save/goes-on", test_pm_goes_on);
	g_test_add_func("/i8042/save/goes-on", test_i8042_goes_on);
	g_test_add_func("/reset-port/save/another-kind", test_wrong_reset_port);
	return g_test_run();
}
