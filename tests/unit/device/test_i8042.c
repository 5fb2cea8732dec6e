/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>

#include "fake_device_env.h"
#include "i8042.h"

struct fixture {
	struct fake_env env;
	struct i8042 *i8042;
};

static void set_up(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct machine_requests requests;

	fake_env_init(&f->env, 0);
	requests = fake_env_requests(&f->env);
	f->i8042 = i8042_new(&requests);
}

static void tear_down(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	i8042_free(f->i8042);
}

static void command(struct fixture *f, uint8_t value)
{
	i8042_command_ops.write(f->i8042, 0, 1, value);
}

static void data(struct fixture *f, uint8_t value)
{
	i8042_data_ops.write(f->i8042, 0, 1, value);
}

static uint8_t status(struct fixture *f)
{
	return (uint8_t)i8042_command_ops.read(f->i8042, 0, 1);
}

/* The controller's answer, which must be there at once. */
static uint8_t answer(struct fixture *f)
{
	g_assert_cmphex(status(f) & 0x01, ==, 0x01);
	return (uint8_t)i8042_data_ops.read(f->i8042, 0, 1);
}

static void test_linux_reboot(struct fixture *f, gconstpointer unused G_GNUC_UNUSED)
{
	g_assert_cmphex(status(f) & 0x02, ==, 0); /* ready for a command */
	command(f, 0xfe);
	g_assert_cmpuint(f->env.resets, ==, 1);
	g_assert_cmpstr(f->env.how, ==, "keyboard controller");
	command(f, 0xff); /* pulses nothing */
	g_assert_cmpuint(f->env.resets, ==, 1);
}

static void test_output_port(struct fixture *f, gconstpointer unused G_GNUC_UNUSED)
{
	command(f, 0xd0);
	g_assert_cmphex(answer(f) & 0x03, ==, 0x03);
	command(f, 0xd1);
	data(f, 0xdd); /* A20 off */
	g_assert_cmpuint(f->env.resets, ==, 0);
	command(f, 0xd0);
	g_assert_cmphex(answer(f), ==, 0xdd);
	command(f, 0xd1);
	data(f, 0xde); /* reset */
	g_assert_cmpuint(f->env.resets, ==, 1);
}

/* What a driver that looks for itself does: nothing may leave it waiting. */
static void test_linux_probe(struct fixture *f, gconstpointer unused G_GNUC_UNUSED)
{
	uint8_t mode;

	g_assert_cmphex(status(f) & 0x01, ==, 0); /* nothing to flush */
	command(f, 0x20);
	mode = answer(f);
	command(f, 0x60);
	data(f, mode | 0x10);
	command(f, 0x20);
	g_assert_cmphex(answer(f), ==, mode | 0x10);
	command(f, 0xaa);
	g_assert_cmphex(answer(f), ==, 0x55);
	command(f, 0xab);
	g_assert_cmphex(answer(f), ==, 0x00);
	/* no second port */
	command(f, 0xd3);
	data(f, 0x5a);
	g_assert_cmphex(status(f) & 0x61, ==, 0x61);
	g_assert_cmphex(answer(f), !=, 0x5a);
	command(f, 0xa9);
	g_assert_cmphex(answer(f), ==, 0x01);
	/* and no keyboard: its time-out is there at once */
	data(f, 0xf2);
	g_assert_cmphex(status(f) & 0x61, ==, 0x41);
	g_assert_cmphex(answer(f), ==, 0xfe);
	g_assert_cmphex(status(f) & 0x61, ==, 0);
	g_assert_cmpuint(f->env.resets, ==, 0);
}

static void test_modes(struct fixture *f, gconstpointer unused G_GNUC_UNUSED)
{
	static const struct {
		uint8_t command, mask, value;
	} cases[] = {{0xad, 0x10, 0x10}, {0xae, 0x10, 0}, {0xa7, 0x20, 0x20}, {0xa8, 0x20, 0}};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		command(f, cases[i].command);
		command(f, 0x20);
		g_assert_cmphex(answer(f) & cases[i].mask, ==, cases[i].value);
	}
	command(f, 0xd2);
	data(f, 0x1c);
	g_assert_cmphex(answer(f), ==, 0x1c);
	for (uint8_t i = 1; i < 32; i++) {
		command(f, 0x60 + i);
		data(f, i ^ 0x5a);
	}
	for (uint8_t i = 1; i < 32; i++) {
		command(f, 0x20 + i);
		g_assert_cmpint(answer(f), ==, i ^ 0x5a);
	}
	command(f, 0x60);
	data(f, 0x00);
	g_assert_cmphex(status(f) & 0x04, ==, 0); /* the system flag follows the mode */
	i8042_reset(f->i8042);
	g_assert_cmphex(status(f) & 0x05, ==, 0x04);
}

int main(int argc, char *argv[])
{
	g_test_init(&argc, &argv, NULL);
#define TEST(name, function) g_test_add(name, struct fixture, NULL, set_up, function, tear_down)
	TEST("/i8042/linux-reboot", test_linux_reboot);
	TEST("/i8042/output-port", test_output_port);
	TEST("/i8042/linux-probe", test_linux_probe);
	TEST("/i8042/modes", test_modes);
	return g_test_run();
}
