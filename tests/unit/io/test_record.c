/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The lines that tests/fuzz/collect-seeds reads. */
#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "record.h"

/* What was written to standard error by one call. */
static char *recorded(const char *kind, const struct iovec *payload, const struct iovec *buffer,
		      unsigned int n_buffer)
{
	int file = memfd_create("stderr", MFD_CLOEXEC), before = dup(STDERR_FILENO);
	char *text = g_malloc0(16384);

	g_assert_cmpint(dup2(file, STDERR_FILENO), >=, 0);
	record_traffic(kind, 9, 1, payload, buffer, n_buffer);
	g_assert_cmpint(dup2(before, STDERR_FILENO), >=, 0);
	g_assert_cmpint(pread(file, text, 16383, 0), >, 0);
	close(before);
	close(file);
	return text;
}

static void test_lines(void)
{
	static uint8_t bytes[] = {0x00, 0x1f, 0xa0};
	const struct iovec payload = {bytes, 3};
	const struct iovec buffer[] = {{bytes, 2}, {bytes + 2, 1}};
	g_autofree char *message = recorded("message", &payload, NULL, 0);
	g_autofree char *packet = recorded("storvsp0", &payload, buffer, 2);
	g_autofree char *rndis = recorded("rndis", NULL, buffer, 1);

	g_assert_cmpstr(message, ==, "vmms-record message 9 1 001fa0 - -\n");
	g_assert_cmpstr(packet, ==, "vmms-record storvsp0 9 1 001fa0 2,1 001fa0\n");
	g_assert_cmpstr(rndis, ==, "vmms-record rndis 9 1 - 2 001f\n");
}

/* Names, lists and bytes of any length make one line that is not too long. */
static void test_bounds(void)
{
	g_autofree uint8_t *much = g_malloc0(1 << 20);
	g_autofree char *name = g_strnfill(1000, 'x');
	const struct iovec payload = {much, 1 << 20};
	struct iovec buffer[100];

	for (size_t i = 0; i < G_N_ELEMENTS(buffer); i++)
		buffer[i] = payload;
	g_autofree char *line = recorded(name, &payload, buffer, G_N_ELEMENTS(buffer));

	g_assert_cmpuint(strlen(line), <, 6000);
	g_assert_true(g_str_has_suffix(line, "00\n"));
	g_assert_null(strstr(line, "\nvmms"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/record/lines", test_lines);
	g_test_add_func("/record/bounds", test_bounds);
	return g_test_run();
}
