/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "domain_import.h"

#include <string.h>

#include "import_part.h"
#include "json_text.h"

#define PAGE 4096u

/* ---- identity -------------------------------------------------------------------------------- */

static void import_engine(struct importing *import, xmlNode *domain)
{
	static const struct import_choice types[] = {
		{"kvm", "direct", NULL},
		{"qemu", "translate", NULL},
		{"test", "auto", NULL},
		{NULL, NULL,
		 "is the type of another hypervisor; only kvm and qemu can be taken over"},
	};
	g_autofree char *type = xml_take_attribute(domain, "type");

	if (!type)
		import_fail(import, domain, NULL, XML_TREE_ERROR_INVALID,
			    "a domain needs the attribute type");
	import->translated =
		import->given & DOMAIN_GIVEN_TRANSLATE ||
		(g_strcmp0(type, "qemu") == 0 && !(import->given & DOMAIN_GIVEN_ENGINE));
	/* A machine of ours that takes what there is has this type, too. */
	if (g_strcmp0(type, "kvm") == 0 && import->kept &&
	    json_object_object_get_ex(import->kept, "engine", NULL))
		return;
	import_put_text(import->definition, "engine",
			import_choose(import, domain, "type", type, types));
}

/* libvirt takes any case and any or no hyphens; we keep lower case with all of them. */
static void import_uuid(struct importing *import, xmlNode *domain)
{
	xmlNode *element = xml_take_child(domain, "uuid");
	g_autofree char *text = element ? xml_text(element) : NULL;
	g_autoptr(GString) uuid = g_string_new(NULL);
	const char *c = text;

	if (!text)
		return;
	for (; *c; c++) {
		if (*c == '-')
			continue;
		if (uuid->len == 8 || uuid->len == 13 || uuid->len == 18 || uuid->len == 23)
			g_string_append_c(uuid, '-');
		if (!g_ascii_isxdigit(*c) || uuid->len == 36)
			break;
		g_string_append_c(uuid, g_ascii_tolower(*c));
	}
	if (uuid->len != 36 || *c) {
		g_autofree char *shown = json_text_excerpt(text);
		import_fail(import, element, NULL, XML_TREE_ERROR_INVALID,
			    "\"%s\" is not a uuid; give 32 hexadecimal digits", shown);
		return;
	}
	import_put_text(import->definition, "uuid", uuid->str);
}

static void import_identity(struct importing *import, xmlNode *domain)
{
	g_autofree char *name = xml_take_text(domain, "name");
	g_autofree char *title = xml_take_text(domain, "title");
	xmlNode *element = xml_take_child(domain, "description");
	g_autofree char *description =
		element ? (char *)xmlNodeGetContent(element) : NULL; /* with its white space */
	g_autofree char *both =
		title && description ? g_strdup_printf("%s\n%s", title, description) : NULL;

	if (!name)
		import_fail(import, domain, NULL, XML_TREE_ERROR_INVALID,
			    "a domain needs the element name");
	import_put_text(import->definition, "name", name);
	import_uuid(import, domain);
	import_put_text(import->definition, "description",
			both	? both
			: title ? title
				: description);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static gboolean unit_bytes(const char *unit, uint64_t *ret)
{
	static const char powers[] = "kMGTPE";
	const char *at = unit[0] == 'K' ? powers : strchr(powers, unit[0]);
	gboolean decimal = unit[0] && g_str_equal(unit + 1, "B");

	*ret = 1;
	if (g_str_equal(unit, "b") || g_str_equal(unit, "bytes"))
		return TRUE;
	if (!at || !*at || (unit[1] && !decimal && !g_str_equal(unit + 1, "iB")))
		return FALSE;
	for (ptrdiff_t i = 0; i <= at - powers; i++)
		*ret *= decimal ? 1000 : 1024;
	return TRUE;
}

/* In bytes; FALSE: absent, or INVALID. */
static gboolean memory_bytes(struct importing *import, xmlNode *element, uint64_t *ret)
{
	g_autofree char *text = element ? xml_text(element) : NULL;
	g_autofree char *unit = xml_take_attribute(element, "unit");
	uint64_t value, bytes;

	if (!text)
		return FALSE;
	if (!unit_bytes(unit ? unit : "KiB", &bytes)) {
		import_fail(import, element, "unit", XML_TREE_ERROR_INVALID,
			    "it is not a unit; give b, KiB, MiB, GiB or TiB");
		return FALSE;
	}
	/* 16 TiB is the most that a definition takes, so this cannot overflow. */
	if (!import_number(import, element, text, (UINT64_C(1) << 44) / bytes, &value))
		return FALSE;
	*ret = value * bytes;
	return TRUE;
}

static void import_memory(struct importing *import, xmlNode *domain)
{
	xmlNode *element = xml_take_child(domain, "memory");
	xmlNode *current = xml_take_child(domain, "currentMemory");
	uint64_t bytes = 0, now = 0;

	if (!memory_bytes(import, element, &bytes))
		import_fail(import, domain, NULL, XML_TREE_ERROR_INVALID,
			    "a domain needs the element memory");
	if (bytes % PAGE) {
		import_note(import, element, NULL, "rounded up to a whole page of 4096 bytes");
		bytes += PAGE - bytes % PAGE;
	}
	if (memory_bytes(import, current, &now) && now != bytes)
		import_note(import, current, NULL, "the guest gets all of memory: no balloon");
	import_put_number(import_object(import->definition, "memory"), "size", bytes);
}

/* ---- what it boots --------------------------------------------------------------------------- */

static void import_machine(struct importing *import, xmlNode *os)
{
	xmlNode *type = xml_take_child(os, "type");
	g_autofree char *text = type ? xml_text(type) : NULL;
	g_autofree char *arch = xml_take_attribute(type, "arch");

	if (g_strcmp0(text, "hvm") != 0)
		import_fail(import, type ? type : os, NULL, XML_TREE_ERROR_NOT_SUPPORTED,
			    "only whole machines (hvm) can be taken over");
	if (arch && g_str_equal(arch, "i686"))
		import_note(import, type, "arch", "the machine is an x86_64 that runs i686, too");
	else if (arch && !g_str_equal(arch, "x86_64"))
		import_fail(import, type, "arch", XML_TREE_ERROR_NOT_SUPPORTED,
			    "only x86_64 machines can be taken over");
}

static void import_boot(struct importing *import, xmlNode *domain)
{
	static const char *const names[] = {"kernel", "initrd", "cmdline"};
	xmlNode *os = xml_take_child(domain, "os");
	struct json_object *boot;

	if (!os) {
		import_fail(import, domain, NULL, XML_TREE_ERROR_INVALID,
			    "a domain needs the element os");
		return;
	}
	import_machine(import, os);
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *text = xml_take_text(os, names[i]);

		if (text && *text)
			import_put_text(import_object(import->definition, "boot"), names[i], text);
	}
	boot = json_object_object_get(import->definition, "boot");
	if (!import->kept && !(import->given & DOMAIN_GIVEN_KERNEL) &&
	    !(boot && json_object_object_get(boot, "kernel")))
		import_fail(import, os, NULL, XML_TREE_ERROR_NOT_SUPPORTED,
			    "firmware (BIOS or UEFI) boots it, which this version has not; give a "
			    "kernel of the guest with --kernel and --initrd");
}

/* ---- enlightenments -------------------------------------------------------------------------- */

static void switch_one(struct importing *import, xmlNode *hyperv, const char *theirs,
		       const char *ours)
{
	xmlNode *element = xml_take_child(hyperv, theirs);
	g_autofree char *state = xml_take_attribute(element, "state");

	if (element)
		import_put_boolean(import_object(import->definition, "enlightenments"), ours,
				   import_is_on(state, FALSE));
}

/* These are always there: only a domain that does without says something. */
static void take_when_on(xmlNode *parent, const char *name)
{
	xmlNode *element = xml_take_child(parent, name);
	g_autofree char *state = xml_take_attribute(element, "state");

	if (element && !import_is_on(state, TRUE)) {
		element->_private = NULL;
		xmlHasProp(element, BAD_CAST "state")->_private = NULL;
	}
}

static void import_hyperv(struct importing *import, xmlNode *hyperv)
{
	static const struct import_choice switches[] = {
		{"runtime", "vpRuntime", NULL},	      {"synic", "synic", NULL},
		{"stimer", "stimer", NULL},	      {"reset", "reset", NULL},
		{"frequencies", "frequencies", NULL}, {"spinlocks", "spinWait", NULL},
		{"tlbflush", "tlbFlush", NULL},	      {"ipi", "ipi", NULL},
		{"vapic", "apicAssist", NULL},
	};
	g_autofree char *mode = xml_take_attribute(hyperv, "mode");

	for (size_t i = 0; i < G_N_ELEMENTS(switches); i++)
		switch_one(import, hyperv, switches[i].theirs, switches[i].ours);
	switch_one(import, xml_take_child(hyperv, "stimer"), "direct", "stimerDirect");
	if (g_strcmp0(mode, "custom") != 0 && mode)
		import_note(import, hyperv, "mode", "each enlightenment is as vmms has it");
	take_when_on(hyperv, "vpindex");
	take_when_on(hyperv, "relaxed");
}

static void import_features(struct importing *import, xmlNode *domain)
{
	xmlNode *features = xml_take_child(domain, "features");
	xmlNode *hyperv = import->translated ? NULL : xml_take_child(features, "hyperv");

	(void)xml_take_child(features, "acpi");
	(void)xml_take_child(features, "apic");
	(void)xml_take_child(features, "pae");
	if (hyperv)
		import_hyperv(import, hyperv);
}

/* hypervclock is both ways of Hyper-V's to tell the time. */
static void import_clock(struct importing *import, xmlNode *domain)
{
	xmlNode *clock = xml_take_child(domain, "clock");
	g_autofree char *offset = xml_take_attribute(clock, "offset");

	if (offset && !g_str_equal(offset, "utc"))
		import_note(import, clock, "offset", "the clock of the machine counts UTC");
	for (xmlNode *timer = clock ? clock->children : NULL; timer; timer = timer->next) {
		g_autofree char *name = (char *)xmlGetNoNsProp(timer, BAD_CAST "name");
		g_autofree char *present = (char *)xmlGetNoNsProp(timer, BAD_CAST "present");
		gboolean on = import_is_on(present, TRUE);

		if (import->translated || g_strcmp0(name, "hypervclock") != 0)
			continue;
		xml_mark_all(timer);
		import_put_boolean(import_object(import->definition, "enlightenments"),
				   "referenceCounter", on);
		import_put_boolean(import_object(import->definition, "enlightenments"),
				   "referenceTsc", on);
	}
}

/* ---- its ends -------------------------------------------------------------------------------- */

static void import_ends(struct importing *import, xmlNode *domain)
{
	static const char *const refused =
		"is not what a machine can do at that moment; give destroy or restart";
	const struct {
		const char *theirs, *ours;
		struct import_choice choices[7];
	} ends[] = {
		{"on_poweroff",
		 NULL,
		 {{"destroy", "", NULL},
		  {"preserve", "", "its console and result are kept until the next start"},
		  {"restart", NULL, "would start it again, which vmms does not; give destroy"}}},
		{"on_reboot",
		 "onReboot",
		 {{"restart", "restart", NULL},
		  {"destroy", "stop", NULL},
		  {"preserve", NULL, refused}}},
		{"on_crash",
		 "onCrash",
		 {{"destroy", "stop", NULL},
		  {"restart", "restart", NULL},
		  {"preserve", "stop", "what the guest said of its crash is kept, memory is not"},
		  {"coredump-destroy", "stop", "no dump of memory is written"},
		  {"coredump-restart", "restart", "no dump of memory is written"},
		  {"rename-restart", NULL, refused}}},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
		xmlNode *element = xml_take_child(domain, ends[i].theirs);
		g_autofree char *text = element ? xml_text(element) : NULL;
		const char *ours = import_choose(import, element, NULL, text, ends[i].choices);

		if (ours && ends[i].ours)
			import_put_text(import->definition, ends[i].ours, ours);
	}
}

/* ---- what was ours --------------------------------------------------------------------------- */

static void take_kept(struct importing *import, xmlNode *domain)
{
	xmlNode *metadata = xml_take_child(domain, "metadata");

	for (xmlNode *node = metadata ? metadata->children : NULL; node; node = node->next) {
		g_autofree char *text = NULL;

		if (node->type != XML_ELEMENT_NODE || !node->ns ||
		    !xmlStrEqual(node->ns->href, BAD_CAST IMPORT_NAMESPACE) || import->kept)
			continue;
		xml_mark_all(node);
		text = xml_text(node);
		import->kept = json_text_parse(text, XML_TREE_MAX_BYTES, NULL);
		if (!json_object_is_type(import->kept, json_type_object))
			import_fail(import, node, NULL, XML_TREE_ERROR_INVALID,
				    "it is not what hvctl show -o libvirt-xml writes; remove it");
	}
}

/* Members that the XML has no word for; what it says counts. */
static void merge_kept(struct json_object *into, struct json_object *kept)
{
	json_object_object_foreach (kept, name, value) {
		struct json_object *there = json_object_object_get(into, name);

		if (!there)
			(void)json_object_object_add(into, name, json_object_get(value));
		else if (json_object_is_type(there, json_type_object) &&
			 json_object_is_type(value, json_type_object))
			merge_kept(there, value);
	}
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void import_domain(struct importing *import, xmlNode *domain)
{
	xmlNode *devices;

	xml_mark(domain);
	import_put_number(import->definition, "version", 1);
	take_kept(import, domain);
	import_engine(import, domain);
	import_identity(import, domain);
	import_memory(import, domain);
	import_processors(import, domain);
	import_scheduling(import, domain);
	import_boot(import, domain);
	import_features(import, domain);
	import_clock(import, domain);
	import_ends(import, domain);
	devices = xml_take_child(domain, "devices");
	if (devices) {
		import_disks(import, devices);
		import_nics(import, devices);
	}
	import_rest(import, domain);
	if (import->kept && !import->error) {
		json_object_object_del(import->kept, "adapters");
		json_object_object_del(import->kept, "mtus");
		json_object_object_del(import->kept, "pins");
		json_object_object_del(import->kept, "serials");
		merge_kept(import->definition, import->kept);
	}
}

char *domain_import(const char *xml, size_t size, unsigned given, GPtrArray *notes, GError **error)
{
	struct importing import = {.notes = notes, .given = given};
	g_autoptr(xml_doc_t) doc = xml_tree_parse(xml, size, error);
	xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
	char *json = NULL;

	if (!doc)
		return NULL;
	if (!xmlStrEqual(root->name, BAD_CAST "domain") || root->ns) {
		g_set_error(error, XML_TREE_ERROR, XML_TREE_ERROR_INVALID,
			    "this is not the XML of a domain: its first element is not domain");
		return NULL;
	}
	import.definition = json_object_new_object();
	import_domain(&import, root);
	if (import.error)
		g_propagate_error(error, import.error);
	else
		json = json_text_print(import.definition);
	json_object_put(import.definition);
	json_object_put(import.kept);
	return json;
}
