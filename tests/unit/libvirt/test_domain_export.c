/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is written is valid by libvirt's own schema, and gives the same definition again. */
#include "domain_export.h"

#include <string.h>

#include "definition.h"
#include "domain_import.h"
#include "service_error.h"
#include "validate_domain.h"

static const char *const examples[] = {
	"{\"version\":1,\"name\":\"bare\"}",
	"{\"version\":1,\"name\":\"full\",\"description\":\"a <b> & \\\"c\\\"\\n d\\t\","
	"\"engine\":\"direct\",\"cpus\":{\"count\":4,\"topology\":{\"sockets\":2,\"cores\":1,"
	"\"threadsPerCore\":2},\"scheduling\":{\"weight\":300,\"limit\":150,\"reserve\":20,"
	"\"affinity\":\"0-3,8\",\"vcpuAffinity\":[\"0\",\"all\",\"1-2\"],\"numaNode\":1,"
	"\"group\":\"web\",\"latency\":20,\"coreScheduling\":\"vm\"}},"
	"\"memory\":{\"size\":\"1G\"},\"boot\":{\"kernel\":\"/a b&c\",\"initrd\":\"/i\","
	"\"cmdline\":\"root=LABEL=x  quiet\"},\"disks\":[{\"path\":\"/srv/a.img\"},"
	"{\"path\":\"/dev/vg/b\",\"cache\":\"none\",\"serial\":\"S.1:2\",\"iops\":100,"
	"\"bandwidth\":\"3M\",\"onError\":\"pause\",\"controller\":3,\"lun\":63},"
	"{\"path\":\"/c.vhd\",\"format\":\"vhd\",\"readOnly\":true,\"discard\":false},"
	"{\"path\":\"/d.iso\",\"type\":\"dvd\"}],"
	"\"nics\":[{\"type\":\"bridge\",\"bridge\":\"br0\",\"mtu\":9000,\"bandwidth\":\"100M\"},"
	"{\"type\":\"bridge\",\"network\":\"default\",\"connected\":false},{\"type\":\"none\"},"
	"{\"type\":\"private\",\"network\":\"lan\",\"bandwidth\":4096},{\"type\":\"user\"}],"
	"\"enlightenments\":{\"stimer\":true,\"stimerDirect\":true,\"referenceTsc\":false,"
	"\"crash\":false},\"autostart\":true,\"stopAction\":\"off\",\"stopTimeout\":5,"
	"\"stopOrder\":7,\"onReboot\":\"stop\",\"onCrash\":\"restart\"}",
	"{\"version\":1,\"name\":\"hidden\",\"engine\":\"translate\",\"hypervisor\":\"hidden\","
	"\"cpus\":{\"count\":2,\"topology\":{\"threadsPerCore\":0},\"scheduling\":{\"weight\":1,"
	"\"vcpuAffinity\":[\"0\",\"all\"],\"exclusive\":true,\"affinity\":\"0\"}}}",
	"{\"version\":1,\"name\":\"adapters\",\"engine\":\"translate\",\"nics\":[{\"type\":\"user\","
	"\"mtu\":9000},{\"type\":\"none\",\"mtu\":576},{\"type\":\"user\"}]}",
};

/* The document that comes back from libvirt's XML must be the one that went there. */
static void check_round_trip(const char *json)
{
	g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) error = NULL;
	g_autoptr(definition_t) before = definition_parse(json, &error), after = NULL;
	g_autofree char *xml = NULL, *back = NULL;

	g_assert_no_error(error);
	xml = domain_export(before->json, &error);
	g_assert_no_error(error);
	back = domain_import(xml, strlen(xml), 0, notes, &error);
	if (error)
		g_error("%s: %s", xml, error->message);
	g_assert_cmpuint(notes->len, ==, 0);
	after = definition_parse(back, &error);
	g_assert_no_error(error);
	g_assert_cmpstr(before->json, ==, after->json);
}

static void test_round_trip(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(examples); i++)
		check_round_trip(examples[i]);
}

static void test_schema(void)
{
	if (!validate_domain_available())
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(examples); i++) {
		g_autoptr(definition_t) definition = definition_parse(examples[i], NULL);
		g_autofree char *xml = domain_export(definition->json, NULL);

		validate_domain(xml);
	}
}

static char *export_one(const char *json)
{
	g_autoptr(definition_t) definition = definition_parse(json, NULL);
	char *xml = domain_export(definition->json, NULL);

	g_assert_nonnull(xml);
	return xml;
}

/* Its schema lets pass what libvirt then refuses: an MTU of what is not on a bridge ("setting MTU
 * on interface type user is not supported yet"), and enlightenments of QEMU's translator. */
static void test_beyond_schema(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(examples); i++) {
		g_autofree char *xml = export_one(examples[i]);
		g_auto(GStrv) interfaces = g_strsplit(xml, "<interface type=\"", 0);

		for (char **at = interfaces + 1; *at; at++) {
			gboolean bridged = g_str_has_prefix(*at, "bridge\"") ||
					   g_str_has_prefix(*at, "network\"");
			g_assert_cmpint(strstr(*at, "<mtu ") != NULL, ==, bridged);
		}
		if (strstr(xml, "<domain type=\"qemu\""))
			g_assert_true(!strstr(xml, "<hyperv ") && !strstr(xml, "hypervclock"));
		else
			g_assert_nonnull(strstr(xml, "<hyperv "));
	}
}

/* ---- any definition -------------------------------------------------------------------------- */

static const char *any_boolean(void)
{
	return g_test_rand_bit() ? "true" : "false";
}

static void add_choice(GString *json, const char *name, const char *const *choices, int n)
{
	g_string_append_printf(json, ",\"%s\":\"%s\"", name, choices[g_test_rand_int_range(0, n)]);
}

static void add_scheduling(GString *json, int cpus)
{
	static const char *const placements[] = {"none", "spread", "pack"};

	g_string_append_printf(json, "\"scheduling\":{\"weight\":%d,\"reserve\":%d",
			       g_test_rand_int_range(1, 10001), g_test_rand_int_range(0, 2));
	if (g_test_rand_bit())
		g_string_append_printf(json, ",\"limit\":%d",
				       g_test_rand_int_range(1, 100 * cpus + 1));
	if (g_test_rand_bit())
		g_string_append_printf(json, ",\"affinity\":\"0-%d\"",
				       g_test_rand_int_range(16, 4000));
	if (g_test_rand_bit()) {
		add_choice(json, "placement", placements, 3);
		g_string_append_c(json, '}');
		return;
	}
	g_string_append(json, ",\"vcpuAffinity\":[\"all\"");
	for (int i = 1; i < cpus; i++)
		g_string_append_printf(json, g_test_rand_bit() ? ",\"%d\"" : ",\"all\"", i);
	g_string_append(json, "]}");
}

static void add_disks(GString *json, int n)
{
	static const char *const formats[] = {"raw", "qcow2", "vhd", "vhdx"};
	static const char *const caches[] = {"writeback", "writethrough", "none", "unsafe"};
	static const char *const types[] = {"disk", "dvd"}, *const errors[] = {"report", "pause"};

	for (int i = 0; i < n; i++) {
		g_string_append_printf(json, "%s{\"path\":\"/%s%d\"", i ? "," : "",
				       g_test_rand_bit() ? "dev/" : "", i);
		add_choice(json, "format", formats, 4);
		add_choice(json, "cache", caches, 4);
		add_choice(json, "type", types, 2);
		add_choice(json, "onError", errors, 2);
		g_string_append_printf(
			json,
			",\"readOnly\":%s,\"discard\":%s,\"iops\":%d,"
			"\"bandwidth\":%d,\"controller\":%d}",
			any_boolean(), any_boolean(), g_test_rand_int_range(0, 10000000),
			g_test_rand_int_range(4096, INT_MAX), g_test_rand_int_range(0, 4));
	}
}

static void add_nics(GString *json, int n)
{
	static const char *const targets[] = {
		"user\"",
		"none\"",
		"private\",\"network\":\"lan\"",
		"bridge\",\"bridge\":\"br0\"",
		"bridge\",\"network\":\"default\"",
	};

	for (int i = 0; i < n; i++)
		g_string_append_printf(json,
				       "%s{\"type\":\"%s,\"mtu\":%d,\"connected\":%s,"
				       "\"bandwidth\":%d}",
				       i ? "," : "",
				       targets[g_test_rand_int_range(0, G_N_ELEMENTS(targets))],
				       g_test_rand_int_range(576, 9001), any_boolean(),
				       g_test_rand_int_range(4096, INT_MAX));
}

static void add_enlightenments(GString *json)
{
	static const char *const names[] = {
		"vpRuntime", "referenceCounter", "referenceTsc", "frequencies", "tscInvariant",
		"synic",     "stimer",		 "stimerDirect", "reset",	"guestIdle",
		"crash",     "spinWait",	 "tlbFlush",	 "ipi",		"apicAssist",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		g_string_append_printf(json, "%s\"%s\":%s", i ? "," : "", names[i], any_boolean());
}

static void test_any(void)
{
	for (int i = 0; i < 150; i++) {
		g_autoptr(GString) json = g_string_new("{\"version\":1,\"name\":\"x\",\"cpus\":{");
		int cpus = g_test_rand_int_range(1, 17);

		g_string_append_printf(json, "\"count\":%d,", cpus);
		add_scheduling(json, cpus);
		g_string_append_printf(json, "},\"memory\":{\"size\":%" G_GINT64_FORMAT "}",
				       (gint64)g_test_rand_int_range(256, INT_MAX) * 4096);
		g_string_append(json, ",\"disks\":[");
		add_disks(json, g_test_rand_int_range(0, 9));
		g_string_append(json, "],\"nics\":[");
		add_nics(json, g_test_rand_int_range(0, 9));
		g_string_append(json, "],\"enlightenments\":{");
		add_enlightenments(json);
		g_string_append_printf(json, "},\"hypervisor\":\"%s\",\"autostart\":%s}",
				       g_test_rand_bit() ? "hidden" : "visible", any_boolean());
		check_round_trip(json->str);
	}
}

/* An edit of the XML counts more than what was kept beside it. */
static void test_edited(void)
{
	g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(definition_t) before = definition_parse(examples[1], NULL);
	g_autofree char *xml = domain_export(before->json, NULL);
	g_autoptr(GString) edited = g_string_new(xml);

	/* 100M is 104857600, and 104857 of libvirt's kilobytes */
	g_assert_cmpuint(g_string_replace(edited, "average=\"104857\"", "average=\"7\"", 0), ==, 2);
	g_autofree char *json = domain_import(edited->str, edited->len, 0, notes, NULL);
	g_assert_nonnull(strstr(json, "\"bandwidth\":7000}"));
	g_assert_null(strstr(json, "104857"));
}

static void test_refused(void)
{
	static const struct {
		const char *json, *text;
	} cases[] = {
		{"{\"version\":1,\"name\":\"x\",\"description\":\"\\ufffe\"}",
		 "the definition has the character U+FFFE in a text, which XML cannot have"},
		{"{\"version\":1,\"name\":\"x\",\"nics\":[{\"type\":\"user\"}],"
		 "\"boot\":{\"kernel\":\"/\\uffff\"}}",
		 "the character U+FFFF"},
		{"{\"version\":1}", "definition: $"},
		{"", "definition"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;

		g_assert_null(domain_export(cases[i].json, &error));
		g_assert_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_DEFINITION);
		if (!strstr(error->message, cases[i].text))
			g_error("%s has no %s", error->message, cases[i].text);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/domain-export/round-trip", test_round_trip);
	g_test_add_func("/domain-export/schema", test_schema);
	g_test_add_func("/domain-export/beyond-schema", test_beyond_schema);
	g_test_add_func("/domain-export/any", test_any);
	g_test_add_func("/domain-export/edited", test_edited);
	g_test_add_func("/domain-export/refused", test_refused);
	return g_test_run();
}
