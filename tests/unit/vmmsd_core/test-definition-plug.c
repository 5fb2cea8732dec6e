/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One device of a definition: its names, and the definition with it and without it. */
#include <glib.h>
#include <string.h>

#include "definition_plug.h"
#include "service_error.h"

#define UUID "6f1c9d0e-6a4b-4b7e-9f0e-2d3c4b5a6978"

static struct definition *definition_new(void)
{
	g_autoptr(GError) error = NULL;
	struct definition *definition = definition_parse(
		"{\"version\":1,\"name\":\"web1\",\"uuid\":\"" UUID "\","
		"\"disks\":[{\"path\":\"/a\"},{\"path\":\"/b\",\"readOnly\":true,\"lun\":7},"
		"{\"path\":\"/b\",\"readOnly\":true,\"controller\":3}],"
		"\"nics\":[{\"type\":\"none\",\"mac\":\"56:4d:53:00:00:01\"},"
		"{\"type\":\"none\",\"mac\":\"56:4d:53:00:00:02\"}]}",
		&error);

	g_assert_no_error(error);
	return definition;
}

static void test_find(void)
{
	static const struct {
		const char *which;
		size_t index;
	} disks[] = {{"/a", 0}, {"0:0", 0}, {"0:7", 1}, {"3:0", 2}},
	  nics[] = {{"0", 0}, {"1", 1}, {"56:4d:53:00:00:02", 1}, {"56-4D-53-00-00-01", 0}};
	g_autoptr(definition_t) definition = definition_new();
	size_t index;

	for (size_t i = 0; i < G_N_ELEMENTS(disks); i++) {
		index = 99;
		g_assert_true(definition_find_disk(definition, disks[i].which, &index, NULL));
		g_assert_cmpuint(index, ==, disks[i].index);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(nics); i++) {
		index = 99;
		g_assert_true(definition_find_nic(definition, nics[i].which, &index, NULL));
		g_assert_cmpuint(index, ==, nics[i].index);
	}
}

static void not_found(bool (*find)(const struct definition *definition, const char *which,
				   size_t *ret_index, GError **error),
		      const char *which, const char *part)
{
	g_autoptr(definition_t) definition = definition_new();
	g_autoptr(GError) error = NULL;
	size_t index;

	g_assert_false(find(definition, which, &index, &error));
	g_assert_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_ARGUMENT);
	if (!g_str_has_prefix(error->message, "VM web1: \"") || !strstr(error->message, part))
		g_error("\"%s\" lacks \"%s\"", error->message, part);
}

static void test_not_found(void)
{
	static const char *const places[] = {"",     "a",    "0",    ":",
					     "0:",   ":0",   "0:0x", "-1:0",
					     "0:+1", " 0:0", "0:0 ", "0:99999999999999999999"};

	for (size_t i = 0; i < G_N_ELEMENTS(places); i++)
		not_found(definition_find_disk, places[i], "is neither an absolute path nor");
	not_found(definition_find_disk, "0:1", "is the place of no disk");
	not_found(definition_find_disk, "4294967295:0", "is the place of no disk");
	not_found(definition_find_disk, "/c", "is the image of none of its disks");
	not_found(definition_find_disk, "/b", "is the image of several disks; give CONTROLLER:LUN");
	not_found(definition_find_nic, "2", "is the index of no adapter");
	not_found(definition_find_nic, "99999999999999999999", "as a MAC address it");
	not_found(definition_find_nic, "", "as a MAC address it");
	not_found(definition_find_nic, "56:4d:53:00:00:03", "is the address of none");
	not_found(definition_find_nic, "01:00:5e:00:00:01", "multicast");
}

static void test_with(void)
{
	g_autoptr(definition_t) before = definition_new();
	g_autoptr(GError) error = NULL;
	g_autofree char *patch =
		definition_patch_with(before, PLUG_DISK, "{\"path\":\"/d\"}", &error);
	g_autoptr(definition_t) after = definition_edit(before, patch, &error);

	g_assert_no_error(error);
	g_assert_cmpuint(after->n_disks, ==, 4);
	g_assert_cmpstr(after->disks[3].path, ==, "/d");
	g_assert_cmpuint(after->disks[3].lun, ==, 1); /* the others keep theirs */
	g_assert_cmpuint(after->n_nics, ==, 2);
	g_autofree char *device = definition_device(after, PLUG_DISK, 3);
	g_assert_true(g_str_has_prefix(device, "{\"disks\":[{\"path\":\"/d\""));
	g_assert_nonnull(strstr(device, "\"lun\":1"));
	g_autofree char *name = definition_device_name(after, PLUG_DISK, 3);
	g_assert_cmpstr(name, ==, "disk /d (0:1)");
}

static void test_without(void)
{
	g_autoptr(definition_t) before = definition_new();
	g_autofree char *patch = definition_patch_without(before, PLUG_DISK, 1);
	g_autofree char *second = definition_patch_without(before, PLUG_NIC, 0);
	g_autoptr(definition_t) after = definition_edit(before, patch, NULL);
	g_autoptr(definition_t) nics = definition_edit(before, second, NULL);

	g_assert_cmpuint(after->n_disks, ==, 2);
	g_assert_cmpuint(after->disks[1].controller, ==, 3);
	g_assert_cmpuint(nics->n_nics, ==, 1);
	g_autofree char *name = definition_device_name(nics, PLUG_NIC, 0);
	g_assert_cmpstr(name, ==, "adapter 56:4d:53:00:00:02");
	/* An adapter that comes to the place of another does not get its address. */
	g_autofree char *third = definition_patch_with(nics, PLUG_NIC, "{\"type\":\"none\"}", NULL);
	g_autoptr(definition_t) more = definition_edit(nics, third, NULL);
	g_assert_cmpuint(more->n_nics, ==, 2);
	g_assert_false(mac_address_equal(&more->nics[1].mac, &before->nics[1].mac));
}

static void test_no_device(void)
{
	static const char *const texts[] = {"", "x", "[]", "null", "\"/a\"", "{\"path\":\"/a\"}}"};
	g_autoptr(definition_t) definition = definition_new();

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autoptr(GError) error = NULL;

		g_assert_null(definition_patch_with(definition, PLUG_NIC, texts[i], &error));
		g_assert_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_DEFINITION);
		g_assert_true(g_str_has_prefix(error->message, "adapter: "));
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/definition-plug/find", test_find);
	g_test_add_func("/definition-plug/not-found", test_not_found);
	g_test_add_func("/definition-plug/with", test_with);
	g_test_add_func("/definition-plug/without", test_without);
	g_test_add_func("/definition-plug/no-device", test_no_device);
	return g_test_run();
}
