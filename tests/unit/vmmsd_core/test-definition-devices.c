/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* $.disks and $.nics of a definition, and MAC addresses. */
#include <glib.h>
#include <json-c/json.h>
#include <string.h>

#include "assert_error.h"
#include "definition.h"
#include "json_text.h"
#include "mac_address.h"

#define UUID "6f1c9d0e-6a4b-4b7e-9f0e-2d3c4b5a6978"

static struct definition *parse(const char *members, GError **error)
{
	g_autofree char *json = g_strdup_printf(
		"{\"version\":1,\"name\":\"web1\",\"uuid\":\"" UUID "\",%s}", members);

	return definition_parse(json, error);
}

static struct definition *parse_good(const char *members)
{
	g_autoptr(GError) error = NULL;
	struct definition *definition = parse(members, &error);

	g_assert_no_error(error);
	/* Canonical is a fixed point. */
	g_autoptr(definition_t) again = definition_parse(definition->json, &error);
	g_assert_no_error(error);
	g_assert_cmpstr(again->json, ==, definition->json);
	return definition;
}

/* The canonical text of one member. */
static char *canonical(const struct definition *definition, const char *name)
{
	g_autoptr(json_value_t) document = json_tokener_parse(definition->json);

	return json_text_print(json_object_object_get(document, name));
}

static void test_disks(void)
{
	g_autoptr(definition_t) definition = parse_good(
		"\"disks\":[{\"path\":\"/a\"},"
		"{\"path\":\"/b\",\"format\":\"vhdx\",\"readOnly\":true,\"cache\":\"none\","
		"\"discard\":false,\"serial\":\"S-1\",\"iops\":100,\"bandwidth\":\"10M\","
		"\"onError\":\"pause\",\"controller\":3,\"lun\":63},"
		"{\"path\":\"/c\",\"type\":\"dvd\"}]");
	g_autofree char *disks = canonical(definition, "disks");

	g_assert_cmpstr(disks, ==,
			"[{\"path\":\"/a\",\"format\":\"raw\",\"type\":\"disk\",\"readOnly\":false,"
			"\"cache\":\"writeback\",\"discard\":true,\"iops\":0,\"bandwidth\":0,"
			"\"onError\":\"report\",\"controller\":0,\"lun\":0},"
			"{\"path\":\"/b\",\"format\":\"vhdx\",\"type\":\"disk\",\"readOnly\":true,"
			"\"cache\":\"none\",\"discard\":false,\"serial\":\"S-1\",\"iops\":100,"
			"\"bandwidth\":10485760,\"onError\":\"pause\",\"controller\":3,\"lun\":63},"
			"{\"path\":\"/c\",\"format\":\"raw\",\"type\":\"dvd\",\"readOnly\":true,"
			"\"cache\":\"writeback\",\"discard\":true,\"iops\":0,\"bandwidth\":0,"
			"\"onError\":\"report\",\"controller\":0,\"lun\":1}]");
	g_assert_cmpuint(definition->n_disks, ==, 3);
	g_assert_cmpstr(definition->disks[1].path, ==, "/b");
	g_assert_cmpint(definition->disks[1].format, ==, DISK_FORMAT_VHDX);
	g_assert_cmpuint(definition->disks[1].lun, ==, 63);
	g_assert_false(definition->disks[0].read_only);
	g_assert_true(definition->disks[2].read_only);
}

/* Addresses that are asked for are had; the others fill the gaps, whatever the order. */
static void test_addresses(void)
{
	g_autoptr(definition_t) definition = parse_good(
		"\"disks\":[{\"path\":\"/a\"},{\"path\":\"/b\",\"lun\":0},{\"path\":\"/c\"},"
		"{\"path\":\"/d\",\"lun\":2},{\"path\":\"/e\",\"controller\":1},{\"path\":\"/f\"}]");
	static const uint32_t expected[][2] = {{0, 1}, {0, 0}, {0, 3}, {0, 2}, {1, 0}, {0, 4}};

	for (size_t i = 0; i < G_N_ELEMENTS(expected); i++) {
		g_assert_cmpuint(definition->disks[i].controller, ==, expected[i][0]);
		g_assert_cmpuint(definition->disks[i].lun, ==, expected[i][1]);
	}
}

static void test_refused(void)
{
	static const struct {
		const char *members, *message;
	} cases[] = {
		{"\"disks\":[{}]",
		 "definition: $.disks[0]: the member path is missing; it is required"},
		{"\"disks\":[{\"path\":\"a.img\"}]",
		 "definition: $.disks[0].path: \"a.img\" is not valid; give an absolute path "
		 "without control characters"},
		{"\"disks\":[{\"path\":\"/a\",\"format\":\"vmdk\"}]",
		 "definition: $.disks[0].format: \"vmdk\" is not known; give one of \"raw\", "
		 "\"qcow2\", \"vhd\", \"vhdx\""},
		{"\"disks\":[{\"path\":\"/a\",\"lun\":1},{\"path\":\"/b\",\"lun\":1}]",
		 "definition: $.disks[1].lun: controller 0, LUN 1 is the address of $.disks[0] "
		 "already; give another, or leave lun out to get a free one"},
		{"\"disks\":[{\"path\":\"/a\",\"lun\":64}]",
		 "definition: $.disks[0].lun: 64 is above the maximum 63; give 0 to 63"},
		{"\"disks\":[{\"path\":\"/a\",\"controller\":4}]",
		 "definition: $.disks[0].controller: 4 is above the maximum 3; give 0 to 3"},
		{"\"disks\":[{\"path\":\"/a\"},{\"path\":\"/a\"}]",
		 "definition: $.disks[1].path: \"/a\" is the image of $.disks[0] already; give "
		 "another, or make both readOnly"},
		{"\"disks\":[{\"path\":\"/a\",\"bandwidth\":\"1K\"}]",
		 "definition: $.disks[0].bandwidth: \"1K\" is below the minimum 4K; give 0 for no "
		 "limit"},
		{"\"disks\":[{\"path\":\"/a\",\"bandwidth\":\"2T\"}]",
		 "definition: $.disks[0].bandwidth: \"2T\" is above the maximum 1T; give 0 for no "
		 "limit"},
		{"\"disks\":[{\"path\":\"/a\",\"serial\":\"a b\"}]",
		 "definition: $.disks[0].serial: \"a b\" is not valid; give 1 to 36 of A-Z a-z 0-9 "
		 "- _ . :"},
		{"\"disks\":[{\"path\":\"/a\",\"readonly\":true}]",
		 "definition: $.disks[0].readonly: unknown member; known here are path, format, "
		 "type, readOnly, cache, discard, serial, iops, bandwidth, onError, controller, "
		 "lun; did you mean readOnly?"},
		{"\"nics\":[{}]",
		 "definition: $.nics[0]: the member type is missing; it is required"},
		{"\"nics\":[{\"type\":\"nat\"}]",
		 "definition: $.nics[0].type: \"nat\" is not known; give one of \"user\", "
		 "\"bridge\", \"private\", \"none\""},
		{"\"nics\":[{\"type\":\"bridge\"}]",
		 "definition: $.nics[0].type: an adapter of the type bridge needs bridge or "
		 "network"},
		{"\"nics\":[{\"type\":\"bridge\",\"bridge\":\"br0\",\"network\":\"n\"}]",
		 "definition: $.nics[0].network: give the bridge or the network that knows it, not "
		 "both"},
		{"\"nics\":[{\"type\":\"private\"}]",
		 "definition: $.nics[0].type: an adapter of the type private needs network, the "
		 "name of the switch that its VMs share"},
		{"\"nics\":[{\"type\":\"user\",\"bridge\":\"br0\"}]",
		 "definition: $.nics[0].bridge: only an adapter of the type bridge has one; remove "
		 "it"},
		{"\"nics\":[{\"type\":\"none\",\"network\":\"n\"}]",
		 "definition: $.nics[0].network: only an adapter of the type bridge or private has "
		 "one; remove it"},
		{"\"nics\":[{\"type\":\"bridge\",\"bridge\":\"a/b\"}]",
		 "definition: $.nics[0].bridge: \"a/b\" is not valid; give the name of a bridge, 1 "
		 "to 15 of A-Z a-z 0-9 - _ ."},
		{"\"nics\":[{\"type\":\"bridge\",\"bridge\":\"..\"}]",
		 "definition: $.nics[0].bridge: \"..\" is not valid; give the name of a bridge, 1 "
		 "to 15 of A-Z a-z 0-9 - _ ."},
		{"\"nics\":[{\"type\":\"user\",\"mtu\":9001}]",
		 "definition: $.nics[0].mtu: 9001 is above the maximum 9000; give 576 to 9000"},
		{"\"nics\":[{\"type\":\"user\",\"mac\":\"52:54:00\"}]",
		 "definition: $.nics[0].mac: \"52:54:00\" is not a MAC address; give six pairs of "
		 "hexadecimal digits, such as 56:4d:53:00:00:01, or leave it out to get one"},
		{"\"nics\":[{\"type\":\"user\",\"mac\":\"01:00:5e:00:00:01\"}]",
		 "definition: $.nics[0].mac: \"01:00:5e:00:00:01\" is a multicast address, which "
		 "no adapter can have; give one whose first pair is even, or leave it out to get "
		 "one"},
		{"\"nics\":[{\"type\":\"user\",\"mac\":\"00:00:00:00:00:00\"}]",
		 "definition: $.nics[0].mac: \"00:00:00:00:00:00\" is all zeros, which no adapter "
		 "can have; leave it out to get an address"},
		{"\"nics\":[{\"type\":\"user\",\"mac\":\"52:54:00:00:00:aa\"},"
		 "{\"type\":\"user\",\"mac\":\"52-54-00-00-00-AA\"}]",
		 "definition: $.nics[1].mac: \"52:54:00:00:00:aa\" is the address of $.nics[0] "
		 "already; give another, or leave it out to get one"},
		{"\"hypervisor\":\"off\"",
		 "definition: $.hypervisor: \"off\" is not known; give one of \"visible\", "
		 "\"hidden\""},
		{"\"enlightenments\":{\"synic\":1}",
		 "definition: $.enlightenments.synic: expected a boolean, found an integer"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		GError *error = NULL;
		g_test_message("%s", cases[i].members);
		g_assert_null(parse(cases[i].members, &error));
		assert_message(error, SERVICE_ERROR_INVALID_DEFINITION, cases[i].message);
	}
}

/* n elements that differ in their path, where there is one. */
static char *many(const char *list, const char *format, int n)
{
	g_autoptr(GString) text = g_string_new(NULL);

	g_string_printf(text, "\"%s\":[", list);
	for (int i = 0; i < n; i++) {
		g_autofree char *number = g_strdup_printf("%d", i);
		g_auto(GStrv) parts = g_strsplit(format, "#", -1);
		g_autofree char *element = g_strjoinv(number, parts);
		g_string_append_printf(text, "%s%s", i > 0 ? "," : "", element);
	}
	g_string_append_c(text, ']');
	return g_string_free(g_steal_pointer(&text), FALSE);
}

static void test_many(void)
{
	g_autofree char *disks = many("disks", "{\"path\":\"/#\"}", 64);
	g_autofree char *disks_more = many("disks", "{\"path\":\"/#\"}", 65);
	g_autofree char *nics = many("nics", "{\"type\":\"user\"}", 8);
	g_autofree char *nics_more = many("nics", "{\"type\":\"user\"}", 9);
	g_autoptr(definition_t) full_disks = parse_good(disks);
	g_autoptr(definition_t) full_nics = parse_good(nics);
	GError *error = NULL;

	g_assert_cmpuint(full_disks->disks[63].lun, ==, 63);
	for (size_t i = 0; i < 8; i++)
		for (size_t j = 0; j < i; j++)
			g_assert_false(mac_address_equal(&full_nics->nics[i].mac,
							 &full_nics->nics[j].mac));
	g_assert_null(parse(disks_more, &error));
	assert_message(
		g_steal_pointer(&error), SERVICE_ERROR_INVALID_DEFINITION,
		"definition: $.disks: has 65 elements, more than the 64 allowed; take some out");
	g_assert_null(parse(nics_more, &error));
	assert_message(
		error, SERVICE_ERROR_INVALID_DEFINITION,
		"definition: $.nics: has 9 elements, more than the 8 allowed; take some out");
}

static char *mac_of(const struct definition *definition, size_t index)
{
	char text[MAC_ADDRESS_TEXT];

	mac_address_format(&definition->nics[index].mac, text);
	return g_strdup(text);
}

static void test_nics(void)
{
	g_autoptr(definition_t) definition = parse_good(
		"\"nics\":[{\"type\":\"user\",\"mac\":\"52-54-00-AB-CD-EF\"},"
		"{\"type\":\"bridge\",\"bridge\":\"br0\",\"mtu\":9000,\"bandwidth\":\"1G\","
		"\"connected\":false,\"mac\":\"56:4D:53:00:00:01\"},"
		"{\"type\":\"private\",\"network\":\"lan\",\"mac\":\"56:4d:53:00:00:02\"}]");
	g_autofree char *nics = canonical(definition, "nics");

	g_assert_cmpstr(nics, ==,
			"[{\"type\":\"user\",\"connected\":true,\"mtu\":1500,\"bandwidth\":0,"
			"\"mac\":\"52:54:00:ab:cd:ef\"},"
			"{\"type\":\"bridge\",\"bridge\":\"br0\",\"connected\":false,\"mtu\":9000,"
			"\"bandwidth\":1073741824,\"mac\":\"56:4d:53:00:00:01\"},"
			"{\"type\":\"private\",\"network\":\"lan\",\"connected\":true,\"mtu\":1500,"
			"\"bandwidth\":0,\"mac\":\"56:4d:53:00:00:02\"}]");
	g_assert_cmpint(definition->nics[1].type, ==, NIC_TYPE_BRIDGE);
	g_assert_cmpstr(definition->nics[1].bridge, ==, "br0");
	g_assert_cmpstr(definition->nics[2].network, ==, "lan");
}

/* Made from the uuid and the place, unicast and locally administered. */
static void test_mac_made(void)
{
	g_autoptr(definition_t) a = parse_good("\"nics\":[{\"type\":\"user\"}]");
	g_autoptr(definition_t) b = parse_good("\"nics\":[{\"type\":\"none\"}]");
	g_autofree char *first = mac_of(a, 0), *second = mac_of(b, 0);

	g_assert_true(g_str_has_prefix(first, "56:4d:53:"));
	g_assert_cmpstr(first, ==, second);
	g_assert_cmpuint(a->nics[0].mac.bytes[0] & 3, ==, 2);
}

static void check_kept(const struct definition *from, const char *patch, const char *const *macs)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(definition_t) to = definition_edit(from, patch, &error);

	g_assert_no_error(error);
	for (size_t i = 0; macs[i]; i++) {
		g_autofree char *mac = mac_of(to, i);
		g_assert_cmpstr(mac, ==, macs[i]);
	}
}

/* An edited list of adapters keeps the addresses that it does not mention. */
static void test_mac_kept(void)
{
	g_autoptr(definition_t) from =
		parse_good("\"nics\":[{\"type\":\"user\",\"mac\":\"52:54:00:00:00:01\"},"
			   "{\"type\":\"user\",\"mac\":\"52:54:00:00:00:02\"}]");
	g_autoptr(definition_t) made = parse_good("\"nics\":[{\"type\":\"user\"},"
						  "{\"type\":\"user\"},{\"type\":\"user\"}]");
	g_autofree char *third = mac_of(made, 2);

	check_kept(from, "{\"description\":\"x\"}",
		   (const char *const[]){"52:54:00:00:00:01", "52:54:00:00:00:02", NULL});
	check_kept(from, "{\"nics\":[{\"type\":\"none\"}]}",
		   (const char *const[]){"52:54:00:00:00:01", NULL});
	check_kept(from, "{\"nics\":[{\"type\":\"none\"},{\"type\":\"none\"},{\"type\":\"user\"}]}",
		   (const char *const[]){"52:54:00:00:00:01", "52:54:00:00:00:02", third, NULL});
	/* Somebody swaps them: the one that is not mentioned cannot keep what the other took. */
	check_kept(from,
		   "{\"nics\":[{\"type\":\"user\",\"mac\":\"52:54:00:00:00:02\"},"
		   "{\"type\":\"user\",\"mac\":\"52:54:00:00:00:01\"}]}",
		   (const char *const[]){"52:54:00:00:00:02", "52:54:00:00:00:01", NULL});
	g_autoptr(GError) error = NULL;
	g_autoptr(definition_t) taken = definition_edit(
		from,
		"{\"nics\":[{\"type\":\"user\"},{\"type\":\"user\",\"mac\":\"52:54:00:00:00:01\"}]}",
		&error);
	g_assert_no_error(error);
	g_autofree char *fresh = mac_of(taken, 0);
	g_assert_true(g_str_has_prefix(fresh, "56:4d:53:"));
	g_assert_null(definition_edit(from, "{\"nics\":[7,null]}", NULL));
	g_assert_null(definition_edit(from, "{\"nics\":[{\"mac\":7}]}", NULL));
}

/* Devices are not for a running VM to change; its share of processors is, and devices stay. */
static void test_live_change(void)
{
	static const char *const patches[] = {
		"{\"disks\":[{\"path\":\"/b\"}]}",
		"{\"nics\":[{\"type\":\"user\"}]}",
		"{\"hypervisor\":\"hidden\"}",
		"{\"enlightenments\":{\"synic\":false}}",
	};
	g_autoptr(definition_t) from =
		parse_good("\"disks\":[{\"path\":\"/a\"}],\"nics\":[{\"type\":\"none\"}]");

	for (size_t i = 0; i < G_N_ELEMENTS(patches); i++) {
		g_autoptr(definition_t) to = definition_edit(from, patches[i], NULL);
		g_assert_nonnull(to);
		g_assert_false(definition_is_live_change(from, to));
	}
	g_autoptr(definition_t) to =
		definition_edit(from, "{\"cpus\":{\"scheduling\":{\"weight\":7}}}", NULL);
	g_assert_nonnull(to);
	g_assert_true(definition_is_live_change(from, to));
	g_assert_cmpuint(to->n_disks, ==, 1);
	g_autofree char *mac = mac_of(from, 0), *kept = mac_of(to, 0);
	g_assert_cmpstr(kept, ==, mac);
}

static void test_mac_text(void)
{
	static const struct {
		const char *text;
		bool good;
	} cases[] = {
		{"02:00:00:00:00:00", true},  {"02-00-00-00-00-0f", true},
		{"FE:DC:BA:98:76:54", true},  {"", false},
		{"02:00:00:00:00", false},    {"02:00:00:00:00:000", false},
		{"02:00:00:00:00-00", false}, {"02 00 00 00 00 00", false},
		{"g2:00:00:00:00:00", false}, {"020000000000", false},
		{"ff:ff:ff:ff:ff:ff", false}, {"03:00:00:00:00:00", false},
		{"00:00:00:00:00:00", false}, {"02:00:00:00:00:0", false},
		{"0:2:00:00:00:00:0", false},
	};
	struct mac_address mac;
	const char *fault;

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_test_message("%s", cases[i].text);
		g_assert_cmpint(mac_address_parse(cases[i].text, &mac, &fault), ==, cases[i].good);
	}
	for (int i = 0; i < 5000; i++) {
		char text[MAC_ADDRESS_TEXT], again[MAC_ADDRESS_TEXT];
		struct mac_address back;
		for (size_t b = 0; b < MAC_ADDRESS_SIZE; b++)
			mac.bytes[b] = (uint8_t)g_test_rand_int_range(0, 256);
		mac.bytes[0] = (uint8_t)((mac.bytes[0] & 0xfe) | 2);
		mac_address_format(&mac, text);
		g_assert_true(mac_address_parse(text, &back, &fault));
		g_assert_true(mac_address_equal(&mac, &back));
		g_assert_cmpuint(mac_address_key(&mac), ==, mac_address_key(&back));
		mac_address_format(&back, again);
		g_assert_cmpstr(text, ==, again);
	}
}

static const char *everybody(void *context, const struct mac_address *mac)
{
	(void)context, (void)mac;
	return "x";
}

static void test_mac_range_full(void)
{
	const struct mac_owners owners = {everybody, NULL};
	g_autoptr(GError) error = NULL;

	g_assert_null(definition_parse_among(
		"{\"version\":1,\"name\":\"a\",\"nics\":[{\"type\":\"user\"}]}", &owners, &error));
	g_assert_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_DEFINITION);
	g_assert_nonnull(strstr(error->message, "every address of the range 56:4d:53 is in use"));
}

static char *random_devices(GRand *rand)
{
	static const char *const nics[] = {
		"{\"type\":\"user\"}", "{\"mtu\":900,\"type\":\"none\"}",
		"{\"type\":\"bridge\",\"bridge\":\"b\",\"bandwidth\":\"5M\"}",
		"{\"network\":\"n\",\"type\":\"private\",\"connected\":false}"};
	g_autoptr(GString) text = g_string_new("\"disks\":[");

	for (gint32 i = 0, n = g_rand_int_range(rand, 0, 6); i < n; i++) {
		g_string_append_printf(text, "%s{\"path\":\"/%d\"", i > 0 ? "," : "", i);
		if (g_rand_boolean(rand))
			g_string_append_printf(text, ",\"lun\":%d", g_rand_int_range(rand, 0, 6));
		if (g_rand_boolean(rand))
			g_string_append_printf(text, ",\"controller\":%d",
					       g_rand_int_range(rand, 0, 3));
		if (g_rand_boolean(rand))
			g_string_append(text, ",\"type\":\"dvd\"");
		g_string_append_c(text, '}');
	}
	g_string_append(text, "],\"nics\":[");
	for (gint32 i = 0, n = g_rand_int_range(rand, 0, 5); i < n; i++)
		g_string_append_printf(text, "%s%s", i > 0 ? "," : "",
				       nics[g_rand_int_range(rand, 0, G_N_ELEMENTS(nics))]);
	g_string_append_c(text, ']');
	return g_string_free(g_steal_pointer(&text), FALSE);
}

/* Whatever is accepted has its own address each, and its canonical text is a fixed point. */
static void test_random(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(11);
	unsigned accepted = 0;

	for (unsigned i = 0; i < 3000; i++) {
		g_autofree char *members = random_devices(rand);
		g_autoptr(GError) error = NULL;
		g_autoptr(definition_t) definition = parse(members, &error);
		if (!definition) {
			g_assert_nonnull(strstr(error->message, "is the address of"));
			continue;
		}
		accepted++;
		g_autoptr(definition_t) again = definition_parse(definition->json, NULL);
		g_assert_cmpstr(again->json, ==, definition->json);
		for (size_t a = 0; a < definition->n_disks; a++)
			for (size_t b = 0; b < a; b++)
				g_assert_true(definition->disks[a].lun !=
						      definition->disks[b].lun ||
					      definition->disks[a].controller !=
						      definition->disks[b].controller);
	}
	g_assert_cmpuint(accepted, >, 500);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/definition/devices/disks", test_disks);
	g_test_add_func("/definition/devices/addresses", test_addresses);
	g_test_add_func("/definition/devices/refused", test_refused);
	g_test_add_func("/definition/devices/many", test_many);
	g_test_add_func("/definition/devices/nics", test_nics);
	g_test_add_func("/definition/devices/mac-made", test_mac_made);
	g_test_add_func("/definition/devices/mac-kept", test_mac_kept);
	g_test_add_func("/definition/devices/live-change", test_live_change);
	g_test_add_func("/definition/devices/mac-text", test_mac_text);
	g_test_add_func("/definition/devices/mac-range-full", test_mac_range_full);
	g_test_add_func("/definition/devices/random", test_random);
	return g_test_run();
}
