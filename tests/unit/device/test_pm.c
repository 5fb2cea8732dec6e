/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>

#include "fake_device_env.h"
#include "pm.h"

#define S 1000000000ull

struct fixture {
	struct fake_env env;
	struct pm *pm;
};

static void set_up(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	fake_env_init(&f->env, 0);
	f->pm = pm_new(&(struct pm_config){.sci = fake_env_irq(&f->env),
					   .clock = fake_env_clock(&f->env),
					   .requests = fake_env_requests(&f->env)});
}

static void tear_down(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	pm_free(f->pm);
}

static uint32_t in(struct fixture *f, uint64_t offset, unsigned int size)
{
	return (uint32_t)(pm_fixed_ops.read(f->pm, offset, size) & (UINT64_MAX >> (64 - 8 * size)));
}

static void out(struct fixture *f, uint64_t offset, unsigned int size, uint32_t value)
{
	pm_fixed_ops.write(f->pm, offset, size, value);
}

static void test_power_button(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	g_assert_false(pm_power_button(f->pm)); /* nobody listens */
	g_assert_false(f->env.level);
	g_assert_cmphex(in(f, 0, 2), ==, 0x0100);
	out(f, 0, 2, 0xffff); /* as ACPICA does before it enables events */
	g_assert_cmphex(in(f, 0, 2), ==, 0);
	out(f, 2, 2, 0x0100);
	g_assert_cmphex(in(f, 2, 2), ==, 0x0100);
	g_assert_false(f->env.level);
	g_assert_true(pm_power_button(f->pm));
	g_assert_true(f->env.level);
	out(f, 0, 2, 0x0001); /* another bit */
	g_assert_true(f->env.level);
	out(f, 0, 2, 0x0100);
	g_assert_false(f->env.level);
	/* an event that waits interrupts when it is enabled */
	out(f, 2, 2, 0);
	pm_power_button(f->pm);
	out(f, 2, 2, 0x0100);
	g_assert_true(f->env.level);
}

static void test_widths(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	pm_power_button(f->pm);
	out(f, 3, 1, 0x07); /* enables by the byte */
	g_assert_cmphex(in(f, 2, 2), ==, 0x0700);
	g_assert_cmphex(in(f, 0, 4), ==, 0x07000100);
	g_assert_cmphex(in(f, 1, 1), ==, 0x01);
	out(f, 0, 1, 0xff); /* the low byte has no button */
	g_assert_true(f->env.level);
	out(f, 0, 4, 0x05210100); /* both registers at once */
	g_assert_cmphex(in(f, 0, 4), ==, 0x05210000);
	g_assert_false(f->env.level);
	out(f, 2, 2, 0xffff); /* what does not exist reads 0 */
	g_assert_cmphex(in(f, 2, 2), ==, 0x0721);
	g_assert_cmphex(in(f, 6, 2), ==, 0);
	out(f, 11, 4, 0xffffffff); /* the timer takes nothing, nor does what lies behind */
}

static void test_sleep(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	g_assert_cmphex(in(f, 4, 2), ==, 0x0001); /* SCI_EN */
	out(f, 4, 2, 0x0000);
	g_assert_cmphex(in(f, 4, 2), ==, 0x0001);
	/* as ACPICA enters S5: first the type, then with SLP_EN */
	out(f, 4, 2, 5 << 10);
	g_assert_cmpuint(f->env.power_offs, ==, 0);
	out(f, 4, 2, 5 << 10 | 1 << 13);
	g_assert_cmpuint(f->env.power_offs, ==, 1);
	g_assert_cmpstr(f->env.how, ==, "ACPI S5");
	g_assert_cmphex(in(f, 4, 2), ==, 0x1401); /* SLP_EN reads 0 */
	/* by the byte */
	out(f, 5, 1, 0x34);
	g_assert_cmpuint(f->env.power_offs, ==, 2);
	/* the end of a hibernation */
	out(f, 4, 2, 4 << 10 | 1 << 13);
	g_assert_cmpuint(f->env.power_offs, ==, 3);
	g_assert_cmpstr(f->env.how, ==, "ACPI S4");
	/* any other sleep ends at once */
	out(f, 0, 2, 0xffff);
	out(f, 4, 2, 3 << 10 | 1 << 13);
	g_assert_cmpuint(f->env.power_offs, ==, 3);
	g_assert_cmphex(in(f, 0, 2), ==, 0x8000);
	g_assert_cmpuint(f->env.resets, ==, 0);
}

static void test_timer(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	uint32_t last, ticks;

	g_assert_cmpuint(in(f, 8, 4), ==, 0);
	fake_env_advance(&f->env, S);
	g_assert_cmpuint(in(f, 8, 4), ==, 3579545);
	g_assert_cmphex(in(f, 9, 1), ==, 3579545 >> 8 & 0xff);
	fake_env_advance(&f->env, 3599 * S);
	g_assert_cmpuint(in(f, 8, 4), ==, (uint32_t)(3600ull * 3579545));
	/* a year later the width is still 32 bits and the rate exact */
	fake_env_advance(&f->env, 365ull * 86400 * S);
	g_assert_cmpuint(in(f, 8, 4), ==, (uint32_t)((3600ull + 365ull * 86400) * 3579545));
	/* monotonic in small steps: 3 to 4 ticks a microsecond, never back */
	last = in(f, 8, 4);
	for (int i = 0; i < 100000; i++) {
		fake_env_advance(&f->env, 1000);
		ticks = in(f, 8, 4);
		g_assert_cmpuint(ticks - last, >=, 3);
		g_assert_cmpuint(ticks - last, <=, 4);
		last = ticks;
	}
}

static void test_timer_event(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	/* 2^31 ticks */
	const uint64_t half_turn = (UINT64_C(1) << 31) * 1000 / 3579545 * 1000000;

	out(f, 2, 2, 0x0001);
	fake_env_advance(&f->env, half_turn - S);
	g_assert_false(f->env.level);
	fake_env_advance(&f->env, 2 * S);
	g_assert_true(f->env.level);
	g_assert_cmphex(in(f, 0, 2), ==, 1);
	g_assert_cmpuint(fake_env_armed(&f->env), ==, 0);
	out(f, 0, 2, 1);
	g_assert_false(f->env.level);
	fake_env_advance(&f->env, half_turn);
	g_assert_cmpuint(f->env.raised, ==, 2);
	/* without the interrupt the status is there all the same */
	out(f, 2, 2, 0);
	out(f, 0, 2, 1);
	g_assert_cmpuint(fake_env_armed(&f->env), ==, 0);
	fake_env_advance(&f->env, half_turn);
	g_assert_cmphex(in(f, 0, 2), ==, 1);
	g_assert_cmpuint(f->env.raised, ==, 2);
}

static void test_gpe(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	pm_raise_event(f->pm, 9);
	g_assert_false(f->env.level);
	g_assert_cmphex(pm_gpe_ops.read(f->pm, 1, 1) & 0xff, ==, 0x02);
	pm_gpe_ops.write(f->pm, 5, 1, 0x02);
	g_assert_true(f->env.level);
	pm_gpe_ops.write(f->pm, 0, 4, 0xfffffdff); /* the others */
	g_assert_true(f->env.level);
	pm_gpe_ops.write(f->pm, 1, 1, 0x02);
	g_assert_false(f->env.level);
	pm_gpe_ops.write(f->pm, 4, 4, 0x80000001);
	g_assert_cmphex(pm_gpe_ops.read(f->pm, 4, 4), ==, 0x80000001);
	pm_raise_event(f->pm, 31);
	pm_raise_event(f->pm, 0);
	g_assert_true(f->env.level);
	g_assert_cmphex(pm_gpe_ops.read(f->pm, 0, 4) & 0xffffffff, ==, 0x80000001);
	pm_reset(f->pm);
	g_assert_false(f->env.level);
	g_assert_cmphex(pm_gpe_ops.read(f->pm, 0, 4), ==, 0);
}

int main(int argc, char *argv[])
{
	g_test_init(&argc, &argv, NULL);
#define TEST(name, function) g_test_add(name, struct fixture, NULL, set_up, function, tear_down)
	TEST("/pm/power-button", test_power_button);
	TEST("/pm/widths", test_widths);
	TEST("/pm/sleep", test_sleep);
	TEST("/pm/timer", test_timer);
	TEST("/pm/timer-event", test_timer_event);
	TEST("/pm/gpe", test_gpe);
	return g_test_run();
}
