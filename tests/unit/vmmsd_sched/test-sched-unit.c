/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What systemd is asked, word by word, by something that listens in its place. */
#include "sched_unit.h"

#include <sched.h>
#include <string.h>
#include <sys/mount.h>

#include "cpus.h"
#include "systemd_stand_in.h"

struct world {
	struct stand_in systemd;
	GString *said;
	int refuse, answers;
};

static void say_value(GString *said, sd_bus_message *call, const char *type)
{
	const void *bytes;
	uint64_t number;
	size_t n;

	g_assert_cmpint(sd_bus_message_enter_container(call, 'v', type), >, 0);
	if (g_str_equal(type, "t")) {
		g_assert_cmpint(sd_bus_message_read(call, "t", &number), >, 0);
		g_string_append_printf(said, "%" G_GUINT64_FORMAT, number);
	} else {
		g_assert_cmpint(sd_bus_message_read_array(call, 'y', &bytes, &n), >=, 0);
		for (size_t i = 0; i < n; i++)
			g_string_append_printf(said, "%02x", ((const uint8_t *)bytes)[i]);
	}
	g_assert_cmpint(sd_bus_message_exit_container(call), >, 0);
}

static int on_call(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	struct world *world = userdata;
	const char *unit, *name, *type;
	int runtime;

	if (!sd_bus_message_is_method_call(call, "org.freedesktop.systemd1.Manager",
					   "SetUnitProperties"))
		return 0;
	g_assert_cmpint(sd_bus_message_read(call, "sb", &unit, &runtime), >, 0);
	g_string_append_printf(world->said, "%s %d", unit, runtime);
	g_assert_cmpint(sd_bus_message_enter_container(call, 'a', "(sv)"), >, 0);
	while (sd_bus_message_enter_container(call, 'r', "sv") > 0) {
		g_assert_cmpint(sd_bus_message_read(call, "s", &name), >, 0);
		g_string_append_printf(world->said, " %s=", name);
		g_assert_cmpint(sd_bus_message_peek_type(call, NULL, &type), >, 0);
		say_value(world->said, call, type);
		g_assert_cmpint(sd_bus_message_exit_container(call), >, 0);
	}
	if (world->refuse)
		return sd_bus_error_set(error, "org.freedesktop.systemd1.NoSuchUnit", "not there");
	return sd_bus_reply_method_return(call, NULL);
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *unused)
{
	struct world *world = userdata;

	(void)unused;
	g_assert_cmpint(sd_bus_message_get_error(reply) != NULL, ==, world->refuse);
	world->answers++;
	return 0;
}

static void expect(const struct sched_unit_properties *properties, const char *expected)
{
	struct world world = {.said = g_string_new(NULL)};

	stand_in_init(&world.systemd, on_call, &world);
	for (world.refuse = 0; world.refuse < 2; world.refuse++) {
		g_string_truncate(world.said, 0);
		g_assert_cmpint(sched_unit_set(world.systemd.client, "a.service", properties,
					       on_answer, &world, NULL),
				>=, 0);
		while (world.answers <= world.refuse)
			stand_in_run(&world.systemd);
		g_assert_cmpstr(world.said->str, ==, expected);
	}
	g_assert_cmpint(world.answers, ==, 2);
	stand_in_clear(&world.systemd);
	g_string_free(world.said, TRUE);
}

static void test_words(void)
{
	g_autoptr(GArray) some = cpus("0,2,9"), one = cpus("1"), none = cpus("");

	expect(&(struct sched_unit_properties){.set_weight = TRUE, .weight = 300},
	       "a.service 1 CPUWeight=300");
	expect(&(struct sched_unit_properties){.set_weight = TRUE, .weight = 0},
	       "a.service 1 CPUWeight=0");
	expect(&(struct sched_unit_properties){.set_cpus = TRUE, .cpus = some},
	       "a.service 1 AllowedCPUs=0502");
	expect(&(struct sched_unit_properties){.set_cpus = TRUE, .cpus = none},
	       "a.service 1 AllowedCPUs=");
	expect(&(struct sched_unit_properties){.set_nodes = TRUE, .nodes = one},
	       "a.service 1 AllowedMemoryNodes=02");
	expect(&(struct sched_unit_properties){.set_quota = TRUE, .quota = 25},
	       "a.service 1 CPUQuotaPerSecUSec=250000");
	expect(&(struct sched_unit_properties){.set_quota = TRUE},
	       "a.service 1 CPUQuotaPerSecUSec=18446744073709551615");
	expect(&(struct sched_unit_properties){.set_weight = TRUE,
					       .weight = 1,
					       .set_cpus = TRUE,
					       .cpus = some,
					       .set_nodes = TRUE,
					       .nodes = one,
					       .set_quota = TRUE,
					       .quota = 150},
	       "a.service 1 CPUWeight=1 AllowedCPUs=0502 AllowedMemoryNodes=02 "
	       "CPUQuotaPerSecUSec=1500000");
}

#define CONTROL "/run/systemd/system.control"

static int on_stop(sd_bus_message *call, void *userdata, sd_bus_error *unused)
{
	struct world *world = userdata;
	const char *unit, *mode;

	(void)unused;
	if (!sd_bus_message_is_method_call(call, "org.freedesktop.systemd1.Manager", "StopUnit"))
		return 0;
	g_assert_cmpint(sd_bus_message_read(call, "ss", &unit, &mode), >, 0);
	g_string_append_printf(world->said, "%s %s", unit, mode);
	world->answers++;
	return sd_bus_reply_method_return(call, "o", "/job");
}

/* "fail": what was asked to start within the slice meanwhile goes first. */
static void test_stop(void)
{
	struct world world = {.said = g_string_new(NULL)};

	stand_in_init(&world.systemd, on_stop, &world);
	sched_unit_stop(world.systemd.client, "vmms-out-web.slice");
	while (world.answers == 0)
		stand_in_run(&world.systemd);
	g_assert_cmpstr(world.said->str, ==, "vmms-out-web.slice fail");
	stand_in_clear(&world.systemd);
	g_string_free(world.said, TRUE);
}

static int on_revert(sd_bus_message *call, void *userdata, sd_bus_error *unused)
{
	struct world *world = userdata;
	const char *unit;

	(void)unused;
	if (!sd_bus_message_is_method_call(call, "org.freedesktop.systemd1.Manager", NULL))
		return 0;
	g_string_append_printf(world->said, "%s", sd_bus_message_get_member(call));
	g_assert_cmpint(sd_bus_message_enter_container(call, 'a', "s"), >, 0);
	while (sd_bus_message_read(call, "s", &unit) > 0)
		g_string_append_printf(world->said, " %s", unit);
	world->answers++;
	return sd_bus_reply_method_return(call, "a(sss)", 0);
}

/* In namespaces of its own: systemd has settings for one of two units. */
static void forget(void)
{
	struct world world = {.said = g_string_new(NULL)};

	g_assert_cmpint(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), ==, 0);
	g_assert_cmpint(mount("none", "/run", "tmpfs", 0, NULL), ==, 0);
	g_assert_cmpint(g_mkdir_with_parents(CONTROL "/vmms-out-web.slice.d", 0755), ==, 0);
	stand_in_init(&world.systemd, on_revert, &world);
	sched_unit_forget(world.systemd.client, "vmms-other.slice");
	sched_unit_forget(world.systemd.client, "vmms-out-web.slice");
	while (world.answers == 0)
		stand_in_run(&world.systemd);
	g_assert_cmpstr(world.said->str, ==, "RevertUnitFiles vmms-out-web.slice");
	stand_in_clear(&world.systemd);
	g_string_free(world.said, TRUE);
}

static void test_forget(void)
{
	if (g_test_subprocess()) {
		if (unshare(CLONE_NEWNS) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0)
			forget();
		return;
	}
	g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
	g_test_trap_assert_passed();
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/sched-unit/words", test_words);
	g_test_add_func("/sched-unit/forget", test_forget);
	g_test_add_func("/sched-unit/stop", test_stop);
	return g_test_run();
}
