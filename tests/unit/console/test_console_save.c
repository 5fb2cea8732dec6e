/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The text of a console goes into the ring of another run. */
#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vmms1.h>

#include "console.h"
#include "state_part.h"

#define RING 4096u

STATE_PART(console);

static void *make(void *context)
{
	static const struct console_input input;
	int fd = memfd_create("ring", MFD_CLOEXEC);
	g_autoptr(GError) error = NULL;
	struct console *console = console_new(context, fd, RING, &input, &error);

	g_assert_no_error(error);
	close(fd);
	return console;
}

static void print(void *context, void *console)
{
	(void)context;
	console_write(console, (const uint8_t *)"more\n", 5);
}

static void drop(void *context, void *console)
{
	(void)context;
	console_free(console);
}

/* Lines that say their numbers. */
static char *lines(unsigned int from, unsigned int to)
{
	GString *text = g_string_new(NULL);

	for (unsigned int i = from; i < to; i++)
		g_string_append_printf(text, "line %04u\n", i);
	return g_string_free(text, FALSE);
}

/* What a new viewer is shown; ends the console. */
static void assert_shows(struct console *console, const char *text)
{
	g_autofree char *shown = g_malloc0(RING + 1);
	size_t size = 0;
	ssize_t n;
	int fd;

	g_assert_true(console_add_viewer(console, VMMS_CONSOLE_LOG_ONLY, &fd, NULL));
	console_free(console); /* which sends what is left */
	while ((n = read(fd, shown + size, RING - size)) > 0)
		size += (size_t)n;
	g_assert_cmpstr(shown, ==, text);
	close(fd);
}

struct row {
	const char *name;
	unsigned int written, first; /* lines; the first that is left */
};

static void test_round_trip(gconstpointer data)
{
	const struct row *row = data;
	g_autofree char *text = lines(0, row->written);
	g_autofree char *left = lines(row->first, row->written);
	sd_event *event = NULL;

	g_assert_cmpint(sd_event_new(&event), >=, 0);
	struct console *first = make(event), *second = make(event);
	console_write(first, (const uint8_t *)text, strlen(text));
	g_autoptr(GBytes) saved = state_part_save(&console_part, first);
	for (int i = 0; i < 2; i++) { /* the second time the ring has it */
		g_autofree char *fault = state_part_restore(&console_part, second, saved);
		g_assert_cmpstr(fault, ==, NULL);
	}
	g_autoptr(GBytes) again = state_part_save(&console_part, second);
	g_assert_true(g_bytes_equal(saved, again));
	assert_shows(second, left);
	console_free(first);
	sd_event_unref(event);
}

static void test_hostile(void)
{
	sd_event *event = NULL;

	g_assert_cmpint(sd_event_new(&event), >=, 0);
	struct console *console = make(event);
	print(NULL, console);
	g_autoptr(GBytes) saved = state_part_save(&console_part, console);
	state_part_mutate(&console_part, saved, make, print, drop, event);
	console_free(console);
	sd_event_unref(event);
}

int main(int argc, char *argv[])
{
	/* 10 bytes a line: of 501 lines the ring has lost 914 bytes, which end in line 91. */
	static const struct row rows[] = {{"nothing", 0, 0}, {"a-line", 1, 0}, {"lapped", 501, 92}};

	g_test_init(&argc, &argv, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *name = g_strdup_printf("/console/save/%s", rows[i].name);
		g_test_add_data_func(name, &rows[i], test_round_trip);
	}
	g_test_add_func("/console/save/hostile", test_hostile);
	return g_test_run();
}
