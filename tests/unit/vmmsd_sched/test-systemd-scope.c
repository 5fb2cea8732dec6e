/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What systemd is asked to move a worker, by something that listens in its place. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "systemd_stand_in.h"
#include "systemd_unit.h"

#define IFACE "org.freedesktop.systemd1.Manager"
#define JOB   "/org/freedesktop/systemd1/job/7"

struct world {
	struct stand_in systemd;
	char *asked;
	const char *result; /* of the job; NULL: the call is refused */
	gboolean done, failed;
};

static char *dump(sd_bus_message *call)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	g_assert_cmpint(sd_bus_message_dump(call, stream, 0), >=, 0);
	g_assert_cmpint(fclose(stream), ==, 0);
	return text;
}

static int on_call(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	struct world *world = userdata;
	sd_bus_message *signal = NULL;

	if (!sd_bus_message_is_method_call(call, IFACE, "StartTransientUnit"))
		return sd_bus_message_is_method_call(call, NULL, NULL)
			       ? sd_bus_reply_method_return(call, NULL)
			       : 0;
	free(world->asked);
	world->asked = dump(call);
	if (!world->result)
		return sd_bus_error_set(error, "org.freedesktop.systemd1.UnitExists", "is there");
	g_assert_cmpint(sd_bus_reply_method_return(call, "o", JOB), >=, 0);
	g_assert_cmpint(sd_bus_message_new_signal(world->systemd.systemd, &signal,
						  "/org/freedesktop/systemd1", IFACE, "JobRemoved"),
			>=, 0);
	/* A broker would do that. */
	g_assert_cmpint(sd_bus_message_set_sender(signal, "org.freedesktop.systemd1"), >=, 0);
	g_assert_cmpint(sd_bus_message_append(signal, "uoss", 7, JOB, "x.scope", world->result), >=,
			0);
	g_assert_cmpint(sd_bus_send(world->systemd.systemd, signal, NULL), >=, 0);
	sd_bus_message_unref(signal);
	return 1;
}

static void on_done(void *context, const GError *error)
{
	struct world *world = context;

	world->done = TRUE;
	world->failed = error != NULL;
}

static void expect(const char *result, gboolean failed)
{
	static const char *const words[] = {
		"STRING \"x.scope\"",
		"STRING \"fail\"",
		"STRING \"Slice\"",
		"STRING \"vmms-web.slice\"",
		"STRING \"PIDs\"",
		"UINT32 4711",
		"UINT32 4712",
		"STRING \"DelegateControllers\"",
		"STRING \"cpuset\"",
		"STRING \"Before\"",
		"STRING \"vmms-guests.service\"",
		"STRING \"TasksMax\"",
		"UINT64 2048",
		"STRING \"DevicePolicy\"",
		"STRING \"closed\"",
		"STRING \"/dev/kvm\"",
		"STRING \"rw\"",
	};
	const pid_t processes[] = {4711, 4712};
	g_autoptr(GArray) pids = g_array_new(FALSE, FALSE, sizeof(pid_t));
	struct world world = {.result = result};
	g_autoptr(GError) error = NULL;
	struct systemd_units *units;

	stand_in_init(&world.systemd, on_call, &world);
	units = systemd_units_new(world.systemd.client, &error);
	g_assert_no_error(error);
	g_array_append_vals(pids, processes, G_N_ELEMENTS(processes));
	g_assert_nonnull(
		systemd_scope_start(units, "x.scope", "vmms-web.slice", pids, on_done, &world));
	while (!world.done)
		stand_in_run(&world.systemd);
	g_assert_cmpint(world.failed, ==, failed);
	for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
		if (!strstr(world.asked, words[i]))
			g_error("%s is not in %s", words[i], world.asked);
	}
	systemd_units_free(units);
	stand_in_clear(&world.systemd);
	free(world.asked);
}

static void test_scope(void)
{
	expect("done", FALSE);
	expect("failed", TRUE);
	expect(NULL, TRUE);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/systemd-scope", test_scope);
	return g_test_run();
}
