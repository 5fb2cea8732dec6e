/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "definition.h"

#include <glib.h>
#include <json-c/json.h>
#include <string.h>

#include "assert_error.h"
#include "json_text.h"

#define UUID "6f1c9d0e-6a4b-4b7e-9f0e-2d3c4b5a6978"

static const char canonical[] =
	"{\"version\":1,\"name\":\"web1\",\"uuid\":\"" UUID "\",\"description\":\"\","
	"\"engine\":\"auto\",\"cpus\":{\"count\":1},\"memory\":{\"size\":536870912},"
	"\"boot\":{\"cmdline\":\"\"},\"disks\":[],\"nics\":[],\"hypervisor\":\"visible\","
	"\"enlightenments\":{"
	"\"vpRuntime\":true,\"referenceCounter\":true,\"referenceTsc\":true,"
	"\"frequencies\":true,\"tscInvariant\":true,\"synic\":true,"
	"\"stimer\":false,\"stimerDirect\":false,\"reset\":true,"
	"\"guestIdle\":true,\"crash\":true,\"spinWait\":true,\"tlbFlush\":true,\"ipi\":true,\"apicAssist\":true},\"autostart\":false,\"stopAction\":\"shutdown\","
	"\"stopTimeout\":90,\"stopOrder\":0,\"onReboot\":\"restart\",\"onCrash\":\"stop\"}";

static struct definition *parse(const char *json)
{
	g_autoptr(GError) error = NULL;
	struct definition *definition = definition_parse(json, &error);

	g_assert_no_error(error);
	return definition;
}

static void test_defaults(void)
{
	g_autoptr(definition_t) definition =
		parse("{\"uuid\":\"" UUID "\",\"version\":1,\"name\":\"web1\"}");

	g_assert_cmpstr(definition->json, ==, canonical);
	g_assert_cmpstr(definition->uuid, ==, UUID);
	g_assert_cmpstr(definition->name, ==, "web1");
	g_assert_cmpstr(definition->description, ==, "");
	g_assert_cmpuint(definition->engine, ==, ENGINE_AUTO);
	g_assert_cmpuint(definition->cpus, ==, 1);
	g_assert_cmpuint(definition->memory, ==, 512u << 20);
	g_assert_null(definition->kernel);
	g_assert_null(definition->initrd);
	g_assert_cmpstr(definition->cmdline, ==, "");
	g_assert_false(definition->autostart);
	g_assert_cmpuint(definition->stop_action, ==, STOP_ACTION_SHUTDOWN);
	g_assert_cmpuint(definition->stop_timeout_s, ==, 90);
	g_assert_cmpuint(definition->stop_order, ==, 0);
	g_assert_cmpuint(definition->on_reboot, ==, POLICY_RESTART);
	g_assert_cmpuint(definition->on_crash, ==, POLICY_STOP);
}

static void test_every_member(void)
{
	g_autoptr(definition_t) definition = parse(
		"{\"version\":1,\"name\":\"a.b-c_9\",\"uuid\":\"" UUID
		"\",\"description\":\"ü\\n\",\"engine\":\"translate\",\"cpus\":{\"count\":240},"
		"\"memory\":{\"size\":\"16T\"},\"boot\":{\"kernel\":\"/k\",\"initrd\":\"/i\","
		"\"cmdline\":\"a=\\\"b\\\" /\"},\"autostart\":true,\"stopAction\":\"off\","
		"\"stopTimeout\":86400,\"stopOrder\":1000,\"onReboot\":\"stop\","
		"\"onCrash\":\"restart\"}");

	g_assert_cmpuint(definition->engine, ==, ENGINE_TRANSLATE);
	g_assert_cmpuint(definition->cpus, ==, 240);
	g_assert_cmpuint(definition->memory, ==, UINT64_C(16) << 40);
	g_assert_cmpstr(definition->kernel, ==, "/k");
	g_assert_cmpstr(definition->initrd, ==, "/i");
	g_assert_cmpstr(definition->cmdline, ==, "a=\"b\" /");
	g_assert_cmpstr(definition->description, ==, "ü\n");
	g_assert_true(definition->autostart);
	g_assert_cmpuint(definition->stop_action, ==, STOP_ACTION_OFF);
	g_assert_cmpuint(definition->stop_timeout_s, ==, 86400);
	g_assert_cmpuint(definition->stop_order, ==, 1000);
	g_assert_cmpuint(definition->on_reboot, ==, POLICY_STOP);
	g_assert_cmpuint(definition->on_crash, ==, POLICY_RESTART);
}

static void test_uuid_is_made(void)
{
	g_autoptr(definition_t) a = parse("{\"version\":1,\"name\":\"a\"}");
	g_autoptr(definition_t) b = parse("{\"version\":1,\"name\":\"a\"}");

	g_assert_true(definition_is_uuid(a->uuid));
	g_assert_cmpstr(a->uuid, !=, b->uuid);
	g_autoptr(definition_t) again = parse(a->json);
	g_assert_cmpstr(again->json, ==, a->json);
}

static void test_references(void)
{
	struct definition *definition = parse(canonical);
	struct definition *same = definition_ref(definition);

	g_assert_true(same == definition);
	definition_unref(definition);
	g_assert_cmpstr(same->name, ==, "web1");
	definition_unref(same);
	definition_unref(NULL);
}

/* "…" stands for the two members that every document has. */
static void check_refused(const char *members, const char *message)
{
	g_autofree char *json = g_strdup_printf("{\"version\":1,\"name\":\"web1\"%s}", members);
	GError *error = NULL;

	g_assert_null(definition_parse(json, &error));
	assert_message(error, SERVICE_ERROR_INVALID_DEFINITION, message);
}

static void test_refused(void)
{
	static const struct {
		const char *members, *message;
	} cases[] = {
		{",\"cpus\":{\"count\":0}",
		 "definition: $.cpus.count: 0 is below the minimum 1; give 1 to 240"},
		{",\"cpus\":{\"count\":241}",
		 "definition: $.cpus.count: 241 is above the maximum 240; give 1 to 240"},
		{",\"cpu\":{}", "definition: $.cpu: unknown member; known here are version, name, "
				"uuid, description, engine, cpus, memory, boot, disks, nics, "
				"hypervisor, enlightenments, autostart, "
				"stopAction, stopTimeout, stopOrder, onReboot, onCrash; did you "
				"mean cpus?"},
		{",\"memory\":{\"size\":true}",
		 "definition: $.memory.size: expected an integer or a string, found a boolean"},
		{",\"memory\":{\"size\":4096}",
		 "definition: $.memory.size: 4096 is below the minimum 1048576; give 1048576 to "
		 "17592186044416"},
		{",\"memory\":{\"size\":1048577}",
		 "definition: $.memory.size: 1048577 is not a multiple of 4096 bytes"},
		{",\"memory\":{\"size\":\"1023K\"}",
		 "definition: $.memory.size: \"1023K\" is below the minimum 1M"},
		{",\"memory\":{\"size\":\"1025K\"}",
		 "definition: $.memory.size: \"1025K\" is not a multiple of 4096 bytes"},
		{",\"memory\":{\"size\":\"17T\"}",
		 "definition: $.memory.size: \"17T\" is above the maximum 16T"},
		{",\"memory\":{\"size\":\"999999999999999T\"}",
		 "definition: $.memory.size: \"999999999999999T\" is above the maximum 16T"},
		{",\"memory\":{\"size\":\"1GB\"}",
		 "definition: $.memory.size: \"1GB\" is not valid; give a number of bytes, a "
		 "multiple of 4096, or a string such as \"512M\" with K, M, G or T (powers of "
		 "1024)"},
		{",\"boot\":{\"kernel\":\"vmlinuz\"}",
		 "definition: $.boot.kernel: \"vmlinuz\" is not valid; give an absolute path "
		 "without control characters"},
		{",\"boot\":{\"cmdline\":\"quiet\\nx\"}",
		 "definition: $.boot.cmdline: \"quiet\\nx\" is not valid; give one line without "
		 "control characters"},
		{",\"description\":\"a\\u001b[2J\"",
		 "definition: $.description: \"a\\u001b[2J\" is not valid; give text with no "
		 "control characters but line feeds and tabs"},
		{",\"boot\":{\"initrd\":\"/i\"}",
		 "definition: $.boot.initrd: an initrd needs a kernel; give boot.kernel too"},
		{",\"boot\":{\"kernel\":\"/a\\u0000b\"}",
		 "definition: $.boot.kernel: the string contains a NUL character"},
		{",\"boot\":{\"kernel\":\"/a\",\"kernel\":\"/b\"}",
		 "definition: $.boot: the member kernel is given twice; keep one"},
		{",\"engine\":\"qemu\"", "definition: $.engine: \"qemu\" is not known; give one of "
					 "\"auto\", \"direct\", \"translate\""},
		{",\"uuid\":\"6F1C9D0E-6A4B-4B7E-9F0E-2D3C4B5A6978\"",
		 "definition: $.uuid: \"6F1C9D0E-6A4B-4B7E-9F0E-2D3C4B5A6978\" is not valid; give "
		 "a uuid in lower case, such as 6f1c9d0e-6a4b-4b7e-9f0e-2d3c4b5a6978"},
		{",\"stopTimeout\":1e3",
		 "definition: $.stopTimeout: expected an integer, found a number with a fraction "
		 "or an exponent (1e3); write it in plain digits"},
		{"} {", "definition: line 1, column 29: unexpected character"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		check_refused(cases[i].members, cases[i].message);
}

/* Whatever a terminal or a guest's boot loader might act on, wherever text is free. */
static void test_control_characters(void)
{
	static const struct {
		const char *format;
		bool lines; /* may have several */
	} members[] = {
		{",\"boot\":{\"cmdline\":\"a%sb\"}", false},
		{",\"boot\":{\"kernel\":\"/a%s\"}", false},
		{",\"boot\":{\"kernel\":\"/k\",\"initrd\":\"/%sa\"}", false},
		{",\"disks\":[{\"path\":\"/a%sb\"}]", false},
		{",\"description\":\"a%sb\"", true},
	};
	static const char *const controls[] = {"\\n",	  "\\t",     "\\u0001", "\\r",
					       "\\u001b", "\\u001f", "\\u007f", "\\u0080",
					       "\\u009b", "\\u009f"};
	static const char *const harmless[] = {" ", "\\u00a0", "\\u00e4", "\\ud83d\\ude00",
					       "~", ""};

	for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
		for (size_t j = 0; j < G_N_ELEMENTS(controls) + G_N_ELEMENTS(harmless); j++) {
			bool control = j < G_N_ELEMENTS(controls);
			g_autoptr(GString) json = g_string_new("{\"version\":1,\"name\":\"x\"");
			g_string_append(json, members[i].format);
			(void)g_string_replace(
				json, "%s",
				control ? controls[j] : harmless[j - G_N_ELEMENTS(controls)], 1);
			g_string_append_c(json, '}');
			g_autoptr(GError) error = NULL;
			g_autoptr(definition_t) definition = definition_parse(json->str, &error);
			if (control && !(members[i].lines && j < 2))
				g_assert_error(error, SERVICE_ERROR,
					       SERVICE_ERROR_INVALID_DEFINITION);
			else
				g_assert_no_error(error);
		}
	}
}

static void test_refused_documents(void)
{
	static const struct {
		const char *json, *message;
	} cases[] = {
		{"", "definition: line 1, column 1: the document ends in the middle of a value"},
		{"[]", "definition: $: expected an object, found an array"},
		{"{}", "definition: $: the member version is missing; it is required"},
		{"{\"version\":1}", "definition: $: the member name is missing; it is required"},
		{"{\"version\":2,\"name\":\"a\"}", "definition: $.version: 2 is not known; give 1"},
		{"{\"version\":1,\"name\":7}",
		 "definition: $.name: expected a string, found an integer"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		GError *error = NULL;
		g_assert_null(definition_parse(cases[i].json, &error));
		assert_message(error, SERVICE_ERROR_INVALID_DEFINITION, cases[i].message);
	}
}

static void test_lengths(void)
{
	g_autofree char *long_text = g_strnfill(2048, 'x');
	g_autofree char *cmdline = g_strdup_printf(",\"boot\":{\"cmdline\":\"%s\"}", long_text);
	g_autofree char *huge = g_strnfill(VMMS_MAX_MESSAGE + 1, ' ');
	g_autoptr(GString) umlauts = g_string_new(",\"boot\":{\"cmdline\":\"");
	GError *error = NULL;

	check_refused(cmdline, "definition: $.boot.cmdline: has 2048 characters, more than the "
			       "2047 allowed; shorten it");
	for (unsigned i = 0; i < 1024; i++)
		g_string_append(umlauts, "ü");
	g_string_append(umlauts, "\"}");
	check_refused(
		umlauts->str,
		"definition: $.boot.cmdline: has 2048 bytes, more than the 2047 allowed; shorten it");
	g_assert_null(definition_parse(huge, &error));
	assert_message(
		error, SERVICE_ERROR_INVALID_DEFINITION,
		"definition: the document has 262145 bytes, more than the 262144 allowed; shorten it");
}

static void test_names(void)
{
	static const struct {
		const char *name, *message;
	} cases[] = {
		{"web1", NULL},
		{"A.b-c_d", NULL},
		{"...", NULL},
		{"0", NULL},
		{"6f1c9d0e-6a4b-4b7e-9f0e-2d3c4b5a697", NULL},
		{"", "\"\" is not a name for a VM: it is empty; give 1 to 64 of A-Z a-z 0-9 - _ ."},
		{".", "\".\" is not a name for a VM: it means a directory; choose another"},
		{"..", "\"..\" is not a name for a VM: it means a directory; choose another"},
		{"-x", "\"-x\" is not a name for a VM: a leading - would be taken for an option; "
		       "choose another"},
		{"a b", "\"a b\" is not a name for a VM: use only A-Z a-z 0-9 - _ ."},
		{"web1\n", "\"web1?\" is not a name for a VM: use only A-Z a-z 0-9 - _ ."},
		{"a/b", "\"a/b\" is not a name for a VM: use only A-Z a-z 0-9 - _ ."},
		{"ü", "\"ü\" is not a name for a VM: use only A-Z a-z 0-9 - _ ."},
		{UUID, "\"" UUID "\" is not a name for a VM: it looks like a uuid; choose another"},
		{"6F1C9D0E-6A4B-4B7E-9F0E-2D3C4B5A6978",
		 "\"6F1C9D0E-6A4B-4B7E-9F0E-2D3C4B5A6978\" is not a name for a VM: it looks like a "
		 "uuid; choose another"},
	};
	g_autofree char *longest = g_strnfill(VMMS_NAME_MAX, 'a');
	g_autofree char *longer = g_strnfill(VMMS_NAME_MAX + 1, 'a');

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		GError *error = NULL;
		g_assert_cmpint(definition_check_name(cases[i].name, &error), ==,
				!cases[i].message);
		if (cases[i].message)
			assert_message(error, SERVICE_ERROR_INVALID_NAME, cases[i].message);
	}
	g_assert_true(definition_check_name(longest, NULL));
	g_autoptr(GError) error = NULL;
	g_assert_false(definition_check_name(longer, &error));
	g_assert_true(g_str_has_suffix(error->message, "it has more than 64 characters"));
}

/* The name inside a document goes through the same rules with the same code. */
static void test_name_in_document(void)
{
	GError *error = NULL;

	g_assert_null(definition_parse("{\"version\":1,\"name\":\"..\"}", &error));
	assert_message(error, SERVICE_ERROR_INVALID_NAME,
		       "\"..\" is not a name for a VM: it means a directory; choose another");
}

static void test_edit(void)
{
	g_autoptr(definition_t) from = parse(canonical);
	g_autoptr(GError) error = NULL;
	g_autoptr(definition_t) to = definition_edit(
		from,
		"{\"cpus\":{\"count\":4},\"memory\":{\"size\":\"2G\"},\"boot\":{\"kernel\":\"/k\"}}",
		&error);

	g_assert_no_error(error);
	g_assert_cmpuint(to->cpus, ==, 4);
	g_assert_cmpuint(to->memory, ==, UINT64_C(2) << 30);
	g_assert_cmpstr(to->kernel, ==, "/k");
	g_assert_cmpstr(to->uuid, ==, from->uuid);
	g_assert_cmpuint(from->cpus, ==, 1);
	/* null goes back to the default, or to absence; the whole object too. */
	g_autoptr(definition_t) back = definition_edit(
		to, "{\"cpus\":{\"count\":null},\"memory\":null,\"boot\":{\"kernel\":null}}",
		&error);
	g_assert_no_error(error);
	g_assert_cmpstr(back->json, ==, canonical);
	/* Members that cannot change may be repeated, so that a shown document can be fed back. */
	g_autoptr(definition_t) same = definition_edit(from, canonical, &error);
	g_assert_no_error(error);
	g_assert_cmpstr(same->json, ==, canonical);
}

static void test_edit_refused(void)
{
	static const struct {
		const char *patch, *message;
	} cases[] = {
		{"{\"name\":\"x\"}",
		 "definition: $.name: cannot be edited; the name is changed by rename"},
		{"{\"name\":null}",
		 "definition: $.name: cannot be edited; the name is changed by rename"},
		{"{\"uuid\":\"6f1c9d0e-6a4b-4b7e-9f0e-2d3c4b5a6979\"}",
		 "definition: $.uuid: cannot be edited; the uuid is the identity of the VM; define "
		 "another VM instead"},
		{"{\"version\":2}",
		 "definition: $.version: cannot be edited; this program writes version 1 only"},
		{"[]", "patch: $: expected an object with the members to change"},
		{"{", "patch: line 1, column 2: the document ends in the middle of a value"},
		{"{\"cpus\":{\"count\":1,\"count\":2}}",
		 "patch: $.cpus: the member count is given twice; keep one"},
		{"{\"cpus\":7}", "definition: $.cpus: expected an object, found an integer"},
		{"{\"cpus\":{\"cores\":7}}",
		 "definition: $.cpus.cores: unknown member; known here are count, topology, "
		 "scheduling"},
	};
	g_autoptr(definition_t) from = parse(canonical);

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		GError *error = NULL;
		g_assert_null(definition_edit(from, cases[i].patch, &error));
		assert_message(error, SERVICE_ERROR_INVALID_DEFINITION, cases[i].message);
	}
}

static void test_rename(void)
{
	g_autoptr(definition_t) from = parse(canonical);
	g_autoptr(GError) error = NULL;
	g_autoptr(definition_t) to = definition_renamed(from, "db", &error);

	g_assert_no_error(error);
	g_assert_cmpstr(to->name, ==, "db");
	g_assert_cmpstr(to->uuid, ==, UUID);
	g_autoptr(definition_t) back = definition_renamed(to, "web1", &error);
	g_assert_cmpstr(back->json, ==, canonical);
	g_assert_null(definition_renamed(from, "a b", &error));
	g_assert_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_NAME);
}

static void test_live_change(void)
{
	static const struct {
		const char *patch;
		bool live;
	} cases[] = {
		{"{}", true},
		{"{\"description\":\"x\"}", true},
		{"{\"autostart\":true}", true},
		{"{\"stopAction\":\"off\"}", true},
		{"{\"stopTimeout\":5}", true},
		{"{\"stopOrder\":5}", true},
		{"{\"onReboot\":\"stop\"}", true},
		{"{\"onCrash\":\"restart\"}", true},
		{"{\"cpus\":{\"count\":2}}", false},
		{"{\"memory\":{\"size\":\"1G\"}}", false},
		{"{\"memory\":{\"size\":\"512M\"}}", true}, /* what it is already */
		{"{\"boot\":{\"cmdline\":\"x\"}}", false},
		{"{\"boot\":{\"kernel\":\"/x\"}}", false},
		{"{\"engine\":\"direct\"}", false},
		{"{\"cpus\":{\"scheduling\":{\"weight\":7}}}", true},
		{"{\"cpus\":{\"scheduling\":{\"affinity\":\"0\"}}}", true},
		{"{\"cpus\":{\"scheduling\":{\"coreScheduling\":\"off\"}}}", true},
		{"{\"cpus\":{\"scheduling\":{\"coreScheduling\":\"vm\"}}}", false},
		{"{\"cpus\":{\"topology\":{}}}", false},
		{"{\"cpus\":{\"count\":2,\"scheduling\":{\"weight\":7}}}", false},
		{"{\"autostart\":true,\"cpus\":{\"count\":2}}", false},
	};
	g_autoptr(definition_t) from = parse(canonical);

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(definition_t) to = definition_edit(from, cases[i].patch, NULL);
		g_assert_cmpint(definition_is_live_change(from, to), ==, cases[i].live);
		g_assert_cmpint(definition_is_live_change(to, from), ==, cases[i].live);
	}
}

static void translate_refuses(const char *members, const char *part)
{
	g_autofree char *json = g_strdup_printf(
		"{\"version\":1,\"name\":\"vm1\",\"engine\":\"translate\",%s}", members);
	g_autoptr(GError) error = NULL;

	g_assert_null(definition_parse(json, &error));
	g_assert_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_DEFINITION);
	if (!g_str_has_prefix(error->message, part))
		g_error("\"%s\" does not begin with \"%s\"", error->message, part);
}

/* What QEMU is not asked to do is refused with the definition; direct may have it. */
static void test_translate(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(definition_t) good = definition_parse(
		"{\"version\":1,\"name\":\"vm1\",\"engine\":\"translate\",\"hypervisor\":\"hidden\","
		"\"disks\":[{\"path\":\"/d\"},{\"path\":\"/b\",\"format\":\"vhdx\"}],"
		"\"nics\":[{\"type\":\"user\"},{\"type\":\"none\"}],"
		"\"enlightenments\":{\"synic\":true}}",
		&error);

	g_assert_no_error(error);
	translate_refuses("\"disks\":[{\"path\":\"/a\",\"serial\":\"a:b\"}]",
			  "definition: $.disks[0].serial: ");
	translate_refuses("\"nics\":[{\"type\":\"bridge\",\"bridge\":\"br0\"}]",
			  "definition: $.nics[0].type: ");
	translate_refuses("\"nics\":[{\"type\":\"user\",\"bandwidth\":\"1M\"}]",
			  "definition: $.nics[0].bandwidth: ");
	translate_refuses("\"enlightenments\":{\"stimer\":true}",
			  "definition: $.enlightenments.stimer: ");
	translate_refuses("\"enlightenments\":{\"synic\":false}",
			  "definition: $.enlightenments.synic: ");
	translate_refuses("\"cpus\":{\"scheduling\":{\"coreScheduling\":\"vcpu\"}}",
			  "definition: $.cpus.scheduling.coreScheduling: ");
	/* Nor by an edit. */
	g_assert_null(definition_edit(good, "{\"nics\":[{\"type\":\"private\",\"network\":\"n\"}]}",
				      &error));
	g_assert_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_DEFINITION);
}

static void add_random(GRand *rand, GString *json, const char *format, gint32 low, gint32 high)
{
	if (g_rand_boolean(rand)) {
		g_string_append_c(json, ',');
		g_string_append_printf(json, format, g_rand_int_range(rand, low, high + 1));
	}
}

static char *random_document(GRand *rand)
{
	static const char *const engines[] = {"auto", "direct", "translate"};
	g_autoptr(GString) json = g_string_new("{\"version\":1");

	g_string_append_printf(json, ",\"name\":\"vm%u\"", g_rand_int(rand) % 1000);
	add_random(rand, json, "\"cpus\":{\"count\":%d}", 1, 240);
	add_random(rand, json, "\"memory\":{\"size\":\"%dM\"}", 1, 1 << 20);
	add_random(rand, json, "\"stopOrder\":%d", 0, 1000);
	add_random(rand, json, "\"stopTimeout\":%d", 1, 86400);
	add_random(rand, json, "\"description\":\"\\u%04x/\\\"\"", 1, 0xd7ff);
	add_random(rand, json, "\"boot\":{\"kernel\":\"/k%d\",\"cmdline\":\"a b\"}", 1, 9);
	if (g_rand_boolean(rand))
		g_string_append_printf(json, ",\"engine\":\"%s\"",
				       engines[g_rand_int_range(rand, 0, 3)]);
	g_string_append_c(json, '}');
	return g_string_free(g_steal_pointer(&json), FALSE);
}

/* Canonical is a fixed point, and any document is reached from any other by patching with it. */
static void test_round_trip(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(3);
	g_autoptr(definition_t) last = parse(canonical);

	for (unsigned i = 0; i < 3000; i++) {
		g_autofree char *json = random_document(rand);
		g_autoptr(definition_t) definition = parse(json);
		g_autoptr(definition_t) again = parse(definition->json);
		g_assert_cmpstr(again->json, ==, definition->json);
		g_assert_cmpuint(again->memory, ==, definition->memory);

		g_autoptr(json_value_t) patch = json_tokener_parse(definition->json);
		json_object_object_del(patch, "name");
		json_object_object_del(patch, "uuid");
		if (!definition->kernel) {
			json_object *boot = json_object_object_get(patch, "boot");
			json_object_object_add(boot, "kernel", NULL);
		}
		g_autoptr(definition_t) patched =
			definition_edit(last, json_object_to_json_string(patch), NULL);
		g_assert_nonnull(patched);
		g_autoptr(definition_t) twice =
			definition_edit(patched, json_object_to_json_string(patch), NULL);
		g_assert_cmpstr(twice->json, ==, patched->json);
		g_assert_cmpuint(patched->cpus, ==, definition->cpus);
		g_assert_cmpuint(patched->memory, ==, definition->memory);
		g_assert_cmpstr(patched->kernel, ==, definition->kernel);
		g_assert_cmpstr(patched->description, ==, definition->description);
		g_assert_cmpstr(patched->uuid, ==, last->uuid);
		definition_unref(g_steal_pointer(&last));
		last = definition_ref(definition);
	}
}

/* Any byte of a good document may be hit; the answer is a definition or an error, never a crash. */
static void test_damaged(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(5);

	for (unsigned i = 0; i < 20000; i++) {
		g_autofree char *json = random_document(rand);
		for (unsigned hits = 1 + g_rand_int(rand) % 3; hits > 0; hits--)
			json[(guint32)g_rand_int(rand) % strlen(json)] =
				(char)g_rand_int_range(rand, 1, 256);
		g_autoptr(GError) error = NULL;
		g_autoptr(definition_t) definition = definition_parse(json, &error);
		g_assert_cmpint(definition == NULL, ==, error != NULL);
		if (error)
			g_assert_true(g_utf8_validate(error->message, -1, NULL));
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/definition/defaults", test_defaults);
	g_test_add_func("/definition/every-member", test_every_member);
	g_test_add_func("/definition/uuid-is-made", test_uuid_is_made);
	g_test_add_func("/definition/references", test_references);
	g_test_add_func("/definition/refused", test_refused);
	g_test_add_func("/definition/refused-documents", test_refused_documents);
	g_test_add_func("/definition/control-characters", test_control_characters);
	g_test_add_func("/definition/lengths", test_lengths);
	g_test_add_func("/definition/names", test_names);
	g_test_add_func("/definition/name-in-document", test_name_in_document);
	g_test_add_func("/definition/edit", test_edit);
	g_test_add_func("/definition/edit-refused", test_edit_refused);
	g_test_add_func("/definition/rename", test_rename);
	g_test_add_func("/definition/live-change", test_live_change);
	g_test_add_func("/definition/translate", test_translate);
	g_test_add_func("/definition/round-trip", test_round_trip);
	g_test_add_func("/definition/damaged", test_damaged);
	return g_test_run();
}
