/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <string.h>

#include "definition_read.h"
#include "worker_error.h"

#define UUID "0f0e0d0c-0b0a-0908-0706-050403020100"

static struct vm_definition *read_text(const char *text, GError **error)
{
	return vm_definition_read(text, strlen(text), UUID, error);
}

static void test_full(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(vm_definition_t) d = read_text(
		"{\"version\":1,\"name\":\"web1\",\"uuid\":\"" UUID "\",\"description\":\"x\","
		"\"engine\":\"direct\",\"cpus\":{\"count\":240},\"memory\":{\"size\":\"5G\"},"
		"\"boot\":{\"kernel\":\"/k\",\"initrd\":\"/i\",\"cmdline\":\"quiet\"},"
		"\"autostart\":true,\"stopAction\":\"off\",\"stopTimeout\":3,\"stopOrder\":7,"
		"\"onReboot\":\"stop\",\"onCrash\":\"restart\"}\n",
		&error);

	g_assert_no_error(error);
	g_assert_cmpstr(d->name, ==, "web1");
	g_assert_cmpuint(d->cpus, ==, 240);
	g_assert_cmpuint(d->memory, ==, 5ull << 30);
	g_assert_cmpstr(d->kernel, ==, "/k");
	g_assert_cmpstr(d->initrd, ==, "/i");
	g_assert_cmpstr(d->cmdline, ==, "quiet");
	g_assert_cmpint(d->on_reboot, ==, VM_POLICY_STOP);
	g_assert_cmpint(d->on_crash, ==, VM_POLICY_RESTART);
}

static void test_defaults(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(vm_definition_t) d =
		read_text("{\"version\":1,\"name\":\"a\",\"boot\":{\"kernel\":\"/k\"}}", &error);

	g_assert_no_error(error);
	g_assert_cmpuint(d->cpus, ==, 1);
	g_assert_cmpuint(d->sockets, ==, 1);
	g_assert_cmpuint(d->cores, ==, 1);
	g_assert_cmpuint(d->threads, ==, 1);
	g_assert_cmpuint(d->memory, ==, 512ull << 20);
	g_assert_null(d->initrd);
	g_assert_cmpstr(d->cmdline, ==, "");
	g_assert_cmpint(d->on_reboot, ==, VM_POLICY_RESTART);
	g_assert_cmpint(d->on_crash, ==, VM_POLICY_STOP);
}

static void test_topology(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(vm_definition_t) plain = read_text(
		"{\"version\":1,\"name\":\"a\",\"boot\":{\"kernel\":\"/k\"},\"cpus\":{\"count\":6}}",
		&error);
	g_autoptr(vm_definition_t) d = read_text(
		"{\"version\":1,\"name\":\"a\",\"boot\":{\"kernel\":\"/k\"},\"cpus\":{"
		"\"topology\":{\"sockets\":2,\"cores\":2,\"threadsPerCore\":2},\"count\":8,"
		"\"scheduling\":{\"weight\":7}}}",
		&error);

	g_assert_no_error(error);
	g_assert_cmpuint(plain->sockets, ==, 1);
	g_assert_cmpuint(plain->cores, ==, 6);
	g_assert_cmpuint(plain->threads, ==, 1);
	g_assert_cmpuint(d->sockets, ==, 2);
	g_assert_cmpuint(d->cores, ==, 2);
	g_assert_cmpuint(d->threads, ==, 2);
}

/* The rest of a document that is good but for the members given. */
static void refuse(const char *members, int code, const char *part)
{
	g_autofree char *text = g_strdup_printf("{%s}", members);
	g_autoptr(GError) error = NULL;
	struct vm_definition *d = read_text(text, &error);

	g_assert_null(d);
	g_assert_error(error, WORKER_ERROR, code);
	if (!strstr(error->message, part))
		g_error("\"%s\" lacks \"%s\"", error->message, part);
}

#define GOOD "\"version\":1,\"name\":\"a\",\"boot\":{\"kernel\":\"/k\"}"

static void test_refused(void)
{
	static const char *const cases[][2] = {
		{"\"name\":\"a\",\"boot\":{\"kernel\":\"/k\"}", "$.version: the member is missing"},
		{"\"version\":2,\"name\":\"a\"", "$.version: 2"},
		{"\"version\":1,\"boot\":{\"kernel\":\"/k\"}", "$.name"},
		{"\"version\":1,\"name\":\"\",\"boot\":{\"kernel\":\"/k\"}", "$.name"},
		{"\"version\":1,\"name\":\"a\"", "$.boot.kernel"},
		{"\"version\":1,\"name\":\"a\",\"boot\":{\"kernel\":\"k\"}", "not absolute"},
		{"\"version\":1,\"name\":\"a\",\"boot\":{\"kernel\":\"/k\\u0000x\"}",
		 "$.boot.kernel"},
		{GOOD ",\"x\":1", "$.x: this worker does not know"},
		{GOOD ",\"cpus\":{\"count\":4,\"topology\":{\"cores\":3}}",
		 "$.cpus.topology: 1 sockets of 3 cores of 1 threads are not the 4 processors"},
		{GOOD ",\"cpus\":{\"topology\":{\"threadsPerCore\":0}}",
		 "$.cpus.topology.threadsPerCore: 0 is out of range"},
		{GOOD ",\"cpus\":{\"topology\":{\"threads\":1}}", "$.cpus.topology.threads"},
		{GOOD ",\"uuid\":\"0f0e0d0c-0b0a-0908-0706-050403020101\"", "$.uuid"},
		{GOOD ",\"uuid\":7", "$.uuid"},
		{GOOD ",\"cpus\":{\"count\":0}", "$.cpus.count: 0 is out of range; give 1 to 240"},
		{GOOD ",\"cpus\":{\"count\":1.5}", "$.cpus.count"},
		{GOOD ",\"cpus\":{\"count\":99999999999999999999}", "$.cpus.count"},
		{GOOD ",\"cpus\":{\"cores\":1}", "$.cpus.cores"},
		{GOOD ",\"cpus\":null", "$.cpus"},
		{GOOD ",\"memory\":{\"size\":-1}", "$.memory.size"},
		{GOOD ",\"memory\":{\"size\":1048577}", "multiple of 4096"},
		{GOOD ",\"memory\":{\"size\":\"17T\"}", "$.memory.size"},
		{GOOD ",\"memory\":{\"size\":\"1MB\"}", "not a size"},
		{GOOD ",\"memory\":{\"size\":\"0x100000\"}", "not a size"},
		{GOOD ",\"memory\":{\"size\":\"999999999999999T\"}", "not a size"},
		{GOOD ",\"memory\":{\"size\":true}", "$.memory.size"},
		{GOOD ",\"onReboot\":\"\"", "$.onReboot"},
		{GOOD ",\"onCrash\":false", "$.onCrash"},
		{GOOD "} {", "not a JSON document"},
		{GOOD ",", "not a JSON document"},
		{"\"version\":'1'", "not a JSON document"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		refuse(cases[i][0], WORKER_ERROR_INVALID_DEFINITION, cases[i][1]);
	refuse(GOOD ",\"engine\":\"translate\"", WORKER_ERROR_NOT_SUPPORTED, "$.engine");
}

static void test_long_cmdline(void)
{
	g_autofree char *fits = g_strnfill(2047, 'c');
	g_autofree char *too_long = g_strnfill(2048, 'c');
	g_autofree char *good = g_strdup_printf(
		"{\"version\":1,\"name\":\"a\",\"boot\":{\"kernel\":\"/k\",\"cmdline\":\"%s\"}}",
		fits);
	g_autofree char *bad = g_strdup_printf(
		"\"version\":1,\"name\":\"a\",\"boot\":{\"kernel\":\"/k\",\"cmdline\":\"%s\"}",
		too_long);
	g_autoptr(GError) error = NULL;
	g_autoptr(vm_definition_t) d = read_text(good, &error);

	g_assert_no_error(error);
	g_assert_cmpstr(d->cmdline, ==, fits);
	refuse(bad, WORKER_ERROR_INVALID_DEFINITION, "$.boot.cmdline");
}

/* No prefix of a document, and no document with one byte changed, does harm. */
static void test_mutations(void)
{
	static const char text[] =
		"{" GOOD
		",\"cpus\":{\"count\":3},\"memory\":{\"size\":\"64M\"},\"onCrash\":\"stop\"}";

	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		g_autoptr(GError) error = NULL;
		g_assert_null(vm_definition_read(text, n, UUID, &error));
		g_assert_error(error, WORKER_ERROR, WORKER_ERROR_INVALID_DEFINITION);
	}
	for (int i = 0; i < 20000; i++) {
		g_autofree char *copy = g_memdup2(text, sizeof(text));
		g_autoptr(GError) error = NULL;
		copy[g_test_rand_int_range(0, sizeof(text) - 1)] =
			(char)g_test_rand_int_range(0, 256);
		g_autoptr(vm_definition_t) d =
			vm_definition_read(copy, sizeof(text) - 1, UUID, &error);
		g_assert_true((d != NULL) == (error == NULL));
		if (d)
			g_assert_true(d->cpus >= 1 && d->cpus <= 240 && d->kernel && d->cmdline);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/worker/definition/full", test_full);
	g_test_add_func("/worker-definition/topology", test_topology);
	g_test_add_func("/worker/definition/defaults", test_defaults);
	g_test_add_func("/worker/definition/refused", test_refused);
	g_test_add_func("/worker/definition/long-cmdline", test_long_cmdline);
	g_test_add_func("/worker/definition/mutations", test_mutations);
	return g_test_run();
}
