/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "definition_plug.h"

#include <string.h>

#include "json_text.h"
#include "service_error.h"

static const struct {
	const char *member, *noun;
} lists[] = {
	[PLUG_DISK] = {"disks", "disk"},
	[PLUG_NIC] = {"nics", "adapter"},
};

const char *plug_list_noun(enum plug_list list)
{
	return lists[list].noun;
}

/* ---- patches --------------------------------------------------------------------------------- */

/* The devices but one (SIZE_MAX: all). */
static struct json_object *devices_but(const struct definition *definition, enum plug_list list,
				       size_t index)
{
	g_autoptr(json_value_t) document = json_tokener_parse(definition->json);
	struct json_object *all = json_object_object_get(document, lists[list].member);
	struct json_object *copy = json_object_new_array();

	for (size_t i = 0; i < json_object_array_length(all); i++)
		if (i != index)
			(void)json_object_array_add(
				copy, json_object_get(json_object_array_get_idx(all, i)));
	return copy;
}

/* Takes devices. */
static char *document_of(enum plug_list list, struct json_object *devices)
{
	g_autoptr(json_value_t) document = json_object_new_object();

	(void)json_object_object_add(document, lists[list].member, devices);
	return json_text_print(document);
}

char *definition_patch_with(const struct definition *definition, enum plug_list list,
			    const char *device, GError **error)
{
	struct json_object *value = json_text_parse(device, VMMS_MAX_MESSAGE, error);
	struct json_object *devices;

	if (!value) {
		g_prefix_error(error, "%s: ", lists[list].noun);
		return NULL;
	}
	if (!json_object_is_type(value, json_type_object)) {
		(void)json_object_put(value);
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_DEFINITION,
			    "%s: $: expected an object as in the %s of a definition",
			    lists[list].noun, lists[list].member);
		return NULL;
	}
	devices = devices_but(definition, list, SIZE_MAX);
	(void)json_object_array_add(devices, value);
	return document_of(list, devices);
}

char *definition_patch_without(const struct definition *definition, enum plug_list list,
			       size_t index)
{
	return document_of(list, devices_but(definition, list, index));
}

char *definition_device(const struct definition *definition, enum plug_list list, size_t index)
{
	g_autoptr(json_value_t) document = json_tokener_parse(definition->json);
	struct json_object *all = json_object_object_get(document, lists[list].member);
	struct json_object *one = json_object_new_array();

	(void)json_object_array_add(one, json_object_get(json_object_array_get_idx(all, index)));
	return document_of(list, one);
}

/* ---- names ----------------------------------------------------------------------------------- */

static bool fail(GError **error, const struct definition *definition, const char *which,
		 const char *what)
{
	g_autofree char *shown = json_text_excerpt(which);

	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_ARGUMENT, "VM %s: \"%s\" %s",
		    definition->name, shown, what);
	return false;
}

/* Digits up to max without a sign, from *text on, which moves behind them. */
static bool take_number(const char **text, guint64 max, guint64 *ret)
{
	char *end;

	if (!g_ascii_isdigit(**text))
		return false;
	*ret = g_ascii_strtoull(*text, &end, 10);
	*text = end;
	return *ret <= max;
}

static bool find_place(const struct definition *definition, const char *which, size_t *ret_index,
		       GError **error)
{
	guint64 controller, lun;
	const char *at = which;

	if (!take_number(&at, UINT32_MAX, &controller) || *at++ != ':' ||
	    !take_number(&at, UINT32_MAX, &lun) || *at)
		return fail(error, definition, which,
			    "is neither an absolute path nor CONTROLLER:LUN; name a disk by one "
			    "of them");
	for (size_t i = 0; i < definition->n_disks; i++) {
		const struct definition_disk *disk = &definition->disks[i];
		if (disk->controller == controller && disk->lun == lun) {
			*ret_index = i;
			return true;
		}
	}
	return fail(error, definition, which,
		    "is the place of no disk; its definition, by hvctl show, has those that there "
		    "are");
}

bool definition_find_disk(const struct definition *definition, const char *which, size_t *ret_index,
			  GError **error)
{
	size_t found = definition->n_disks;

	if (which[0] != '/')
		return find_place(definition, which, ret_index, error);
	for (size_t i = 0; i < definition->n_disks; i++) {
		if (!g_str_equal(definition->disks[i].path, which))
			continue;
		if (found < definition->n_disks) /* readers may share an image */
			return fail(error, definition, which,
				    "is the image of several disks; give CONTROLLER:LUN of one");
		found = i;
	}
	if (found == definition->n_disks)
		return fail(error, definition, which,
			    "is the image of none of its disks; its definition, by hvctl show, "
			    "has them");
	*ret_index = found;
	return true;
}

bool definition_find_nic(const struct definition *definition, const char *which, size_t *ret_index,
			 GError **error)
{
	struct mac_address mac;
	const char *at = which, *fault;
	guint64 index;

	if (take_number(&at, UINT32_MAX, &index) && !*at) {
		*ret_index = (size_t)index;
		return index < definition->n_nics ||
		       fail(error, definition, which,
			    "is the index of no adapter; they count from 0, in the order of the "
			    "definition");
	}
	if (!mac_address_parse(which, &mac, &fault)) {
		g_autofree char *what = g_strdup_printf(
			"is no index of an adapter, and as a MAC address it %s", fault);
		return fail(error, definition, which, what);
	}
	for (size_t i = 0; i < definition->n_nics; i++) {
		if (mac_address_equal(&definition->nics[i].mac, &mac)) {
			*ret_index = i;
			return true;
		}
	}
	return fail(error, definition, which,
		    "is the address of none of its adapters; its definition, by hvctl show, has "
		    "them");
}

char *definition_device_name(const struct definition *definition, enum plug_list list, size_t index)
{
	char mac[MAC_ADDRESS_TEXT];

	if (list == PLUG_DISK)
		return g_strdup_printf("disk %s (%u:%u)", definition->disks[index].path,
				       definition->disks[index].controller,
				       definition->disks[index].lun);
	mac_address_format(&definition->nics[index].mac, mac);
	return g_strdup_printf("adapter %s", mac);
}
