/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* $.nics of a definition. */
#include "definition_json.h"
#include "definition_member.h"
#include "json_text.h"

static const char *const type_names[] = {
	[NIC_TYPE_USER] = "user",
	[NIC_TYPE_BRIDGE] = "bridge",
	[NIC_TYPE_PRIVATE] = "private",
	[NIC_TYPE_NONE] = "none",
};

const char *definition_nic_type_name(enum nic_type type)
{
	return type_names[type];
}

static enum nic_type nic_type(struct json_object *nic)
{
	return choice(nic, "type", type_names, G_N_ELEMENTS(type_names));
}

static bool fail(GError **error, size_t index, const char *name, const char *what)
{
	return definition_fail_device(error, "nics", index, name, "%s", what);
}

/* Which of bridge and network a type takes. */
static bool check_target(struct json_object *nic, size_t index, GError **error)
{
	enum nic_type type = nic_type(nic);
	bool bridge = member(nic, "bridge"), network = member(nic, "network");

	if (bridge && type != NIC_TYPE_BRIDGE)
		return fail(error, index, "bridge",
			    "only an adapter of the type bridge has one; remove it");
	if (network && type != NIC_TYPE_BRIDGE && type != NIC_TYPE_PRIVATE)
		return fail(error, index, "network",
			    "only an adapter of the type bridge or private has one; remove it");
	if (bridge && network)
		return fail(error, index, "network",
			    "give the bridge or the network that knows it, not both");
	if (type == NIC_TYPE_BRIDGE && !bridge && !network)
		return fail(error, index, "type",
			    "an adapter of the type bridge needs bridge or network");
	if (type == NIC_TYPE_PRIVATE && !network)
		return fail(error, index, "type",
			    "an adapter of the type private needs network, the name of the switch "
			    "that its VMs share");
	return true;
}

/* The owners of addresses outside, and the adapters of this document that have one by now. */
struct neighbours {
	const struct mac_owners *others;
	GArray *macs;	 /* struct mac_address */
	GArray *indices; /* size_t, of the adapter that has it */
};

static const char *neighbours_find(void *context, const struct mac_address *mac)
{
	const struct neighbours *neighbours = context;

	for (guint i = 0; i < neighbours->macs->len; i++) {
		if (mac_address_equal(&g_array_index(neighbours->macs, struct mac_address, i), mac))
			return "";
	}
	return neighbours->others ? neighbours->others->find(neighbours->others->context, mac)
				  : NULL;
}

static void neighbours_add(struct neighbours *neighbours, const struct mac_address *mac,
			   size_t index)
{
	g_array_append_val(neighbours->macs, *mac);
	g_array_append_val(neighbours->indices, index);
}

/* "$.nics[0]", or "an adapter of VM web1". */
static char *neighbours_name(const struct neighbours *neighbours, const struct mac_address *mac)
{
	for (guint i = 0; i < neighbours->macs->len; i++) {
		if (mac_address_equal(&g_array_index(neighbours->macs, struct mac_address, i), mac))
			return g_strdup_printf("$.nics[%zu]",
					       g_array_index(neighbours->indices, size_t, i));
	}
	return g_strdup_printf("an adapter of VM %s",
			       neighbours->others->find(neighbours->others->context, mac));
}

static bool take_mac(struct neighbours *neighbours, struct json_object *nic, size_t index,
		     GError **error)
{
	const char *given = text(nic, "mac"), *fault;
	char canonical[MAC_ADDRESS_TEXT];
	struct mac_address mac;

	if (!mac_address_parse(given, &mac, &fault)) {
		g_autofree char *shown = json_text_excerpt(given);
		return definition_fail_device(error, "nics", index, "mac", "\"%s\" %s", shown,
					      fault);
	}
	mac_address_format(&mac, canonical);
	if (neighbours_find(neighbours, &mac)) {
		g_autofree char *owner = neighbours_name(neighbours, &mac);
		return definition_fail_device(
			error, "nics", index, "mac",
			"\"%s\" is the address of %s already; give another, or leave "
			"it out to get one",
			canonical, owner);
	}
	neighbours_add(neighbours, &mac, index);
	if (!g_str_equal(canonical, given))
		(void)json_object_object_add(nic, "mac", json_object_new_string(canonical));
	return true;
}

static bool give_mac(struct neighbours *neighbours, struct json_object *nic, size_t index,
		     const char *uuid, GError **error)
{
	const struct mac_owners all = {neighbours_find, neighbours};
	char canonical[MAC_ADDRESS_TEXT];
	struct mac_address mac;

	if (!mac_address_generate(uuid, (uint32_t)index, &all, &mac))
		return fail(error, index, "mac",
			    "every address of the range 56:4d:53 is in use; give one of your own");
	mac_address_format(&mac, canonical);
	neighbours_add(neighbours, &mac, index);
	(void)json_object_object_add(nic, "mac", json_object_new_string(canonical));
	return true;
}

static bool refine_macs(struct json_object *nics, struct neighbours *neighbours, const char *uuid,
			GError **error)
{
	size_t n = json_object_array_length(nics);

	/* Those that are asked for go first. */
	for (size_t i = 0; i < n; i++) {
		struct json_object *nic = json_object_array_get_idx(nics, i);
		if (member(nic, "mac") && !take_mac(neighbours, nic, i, error))
			return false;
	}
	for (size_t i = 0; i < n; i++) {
		struct json_object *nic = json_object_array_get_idx(nics, i);
		if (!member(nic, "mac") && !give_mac(neighbours, nic, i, uuid, error))
			return false;
	}
	return true;
}

bool definition_nics_refine(struct json_object *complete, const struct mac_owners *owners,
			    GError **error)
{
	struct json_object *nics = member(complete, "nics");
	g_autoptr(GArray) macs = g_array_new(FALSE, FALSE, sizeof(struct mac_address));
	g_autoptr(GArray) indices = g_array_new(FALSE, FALSE, sizeof(size_t));
	struct neighbours neighbours = {owners, macs, indices};

	for (size_t i = 0; i < json_object_array_length(nics); i++) {
		struct json_object *nic = json_object_array_get_idx(nics, i);
		g_autoptr(GError) local = NULL;

		if (!check_target(nic, i, error))
			return false;
		if (!definition_refine_bandwidth(nic, &local))
			return definition_fail_device(error, "nics", i, "bandwidth", "%s",
						      local->message);
	}
	return refine_macs(nics, &neighbours, text(complete, "uuid"), error);
}

static bool is_given(struct json_object *nics, const char *mac)
{
	for (size_t i = 0; i < json_object_array_length(nics); i++) {
		struct json_object *given =
			json_object_object_get(json_object_array_get_idx(nics, i), "mac");
		if (json_object_is_type(given, json_type_string) &&
		    g_ascii_strcasecmp(json_object_get_string(given), mac) == 0)
			return true;
	}
	return false;
}

void definition_nics_keep(struct json_object *document, const struct definition *before)
{
	struct json_object *nics = json_object_object_get(document, "nics");

	/* The document has not been checked yet. */
	if (!json_object_is_type(nics, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(nics) && i < before->n_nics; i++) {
		struct json_object *nic = json_object_array_get_idx(nics, i);
		char mac[MAC_ADDRESS_TEXT];

		mac_address_format(&before->nics[i].mac, mac);
		if (json_object_is_type(nic, json_type_object) &&
		    !json_object_object_get_ex(nic, "mac", NULL) && !is_given(nics, mac))
			(void)json_object_object_add(nic, "mac", json_object_new_string(mac));
	}
}

void definition_nics_convert(struct definition *definition, struct json_object *complete)
{
	struct json_object *nics = member(complete, "nics");

	definition->n_nics = json_object_array_length(nics);
	definition->nics = g_new0(struct definition_nic, definition->n_nics);
	for (size_t i = 0; i < definition->n_nics; i++) {
		struct json_object *nic = json_object_array_get_idx(nics, i);
		struct definition_nic *to = &definition->nics[i];
		const char *fault;

		to->type = nic_type(nic);
		to->bridge = g_strdup(text(nic, "bridge"));
		to->network = g_strdup(text(nic, "network"));
		to->mtu = number(nic, "mtu");
		(void)mac_address_parse(text(nic, "mac"), &to->mac, &fault); /* refined */
	}
}

void definition_nics_clear(struct definition *definition)
{
	for (size_t i = 0; i < definition->n_nics; i++) {
		g_free(definition->nics[i].bridge);
		g_free(definition->nics[i].network);
	}
	g_free(definition->nics);
}
