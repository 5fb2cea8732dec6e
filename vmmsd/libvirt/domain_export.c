/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "domain_export.h"

#include <libxml/chvalid.h>
#include <string.h>

#include "definition.h"
#include "definition_member.h"
#include "export_part.h"
#include "import_part.h"
#include "json_text.h"
#include "service_error.h"

/* ---- building -------------------------------------------------------------------------------- */

xmlNode *export_element(xmlNode *parent, const char *name, const char *format, ...)
{
	g_autofree char *content = NULL;
	va_list args;

	if (format) {
		va_start(args, format);
		content = g_strdup_vprintf(format, args);
		va_end(args);
	}
	return xmlNewTextChild(parent, NULL, BAD_CAST name, BAD_CAST content);
}

void export_attribute(xmlNode *element, const char *name, const char *format, ...)
{
	g_autofree char *value = NULL;
	va_list args;

	va_start(args, format);
	value = g_strdup_vprintf(format, args);
	va_end(args);
	(void)xmlNewProp(element, BAD_CAST name, BAD_CAST value);
}

static void put_optional(xmlNode *parent, const char *name, const char *value)
{
	if (value && *value)
		(void)export_element(parent, name, "%s", value);
}

/* ---- kept in metadata ------------------------------------------------------------------------ */

static void keep(struct json_object *kept, struct json_object *from, const char *name)
{
	struct json_object *value = member(from, name);

	if (value)
		(void)json_object_object_add(kept, name, json_object_get(value));
}

static void keep_all(struct json_object *kept, struct json_object *from, const char *const *names)
{
	for (; *names; names++)
		keep(kept, from, *names);
}

static struct json_object *kept_scheduling(const struct exporting *export)
{
	return import_object(import_object(export->kept, "cpus"), "scheduling");
}

static void keep_enlightenments(struct exporting *export, struct json_object *all)
{
	static const char *const names[] = {"tscInvariant", "guestIdle", "crash", NULL};

	keep_all(import_object(export->kept, "enlightenments"), all, names);
}

static void keep_rest(struct exporting *export)
{
	static const char *const top[] = {"autostart", "stopAction", "stopTimeout", "stopOrder",
					  NULL};
	static const char *const time[] = {
		"reserve",	"group",     "exclusive",      "background",
		"latency",	"placement", "coreScheduling", "coreSchedulingRequired",
		"deviceWeight", NULL};
	struct json_object *scheduling = member(member(export->definition, "cpus"), "scheduling");

	keep_all(export->kept, export->definition, top);
	if (scheduling)
		keep_all(kept_scheduling(export), scheduling, time);
	if (g_str_equal(text(export->definition, "engine"), "auto"))
		keep(export->kept, export->definition, "engine");
}

/* ---- processors ------------------------------------------------------------------------------ */

static void put_weight(struct exporting *export, xmlNode *cputune, struct json_object *scheduling)
{
	uint64_t weight = number(scheduling, "weight"), shares = weight * export->cpus;

	/* What cgroups of both versions take; without it libvirt's default is as ours. */
	if (shares >= 2 && shares <= 10000 && weight != 100)
		(void)export_element(cputune, "shares", "%" G_GUINT64_FORMAT, shares);
	else
		keep(kept_scheduling(export), scheduling, "weight");
}

static void put_pins(struct exporting *export, xmlNode *cputune, struct json_object *scheduling)
{
	struct json_object *sets = member(scheduling, "vcpuAffinity");
	size_t n = sets ? json_object_array_length(sets) : 0;

	if (n > 0)
		import_put_number(export->kept, "pins", n);
	for (size_t i = 0; i < n; i++) {
		const char *set = json_object_get_string(json_object_array_get_idx(sets, i));
		xmlNode *pin;

		if (g_str_equal(set, "all"))
			continue;
		pin = export_element(cputune, "vcpupin", NULL);
		export_attribute(pin, "vcpu", "%zu", i);
		export_attribute(pin, "cpuset", "%s", set);
	}
}

static void put_scheduling(struct exporting *export, xmlNode *domain)
{
	struct json_object *scheduling = member(member(export->definition, "cpus"), "scheduling");
	xmlNode *cputune = export_element(domain, "cputune", NULL), *memory;

	if (!scheduling)
		return;
	put_weight(export, cputune, scheduling);
	if (member(scheduling, "limit")) {
		(void)export_element(cputune, "global_period", "100000");
		(void)export_element(cputune, "global_quota", "%u",
				     number(scheduling, "limit") * 1000);
	}
	put_pins(export, cputune, scheduling);
	if (!member(scheduling, "numaNode"))
		return;
	memory = export_element(export_element(domain, "numatune", NULL), "memory", NULL);
	export_attribute(memory, "mode", "strict");
	export_attribute(memory, "nodeset", "%u", number(scheduling, "numaNode"));
}

static void put_vcpu(struct exporting *export, xmlNode *domain)
{
	struct json_object *scheduling = member(member(export->definition, "cpus"), "scheduling");
	const char *affinity = scheduling ? text(scheduling, "affinity") : NULL;
	xmlNode *vcpu = export_element(domain, "vcpu", "%u", export->cpus);

	export_attribute(vcpu, "placement", "static");
	if (affinity)
		export_attribute(vcpu, "cpuset", "%s", affinity);
}

static void put_cpu(struct exporting *export, xmlNode *domain)
{
	struct json_object *cpus = member(export->definition, "cpus");
	struct json_object *topology = member(cpus, "topology");
	xmlNode *cpu = export_element(domain, "cpu", NULL), *element;

	export_attribute(cpu, "mode", export->translated ? "maximum" : "host-passthrough");
	if (topology && member(topology, "cores") && number(topology, "threadsPerCore") > 0) {
		element = export_element(cpu, "topology", NULL);
		export_attribute(element, "sockets", "%u", number(topology, "sockets"));
		export_attribute(element, "dies", "1");
		export_attribute(element, "cores", "%u", number(topology, "cores"));
		export_attribute(element, "threads", "%u", number(topology, "threadsPerCore"));
	} else {
		keep(import_object(export->kept, "cpus"), cpus, "topology");
	}
	if (!g_str_equal(text(export->definition, "hypervisor"), "hidden"))
		return;
	element = export_element(cpu, "feature", NULL);
	export_attribute(element, "policy", "disable");
	export_attribute(element, "name", "hypervisor");
}

/* ---- the rest of the machine ----------------------------------------------------------------- */

static void put_boot(const struct exporting *export, xmlNode *domain)
{
	struct json_object *boot = member(export->definition, "boot");
	xmlNode *os = export_element(domain, "os", NULL);
	xmlNode *type = export_element(os, "type", "hvm");

	export_attribute(type, "arch", "x86_64");
	put_optional(os, "kernel", text(boot, "kernel"));
	put_optional(os, "initrd", text(boot, "initrd"));
	put_optional(os, "cmdline", text(boot, "cmdline"));
}

static void put_state(xmlNode *parent, const char *name, gboolean on)
{
	xmlNode *element = export_element(parent, name, NULL);

	export_attribute(element, "state", on ? "on" : "off");
	if (on && g_str_equal(name, "spinlocks"))
		export_attribute(element, "retries", "4096");
}

static gboolean has(struct json_object *enlightenments, const char *name)
{
	return json_object_get_boolean(member(enlightenments, name));
}

static void put_features(struct exporting *export, xmlNode *domain)
{
	struct json_object *all = member(export->definition, "enlightenments");
	xmlNode *features = export_element(domain, "features", NULL), *hyperv;

	(void)export_element(features, "acpi", NULL);
	(void)export_element(features, "apic", NULL);
	/* QEMU's translator has none of them, and does not start with one. */
	if (export->translated)
		return;
	hyperv = export_element(features, "hyperv", NULL);
	export_attribute(hyperv, "mode", "custom");
	put_state(hyperv, "relaxed", TRUE);
	put_state(hyperv, "vpindex", TRUE);
	put_state(hyperv, "spinlocks", has(all, "spinWait"));
	put_state(hyperv, "runtime", has(all, "vpRuntime"));
	put_state(hyperv, "synic", has(all, "synic"));
	put_state(hyperv, "stimer", has(all, "stimer"));
	put_state(hyperv, "reset", has(all, "reset"));
	put_state(hyperv, "frequencies", has(all, "frequencies"));
	put_state(hyperv->last->prev->prev, "direct", has(all, "stimerDirect"));
	put_state(hyperv, "vapic", has(all, "apicAssist"));
	put_state(hyperv, "tlbflush", has(all, "tlbFlush"));
	put_state(hyperv, "ipi", has(all, "ipi"));
	keep_enlightenments(export, all);
}

static void put_clock(struct exporting *export, xmlNode *domain)
{
	static const char *const names[] = {"referenceCounter", "referenceTsc", NULL};
	struct json_object *all = member(export->definition, "enlightenments");
	xmlNode *clock = export_element(domain, "clock", NULL), *timer;

	export_attribute(clock, "offset", "utc");
	if (export->translated)
		return;
	if (has(all, names[0]) != has(all, names[1])) {
		keep_all(import_object(export->kept, "enlightenments"), all, names);
		return;
	}
	timer = export_element(clock, "timer", NULL);
	export_attribute(timer, "name", "hypervclock");
	export_attribute(timer, "present", has(all, names[0]) ? "yes" : "no");
}

static void put_ends(const struct exporting *export, xmlNode *domain)
{
	const char *reboot = text(export->definition, "onReboot");
	const char *crash = text(export->definition, "onCrash");

	(void)export_element(domain, "on_poweroff", "destroy");
	(void)export_element(domain, "on_reboot", "%s",
			     g_str_equal(reboot, "restart") ? "restart" : "destroy");
	(void)export_element(domain, "on_crash", "%s",
			     g_str_equal(crash, "restart") ? "restart" : "destroy");
}

static void put_identity(const struct exporting *export, xmlNode *domain)
{
	(void)export_element(domain, "name", "%s", text(export->definition, "name"));
	(void)export_element(domain, "uuid", "%s", text(export->definition, "uuid"));
	put_optional(domain, "description", text(export->definition, "description"));
}

static void put_memory(const struct exporting *export, xmlNode *domain)
{
	uint64_t bytes =
		json_object_get_uint64(member(member(export->definition, "memory"), "size"));
	xmlNode *memory = export_element(domain, "memory", "%" G_GUINT64_FORMAT, bytes / 1024);

	export_attribute(memory, "unit", "KiB");
}

static void put_metadata(const struct exporting *export, xmlNode *metadata)
{
	g_autofree char *json = json_text_print(export->kept);
	xmlNode *element = xmlNewTextChild(metadata, NULL, BAD_CAST "definition", BAD_CAST json);

	xmlSetNs(element, xmlNewNs(element, BAD_CAST IMPORT_NAMESPACE, BAD_CAST "vmms"));
}

static void put_domain(struct exporting *export, xmlNode *domain)
{
	xmlNode *metadata;

	export_attribute(domain, "type", export->translated ? "qemu" : "kvm");
	put_identity(export, domain);
	metadata = export_element(domain, "metadata", NULL);
	put_memory(export, domain);
	put_vcpu(export, domain);
	put_scheduling(export, domain);
	put_boot(export, domain);
	put_features(export, domain);
	put_cpu(export, domain);
	put_clock(export, domain);
	put_ends(export, domain);
	export_devices(export, domain);
	keep_rest(export);
	put_metadata(export, metadata);
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* JSON has characters that XML 1.0 has not, escaped or otherwise. */
static gboolean check_text(const char *value, GError **error)
{
	for (const char *c = value; *c; c = g_utf8_next_char(c)) {
		unsigned int point = g_utf8_get_char(c);

		if (xmlIsCharQ(point))
			continue;
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_DEFINITION,
			    "the definition has the character U+%04X in a text, which XML cannot "
			    "have; remove it with hvctl edit",
			    point);
		return FALSE;
	}
	return TRUE;
}

static gboolean check_texts(struct json_object *value, GError **error)
{
	if (json_object_is_type(value, json_type_string))
		return check_text(json_object_get_string(value), error);
	if (json_object_is_type(value, json_type_object)) {
		json_object_object_foreach (value, name, inner) {
			(void)name;
			if (!check_texts(inner, error))
				return FALSE;
		}
	}
	for (size_t i = 0;
	     json_object_is_type(value, json_type_array) && i < json_object_array_length(value);
	     i++) {
		if (!check_texts(json_object_array_get_idx(value, i), error))
			return FALSE;
	}
	return TRUE;
}

static char *print(xmlDoc *doc)
{
	xmlChar *text = NULL;
	int size = 0;
	char *xml;

	xmlDocDumpFormatMemoryEnc(doc, &text, &size, "UTF-8", 1);
	xml = g_strndup((const char *)text, (gsize)size);
	xmlFree(text);
	return xml;
}

char *domain_export(const char *json, GError **error)
{
	g_autoptr(definition_t) definition = definition_parse(json, error);
	g_autoptr(json_value_t) document =
		definition ? json_text_parse(definition->json, SIZE_MAX, error) : NULL;
	g_autoptr(json_value_t) kept = json_object_new_object();
	g_autoptr(xml_doc_t) doc = xmlNewDoc(BAD_CAST "1.0");
	struct exporting export = {.definition = document, .kept = kept};
	xmlNode *root = xmlNewDocNode(doc, NULL, BAD_CAST "domain", NULL);

	(void)xmlDocSetRootElement(doc, root);
	if (!document || !check_texts(document, error))
		return NULL;
	export.cpus = definition->cpus;
	export.translated = definition->engine == ENGINE_TRANSLATE;
	put_domain(&export, root);
	return print(doc);
}
