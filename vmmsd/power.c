/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "power.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "host_power.h"
#include "json_schema.h"
#include "json_text.h"
#include "service_error.h"

#define POLICY_SETTING	 "power_policy"
#define ORIGINAL_SETTING "power_original"
#define DOCUMENT_MAX	 1024u
#define ORIGINAL_MAX	 1048576u
#define CHOICES_MAX	 4

/* schemas/json/power.schema.json (vmms_embed). */
extern const char vmms_power_schema[];

struct power {
	struct store *store;
	const char *sysfs_root, *latency_path;
	struct json_object *policy; /* as the schema has it */
	GString *note;		    /* what of the policy cannot be had */
	char *latency_fault;
	uint32_t vm_latency;
	uint32_t held; /* POWER_NO_LATENCY: nothing */
	int fd;	       /* of latency_path, or -1 */
};

/* What a policy means; of each knob the first value that the host offers. */
static const struct plan {
	const char *name;
	const char *values[HOST_POWER_KNOB_N][CHOICES_MAX];
	uint32_t latency;
} plans[] = {
	{"performance", {{"performance"}, {"performance"}}, 20},
	{"balanced",
	 {{"schedutil", "ondemand", "conservative", "powersave"},
	  {"balance_performance", "default"}},
	 POWER_NO_LATENCY},
	{"saver", {{"powersave", "conservative"}, {"power", "balance_power"}}, POWER_NO_LATENCY},
};

static const char *member_text(const struct power *power, const char *name)
{
	return json_object_get_string(json_object_object_get(power->policy, name));
}

G_GNUC_PRINTF(2, 3) static void note_add(GString *note, const char *format, ...)
{
	va_list args;

	if (note->len > 0)
		g_string_append(note, "; ");
	va_start(args, format);
	g_string_append_vprintf(note, format, args);
	va_end(args);
}

/* ---- what is asked for ----------------------------------------------------------------------- */

static struct json_object *policy_parse(const char *json, GError **error)
{
	g_autoptr(json_schema_t) schema = json_schema_new(vmms_power_schema, NULL);
	g_autoptr(GError) local = NULL;
	g_autoptr(json_value_t) value = json_text_parse(json, DOCUMENT_MAX, &local);
	gboolean custom;

	g_assert(schema); /* A part of this very program. */
	if (!value || !json_schema_check(schema, value, &local)) {
		g_propagate_prefixed_error(error, g_steal_pointer(&local), "power: ");
		return NULL;
	}
	custom = g_str_equal(json_object_get_string(json_object_object_get(value, "policy")),
			     "custom");
	if (custom == (json_object_object_length(value) > 1))
		return g_steal_pointer(&value);
	g_set_error_literal(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_DEFINITION,
			    custom ? "power: the policy custom needs a governor, an energy "
				     "preference or a latency; give one of them"
				   : "power: only the policy custom takes a governor, an energy "
				     "preference or a latency; leave them out");
	return NULL;
}

static const struct plan *plan_of(const struct power *power)
{
	for (gsize i = 0; i < G_N_ELEMENTS(plans); i++) {
		if (g_str_equal(plans[i].name, member_text(power, "policy")))
			return &plans[i];
	}
	return NULL;
}

static uint32_t policy_latency(const struct power *power)
{
	const struct plan *plan = plan_of(power);
	struct json_object *own = json_object_object_get(power->policy, "latency");

	if (plan)
		return plan->latency;
	return own ? (uint32_t)json_object_get_int64(own) : POWER_NO_LATENCY;
}

/* The value that the policy sets; NULL: none, and perhaps the note says why. */
static const char *choose(const struct power *power, enum host_power_knob knob, GString *note)
{
	g_auto(GStrv) choices = host_power_choices(power->sysfs_root, knob);
	const struct plan *plan = plan_of(power);

	if (!plan)
		return member_text(power, host_power_knob_name(knob));
	for (gsize i = 0; choices && i < CHOICES_MAX && plan->values[knob][i]; i++) {
		if (g_strv_contains((const char *const *)choices, plan->values[knob][i]))
			return plan->values[knob][i];
	}
	note_add(note, "%s: not supported by this host", host_power_knob_name(knob));
	return NULL;
}

static gboolean check_custom(const struct power *power, struct json_object *policy, GError **error)
{
	for (enum host_power_knob knob = 0; knob < HOST_POWER_KNOB_N; knob++) {
		const char *name = host_power_knob_name(knob);
		const char *value = json_object_get_string(json_object_object_get(policy, name));
		g_auto(GStrv) choices = host_power_choices(power->sysfs_root, knob);

		if (!value || (choices && g_strv_contains((const char *const *)choices, value)))
			continue;
		g_autofree char *list = choices ? g_strjoinv(", ", choices) : NULL;
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_NOT_SUPPORTED,
			    "power: %s \"%s\" is not supported by this host, which has %s%s", name,
			    value, list ? list : "none that can be chosen",
			    list ? ": choose one of them" : ": leave it out");
		return FALSE;
	}
	return TRUE;
}

/* ---- sysfs ----------------------------------------------------------------------------------- */

/* Before anything is changed, and once: what is there later is our own. */
static gboolean record(struct power *power, GError **error)
{
	g_autoptr(GPtrArray) policies = host_power_policies(power->sysfs_root);
	g_autoptr(json_value_t) all = json_object_new_object();
	g_autofree char *before = NULL, *text = NULL;

	if (!store_get_setting(power->store, ORIGINAL_SETTING, &before, error))
		return FALSE;
	if (before && *before)
		return TRUE;
	for (guint i = 0; i < policies->len; i++) {
		struct json_object *one = json_object_new_object();

		for (enum host_power_knob knob = 0; knob < HOST_POWER_KNOB_N; knob++) {
			g_autofree char *value =
				host_power_read(power->sysfs_root, policies->pdata[i], knob);
			if (value)
				(void)json_object_object_add(one, host_power_knob_name(knob),
							     json_object_new_string(value));
		}
		(void)json_object_object_add(all, policies->pdata[i], one);
	}
	text = json_text_print(all);
	return store_set_setting(power->store, ORIGINAL_SETTING, text, error);
}

/* The governor first: some take only one energy preference. */
static void undo(struct power *power)
{
	g_autoptr(json_value_t) all = NULL;
	g_autofree char *text = NULL;

	if (!store_get_setting(power->store, ORIGINAL_SETTING, &text, NULL) || !text || !*text)
		return;
	all = json_text_parse(text, ORIGINAL_MAX, NULL);
	if (json_object_is_type(all, json_type_object)) {
		json_object_object_foreach (all, policy, one) {
			for (enum host_power_knob knob = 0; knob < HOST_POWER_KNOB_N; knob++) {
				const char *value = json_object_get_string(
					json_object_object_get(one, host_power_knob_name(knob)));
				if (value && !strchr(policy, '/'))
					(void)host_power_write(power->sysfs_root, policy, knob,
							       value, NULL);
			}
		}
	}
	(void)store_set_setting(power->store, ORIGINAL_SETTING, "", NULL);
}

static void apply_knob(struct power *power, enum host_power_knob knob)
{
	g_autoptr(GPtrArray) policies = host_power_policies(power->sysfs_root);
	const char *value = choose(power, knob, power->note);
	g_autoptr(GError) error = NULL;

	for (guint i = 0; value && !error && i < policies->len; i++)
		(void)host_power_write(power->sysfs_root, policies->pdata[i], knob, value, &error);
	if (error)
		note_add(power->note, "%s", error->message);
}

/* ---- latency --------------------------------------------------------------------------------- */

static void hold(struct power *power)
{
	uint32_t wanted = MIN(policy_latency(power), power->vm_latency);
	int32_t value = (int32_t)wanted;

	g_clear_pointer(&power->latency_fault, g_free);
	if (wanted == power->held)
		return;
	power->held = POWER_NO_LATENCY;
	if (wanted == POWER_NO_LATENCY) {
		if (power->fd >= 0)
			(void)close(power->fd);
		power->fd = -1;
		return;
	}
	if (power->fd < 0)
		power->fd = open(power->latency_path, O_WRONLY | O_CLOEXEC);
	if (power->fd >= 0 && pwrite(power->fd, &value, sizeof(value), 0) == sizeof(value)) {
		power->held = wanted;
		return;
	}
	power->latency_fault = g_strdup_printf("latency: not supported by this host (%s: %s)",
					       power->latency_path, g_strerror(errno));
}

void power_set_vm_latency(struct power *power, uint32_t microseconds)
{
	power->vm_latency = microseconds;
	hold(power);
}

const char *power_latency_fault(const struct power *power)
{
	return power->latency_fault;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static gboolean apply(struct power *power, GError **error)
{
	g_string_truncate(power->note, 0);
	/* From the host's own again, so that nothing of another policy stays. */
	undo(power);
	if (!g_str_equal(member_text(power, "policy"), "host")) {
		if (!record(power, error))
			return FALSE;
		for (enum host_power_knob knob = 0; knob < HOST_POWER_KNOB_N; knob++)
			apply_knob(power, knob);
	}
	hold(power);
	return TRUE;
}

struct power *power_new(struct store *store, const char *sysfs_root, const char *latency_path,
			gboolean new_boot, GError **error)
{
	g_autoptr(json_value_t) policy = NULL;
	g_autofree char *text = NULL;
	struct power *power;

	if (!store_get_setting(store, POLICY_SETTING, &text, error) ||
	    (new_boot && !store_set_setting(store, ORIGINAL_SETTING, "", error)))
		return NULL;
	policy = policy_parse(text ? text : "{\"policy\":\"host\"}", error);
	if (!policy)
		return NULL;
	power = g_new0(struct power, 1);
	*power = (struct power){
		.store = store,
		.sysfs_root = sysfs_root,
		.latency_path = latency_path,
		.policy = g_steal_pointer(&policy),
		.note = g_string_new(NULL),
		.vm_latency = POWER_NO_LATENCY,
		.held = POWER_NO_LATENCY,
		.fd = -1,
	};
	if (apply(power, error))
		return power;
	power_free(power);
	return NULL;
}

void power_free(struct power *power)
{
	if (!power)
		return;
	if (power->fd >= 0)
		(void)close(power->fd);
	json_object_put(power->policy);
	g_string_free(power->note, TRUE);
	g_free(power->latency_fault);
	g_free(power);
}

gboolean power_set(struct power *power, const char *json, GError **error)
{
	g_autoptr(json_value_t) policy = policy_parse(json, error);
	g_autofree char *text = policy ? json_text_print(policy) : NULL;

	if (!policy || !check_custom(power, policy, error) ||
	    !store_set_setting(power->store, POLICY_SETTING, text, error))
		return FALSE;
	json_object_put(power->policy);
	power->policy = g_steal_pointer(&policy);
	return apply(power, error);
}

void power_restore(struct power *power)
{
	if (power)
		undo(power);
}

static void add_choices(const struct power *power, struct json_object *object, const char *name,
			enum host_power_knob knob)
{
	g_auto(GStrv) choices = host_power_choices(power->sysfs_root, knob);
	struct json_object *list = json_object_new_array();

	for (char **choice = choices; choice && *choice; choice++)
		(void)json_object_array_add(list, json_object_new_string(*choice));
	(void)json_object_object_add(object, name, list);
}

struct json_object *power_describe(const struct power *power)
{
	g_autoptr(GPtrArray) policies = host_power_policies(power->sysfs_root);
	struct json_object *object = host_power_frequencies(power->sysfs_root);
	g_autoptr(GString) note = g_string_new(power->note->str);

	if (power->latency_fault)
		note_add(note, "%s", power->latency_fault);
	(void)json_object_object_add(object, "policy",
				     json_object_new_string(member_text(power, "policy")));
	for (enum host_power_knob knob = 0; knob < HOST_POWER_KNOB_N; knob++) {
		g_autofree char *value =
			policies->len > 0
				? host_power_read(power->sysfs_root, policies->pdata[0], knob)
				: NULL;
		(void)json_object_object_add(object, host_power_knob_name(knob),
					     value ? json_object_new_string(value) : NULL);
	}
	add_choices(power, object, "governors", HOST_POWER_GOVERNOR);
	add_choices(power, object, "epps", HOST_POWER_EPP);
	(void)json_object_object_add(
		object, "latency",
		power->held != POWER_NO_LATENCY ? json_object_new_int64(power->held) : NULL);
	(void)json_object_object_add(object, "note", json_object_new_string(note->str));
	return object;
}
