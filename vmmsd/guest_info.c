/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest_info.h"

#include <glib.h>
#include <string.h>

#define WORDS_MAX 1024u
#define TEXT_MAX_ 2048u

struct guest_info {
	struct json_object *guest; /* the whole */
	struct json_object *enlightenments, *used, *facts, *pairs, *addresses;
};

static void add(struct json_object *object, const char *name, const char *value)
{
	(void)json_object_object_add(object, name, value ? json_object_new_string(value) : NULL);
}

static void add_frozen(struct json_object *guest, gboolean is)
{
	(void)json_object_object_add(guest, "frozen", json_object_new_boolean(is));
}

static void put_guest(struct guest_info *info, const char *name, const char *value)
{
	static const char *const known[] = {"state", "os", "vmbus"};

	for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
		if (g_str_equal(known[i], name))
			add(info->guest, name, value);
	if (g_str_equal(name, "frozen"))
		add_frozen(info->guest, TRUE);
}

static void put_enlightenment(struct guest_info *info, const char *name, const char *value)
{
	(void)value;
	(void)json_object_array_add(info->enlightenments, json_object_new_string(name));
}

/* null: nobody knows. */
static void put_used(struct guest_info *info, const char *name, const char *value)
{
	gboolean known = g_str_equal(value, "yes") || g_str_equal(value, "no");

	(void)json_object_object_add(info->used, name,
				     known ? json_object_new_boolean(g_str_equal(value, "yes"))
					   : NULL);
}

/* Those of the facts that have a place of their own besides. */
static void put_fact(struct guest_info *info, const char *name, const char *value)
{
	static const char *const places[][2] = {
		{"FullyQualifiedDomainName", "hostName"},
		{"OSName", "system"},
		{"OSVersion", "systemVersion"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(places); i++)
		if (g_str_equal(places[i][0], name))
			add(info->guest, places[i][1], value);
	add(info->facts, name, value);
}

static void put_pair(struct guest_info *info, const char *name, const char *value)
{
	add(info->pairs, name, value);
}

static void put_address(struct guest_info *info, const char *mac, const char *value)
{
	struct json_object *adapter = NULL, *list;
	size_t n = json_object_array_length(info->addresses);

	for (size_t i = 0; i < n && !adapter; i++) {
		struct json_object *one = json_object_array_get_idx(info->addresses, i);
		struct json_object *its = json_object_object_get(one, "mac");

		if (g_str_equal(json_object_get_string(its), mac))
			adapter = one;
	}
	if (!adapter) {
		adapter = json_object_new_object();
		add(adapter, "mac", mac);
		(void)json_object_object_add(adapter, "addresses", json_object_new_array());
		(void)json_object_array_add(info->addresses, adapter);
	}
	list = json_object_object_get(adapter, "addresses");
	(void)json_object_array_add(list, json_object_new_string(value));
}

static const struct {
	const char *name;
	void (*put)(struct guest_info *info, const char *name, const char *value);
} sections[] = {
	{"guest", put_guest}, {"enlightenment", put_enlightenment},
	{"used", put_used},   {"fact", put_fact},
	{"pair", put_pair},   {"address", put_address},
};

static void put_word(struct guest_info *info, const char *section, const char *name,
		     const char *value)
{
	if (strlen(name) > TEXT_MAX_ || strlen(value) > TEXT_MAX_)
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(sections); i++)
		if (g_str_equal(sections[i].name, section))
			sections[i].put(info, name, value);
}

static void info_init(struct guest_info *info)
{
	static const char *const texts[] = {"state",	"os",	  "vmbus",
					    "hostName", "system", "systemVersion"};

	info->guest = json_object_new_object();
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
		add(info->guest, texts[i], NULL);
	add(info->guest, "state", "unknown");
	add_frozen(info->guest, FALSE);
	info->enlightenments = json_object_new_array();
	info->used = json_object_new_object();
	info->addresses = json_object_new_array();
	info->facts = json_object_new_object();
	info->pairs = json_object_new_object();
	(void)json_object_object_add(info->guest, "enlightenments", info->enlightenments);
	(void)json_object_object_add(info->guest, "usedEnlightenments", info->used);
	(void)json_object_object_add(info->guest, "addresses", info->addresses);
	(void)json_object_object_add(info->guest, "facts", info->facts);
	(void)json_object_object_add(info->guest, "pairs", info->pairs);
}

struct json_object *guest_info_read(sd_bus_message *reply)
{
	const char *section, *name, *value;
	struct guest_info info;
	int r;

	if (sd_bus_message_enter_container(reply, 'a', "(sss)") < 0)
		return NULL;
	info_init(&info);
	for (unsigned int n = 0; n < WORDS_MAX; n++) {
		r = sd_bus_message_read(reply, "(sss)", &section, &name, &value);
		if (r <= 0)
			break;
		put_word(&info, section, name, value);
	}
	return info.guest;
}
