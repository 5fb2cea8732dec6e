/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host_confine.h"

#include <json-c/json.h>
#include <sys/inotify.h>

#include "bus.h"
#include "cgroup_dir.h"
#include "cleanup.h"
#include "host_cpu_list.h"
#include "json_text.h"
#include "sched_cpus.h"
#include "sched_unit.h"
#include "service.h"

#define VMS_SLICE   "vmms.slice"
#define OWN_SETTING "exclusive_before" /* {"system.slice": "0-2"}; "": it had none of its own */
#define OWN_MAX	    (1u << 20)
#define UNIT_PATH   "/org/freedesktop/systemd1/unit"

struct host_confine {
	struct service *service;
	GArray *left;		/* NULL: the host is as it was */
	gboolean inherited;	/* an earlier vmmsd confined it and did not write down what was */
	GHashTable *parts;	/* name -> struct part */
	sd_event_source *watch; /* for units that come */
};

struct part {
	struct host_confine *confine;
	char *unit, *own; /* own: its CPUs by an administrator; NULL: not known yet */
	sd_bus_slot *call;
};

static void part_free(gpointer data)
{
	struct part *part = data;

	sd_bus_slot_unref(part->call);
	g_free(part->unit);
	g_free(part->own);
	g_free(part);
}

/* ---- sets ------------------------------------------------------------------------------------ */

GArray *host_confine_share(const char *own, const GArray *left)
{
	g_autoptr(GArray) allowed = *own ? host_cpu_list_parse(own) : NULL;
	GArray *share;

	if (!allowed)
		return g_array_copy((GArray *)left);
	share = sched_cpus_and(allowed, left);
	if (share->len == 0)
		g_clear_pointer(&share, g_array_unref);
	return share;
}

char *host_confine_list(const uint8_t *bytes, size_t n)
{
	g_autoptr(GArray) cpus = g_array_new(FALSE, FALSE, sizeof(uint32_t));

	for (uint32_t cpu = 0; cpu < HOST_CPU_MAX && cpu / 8 < n; cpu++) {
		if (bytes[cpu / 8] & 1u << cpu % 8)
			g_array_append_val(cpus, cpu);
	}
	return host_cpu_list_format(cpus);
}

/* ---- the store ------------------------------------------------------------------------------- */

static void own_write(const struct host_confine *confine)
{
	g_autoptr(json_value_t) document = json_object_new_object();
	g_autoptr(GError) error = NULL;
	GHashTableIter iter;
	void *value;

	g_hash_table_iter_init(&iter, confine->parts);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct part *part = value;

		if (part->own)
			json_object_object_add(document, part->unit,
					       json_object_new_string(part->own));
	}
	if (!store_set_setting(confine->service->store, OWN_SETTING,
			       json_object_to_json_string(document), &error))
		log_service(confine->service->log, LOG_WARNING, "%s", error->message);
}

static struct part *part_new(struct host_confine *confine, const char *unit)
{
	struct part *part = g_new0(struct part, 1);

	part->confine = confine;
	part->unit = g_strdup(unit);
	g_hash_table_insert(confine->parts, part->unit, part);
	return part;
}

static void own_read(struct host_confine *confine)
{
	g_autofree char *text = NULL;
	g_autoptr(json_value_t) document = NULL;

	(void)store_get_setting(confine->service->store, OWN_SETTING, &text, NULL);
	document = text ? json_text_parse(text, OWN_MAX, NULL) : NULL;
	confine->inherited = !json_object_is_type(document, json_type_object);
	if (confine->inherited)
		return;
	json_object_object_foreach (document, unit, cpus)
		part_new(confine, unit)->own = g_strdup(json_object_get_string(cpus));
}

/* ---- units ----------------------------------------------------------------------------------- */

static int on_set(sd_bus_message *reply, void *userdata, sd_bus_error *unused)
{
	const struct service *service = userdata;
	const sd_bus_error *e = sd_bus_message_get_error(reply);

	(void)unused;
	/* One that came may have gone again. */
	if (e && !sd_bus_error_has_name(e, "org.freedesktop.systemd1.NoSuchUnit"))
		log_service(service->log, LOG_WARNING,
			    "a part of the host cannot be kept from the CPUs that VMs have for "
			    "themselves: %s",
			    e->message ? e->message : e->name);
	return 0;
}

static void part_set(const struct part *part, const GArray *cpus)
{
	const struct sched_unit_properties properties = {.set_cpus = TRUE, .cpus = cpus};
	struct service *service = part->confine->service;

	(void)sched_unit_set(bus_broker(service->bus), part->unit, &properties, on_set, service,
			     NULL);
}

static void part_confine(const struct part *part)
{
	g_autoptr(GArray) share = host_confine_share(part->own, part->confine->left);

	if (!share)
		log_service(part->confine->service->log, LOG_WARNING,
			    "VMs have all CPUs that %s is allowed (AllowedCPUs=%s) for themselves: "
			    "it may use the others until they end",
			    part->unit, part->own);
	part_set(part, share ? share : part->confine->left);
}

static int on_own(sd_bus_message *reply, void *userdata, sd_bus_error *unused)
{
	struct part *part = userdata;
	const void *bytes = NULL;
	size_t n = 0;

	(void)unused;
	part->call = sd_bus_slot_unref(part->call);
	if (sd_bus_message_is_method_error(reply, NULL) ||
	    sd_bus_message_enter_container(reply, 'v', "ay") < 0 ||
	    sd_bus_message_read_array(reply, 'y', &bytes, &n) < 0) {
		g_hash_table_remove(part->confine->parts, part->unit);
		return 0;
	}
	part->own = host_confine_list(bytes, n);
	/* Before it is changed: what is there afterwards is not the administrator's. */
	own_write(part->confine);
	part_confine(part);
	return 0;
}

static const char *unit_interface(const char *unit)
{
	static const struct {
		const char *suffix, *interface;
	} kinds[] = {
		{".slice", "org.freedesktop.systemd1.Slice"},
		{".scope", "org.freedesktop.systemd1.Scope"},
		{".service", "org.freedesktop.systemd1.Service"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
		if (g_str_has_suffix(unit, kinds[i].suffix))
			return g_str_equal(unit, VMS_SLICE) ? NULL : kinds[i].interface;
	return NULL;
}

static void part_ask(struct part *part)
{
	char *path = NULL;

	if (sd_bus_path_encode(UNIT_PATH, part->unit, &path) < 0)
		return;
	if (sd_bus_call_method_async(bus_broker(part->confine->service->bus), &part->call,
				     "org.freedesktop.systemd1", path,
				     "org.freedesktop.DBus.Properties", "Get", on_own, part, "ss",
				     unit_interface(part->unit), "AllowedCPUs") < 0)
		g_hash_table_remove(part->confine->parts, part->unit);
	free(path);
}

static void confine_unit(struct host_confine *confine, const char *name)
{
	struct part *part = g_hash_table_lookup(confine->parts, name);

	if (!part && unit_interface(name)) {
		part = part_new(confine, name);
		part_ask(part);
	} else if (part && part->own) {
		part_confine(part);
	}
}

static void for_each_group(struct host_confine *confine,
			   void (*call)(struct host_confine *confine, const char *name))
{
	g_autoptr(GDir) top = g_dir_open(CGROUP_ROOT, 0, NULL);
	const char *name;

	while (top && (name = g_dir_read_name(top)))
		call(confine, name);
}

static void inherit_unit(struct host_confine *confine, const char *name)
{
	if (unit_interface(name) && !g_hash_table_contains(confine->parts, name))
		part_new(confine, name)->own = g_strdup("");
}

/* systemd 252 forgets an AllowedCPUs= that is taken back, but the cgroup keeps it. */
static void part_release(const struct part *part, const GArray *every)
{
	g_autoptr(GArray) own = part->own ? host_cpu_list_parse(part->own) : NULL;

	if (!own)
		return;
	if (own->len == 0)
		part_set(part, every);
	part_set(part, own);
}

static void release_all(struct host_confine *confine, const GArray *every)
{
	GHashTableIter iter;
	void *value;

	g_hash_table_iter_init(&iter, confine->parts);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		part_release(value, every);
	g_hash_table_remove_all(confine->parts);
	own_write(confine);
}

/* ---- units that come ------------------------------------------------------------------------- */

static int on_new_group(sd_event_source *source, const struct inotify_event *event, void *userdata)
{
	struct host_confine *confine = userdata;

	(void)source;
	if (!confine->left)
		return 0;
	if (event->mask & IN_Q_OVERFLOW)
		for_each_group(confine, confine_unit);
	else if (event->len > 0)
		confine_unit(confine, event->name);
	return 0;
}

static void watch_start(struct host_confine *confine)
{
	int r;

	if (confine->watch)
		return;
	r = sd_event_add_inotify(confine->service->event, &confine->watch, CGROUP_ROOT,
				 IN_CREATE | IN_ONLYDIR, on_new_group, confine);
	if (r < 0)
		log_service(confine->service->log, LOG_WARNING,
			    "%s cannot be watched: %s; what systemd starts at the top of its tree "
			    "from now on may use the CPUs that VMs have for themselves",
			    CGROUP_ROOT, g_strerror(-r));
}

/* ---- all of it ------------------------------------------------------------------------------- */

struct host_confine *host_confine_new(struct service *service, gboolean confined)
{
	struct host_confine *confine = g_new0(struct host_confine, 1);

	confine->service = service;
	confine->parts = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, part_free);
	if (confined)
		own_read(confine);
	return confine;
}

void host_confine_free(struct host_confine *confine)
{
	if (!confine)
		return;
	sd_event_source_disable_unref(confine->watch);
	g_hash_table_unref(confine->parts);
	g_clear_pointer(&confine->left, g_array_unref);
	g_free(confine);
}

void host_confine_set(struct host_confine *confine, const GArray *left, const GArray *every)
{
	g_clear_pointer(&confine->left, g_array_unref);
	if (confine->inherited)
		for_each_group(confine, inherit_unit);
	confine->inherited = FALSE;
	if (left) {
		confine->left = g_array_copy((GArray *)left);
		watch_start(confine);
		for_each_group(confine, confine_unit);
	} else {
		confine->watch = sd_event_source_disable_unref(confine->watch);
		release_all(confine, every);
	}
}
