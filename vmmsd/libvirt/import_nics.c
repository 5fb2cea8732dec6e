/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "import_part.h"

/* libvirt's kilobyte, as tc has it. */
#define KILOBYTE UINT64_C(1000)

/* What joins the adapter to a network: the attribute of source, and our member for it. */
static const struct nic_type {
	const char *theirs, *ours, *attribute, *member;
} types[] = {
	{"bridge", "bridge", "bridge", "bridge"},
	{"network", "bridge", "network", "network"},
	{"internal", "private", "name", "network"},
	{"user", "user", NULL, NULL},
	{"null", "none", NULL, NULL},
};

static const struct nic_type *nic_type(const char *name)
{
	for (size_t i = 0; name && i < G_N_ELEMENTS(types); i++) {
		if (g_str_equal(types[i].theirs, name))
			return &types[i];
	}
	return NULL;
}

static void import_source(struct importing *import, xmlNode *interface, struct json_object *to)
{
	g_autofree char *name = xml_take_attribute(interface, "type");
	const struct nic_type *type = nic_type(name);
	xmlNode *source;
	g_autofree char *value = NULL;

	if (!type) {
		import_fail(import, interface, "type", XML_TREE_ERROR_NOT_SUPPORTED,
			    "vmms has no adapter like it; give bridge, network, internal, user or "
			    "null");
		return;
	}
	import_put_text(to, "type", type->ours);
	if (!type->attribute)
		return;
	source = xml_take_child(interface, "source");
	value = xml_take_attribute(source, type->attribute);
	if (value)
		import_put_text(to, type->member, value);
	else
		import_fail(import, interface, NULL, XML_TREE_ERROR_INVALID,
			    "it needs source with the attribute %s", type->attribute);
}

/* Of this adapter, from metadata of ours; 0: there is none. */
static uint64_t kept_number(const struct importing *import, const char *list, const char *mac)
{
	struct json_object *adapter = NULL;

	if (import->kept && mac && json_object_object_get_ex(import->kept, list, &adapter) &&
	    json_object_is_type(adapter, json_type_object))
		adapter = json_object_object_get(adapter, mac);
	return json_object_is_type(adapter, json_type_int) ? json_object_get_uint64(adapter) : 0;
}

/* Of virtio they are with the engine translate anyway. */
static void import_model(const struct importing *import, xmlNode *interface)
{
	xmlNode *model = xml_take_child(interface, "model");
	g_autofree char *type = xml_take_attribute(model, "type");

	if (model && !(import->translated && g_strcmp0(type, "virtio") == 0))
		model->_private = NULL;
}

/* What was not a whole number of kilobytes. */
static uint64_t exact_bandwidth(const struct importing *import, const char *mac, uint64_t kilobytes)
{
	uint64_t bytes = kept_number(import, "adapters", mac);

	return bytes / KILOBYTE == kilobytes ? bytes : kilobytes * KILOBYTE;
}

static void import_bandwidth(struct importing *import, xmlNode *interface, const char *mac,
			     struct json_object *to)
{
	xmlNode *element = xml_take_child(interface, "bandwidth");
	xmlNode *in = xml_take_child(element, "inbound"),
		*out = xml_take_child(element, "outbound");
	g_autofree char *in_text = xml_take_attribute(in, "average");
	g_autofree char *out_text = xml_take_attribute(out, "average");
	uint64_t in_kb = 0, out_kb = 0;

	(void)import_number(import, in, in_text, UINT32_MAX, &in_kb);
	(void)import_number(import, out, out_text, UINT32_MAX, &out_kb);
	if (!in_kb && !out_kb)
		return;
	if (in_kb != out_kb)
		import_note(import, element, NULL,
			    "both directions have one limit, the larger of the two");
	import_put_number(to, "bandwidth", exact_bandwidth(import, mac, MAX(in_kb, out_kb)));
}

static struct json_object *import_nic(struct importing *import, xmlNode *interface)
{
	struct json_object *to = json_object_new_object();
	g_autofree char *mac = xml_take_attribute(xml_take_child(interface, "mac"), "address");
	xmlNode *mtu = xml_take_child(interface, "mtu");
	g_autofree char *size = xml_take_attribute(mtu, "size");
	xmlNode *link = xml_take_child(interface, "link");
	g_autofree char *state = xml_take_attribute(link, "state");
	uint64_t value = kept_number(import, "mtus", mac);

	import_source(import, interface, to);
	import_put_text(to, "mac", mac);
	if (import_number(import, mtu, size, UINT32_MAX, &value) || value)
		import_put_number(to, "mtu", value);
	if (g_strcmp0(state, "down") == 0)
		import_put_boolean(to, "connected", FALSE);
	import_bandwidth(import, interface, mac, to);
	import_model(import, interface);
	return to;
}

void import_nics(struct importing *import, xmlNode *devices)
{
	struct json_object *nics = json_object_new_array();

	for (xmlNode *interface = xml_take_child(devices, "interface"); interface;
	     interface = xml_take_next(interface))
		json_object_array_add(nics, import_nic(import, interface));
	(void)json_object_object_add(import->definition, "nics", nics);
}
