/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "definition_read.h"

#include <json-c/json.h>
#include <string.h>

#include "worker_error.h"

#define MEMORY_MIN     (1ull << 20)
#define MEMORY_MAX     (16ull << 40)
#define MEMORY_DEFAULT (512ull << 20)
#define PAGE_SIZE_     4096ull
#define CMDLINE_MAX    2047u
#define PATH_MAX_      4095u
#define JSON_DEPTH     8

typedef struct json_object json_object_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_object_t, json_object_put)
typedef struct json_tokener json_tokener_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_tokener_t, json_tokener_free)

G_GNUC_PRINTF(3, 4)
static gboolean fault(GError **error, const char *path, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error(error, WORKER_ERROR, WORKER_ERROR_INVALID_DEFINITION, "definition: %s: %s",
		    path, text);
	return FALSE;
}

/* NULL is a member that only vmmsd acts on. */
typedef gboolean (*member_read)(struct vm_definition *definition, struct json_object *value,
				const char *path, GError **error);
struct member {
	const char *name;
	member_read read;
};

static gboolean members_read(struct vm_definition *definition, struct json_object *object,
			     const char *path, const struct member *members, size_t n,
			     GError **error)
{
	if (!json_object_is_type(object, json_type_object))
		return fault(error, path, "this is not an object; give one");

	json_object_object_foreach (object, key, value) {
		const struct member *member = NULL;
		for (size_t i = 0; i < n && !member; i++) {
			if (strcmp(members[i].name, key) == 0)
				member = &members[i];
		}
		g_autofree char *escaped = g_strescape(key, NULL);
		g_autofree char *member_path = g_strdup_printf("%s.%.64s", path, escaped);
		if (!member)
			return fault(
				error, member_path,
				"this worker does not know the member; remove it or update vmms");
		if (member->read && !member->read(definition, value, member_path, error))
			return FALSE;
	}
	return TRUE;
}

/* A string without NUL bytes, of at most max bytes, in UTF-8. */
static const char *string_read(struct json_object *value, size_t max, const char *path,
			       GError **error)
{
	if (!json_object_is_type(value, json_type_string)) {
		fault(error, path, "this is not a string; give one");
		return NULL;
	}

	const char *text = json_object_get_string(value);
	size_t size = (size_t)json_object_get_string_len(value);
	if (size > max || strlen(text) != size || !g_utf8_validate(text, (gssize)size, NULL)) {
		fault(error, path,
		      "the text is longer than %zu bytes, or not UTF-8, or holds a NUL; shorten or mend it",
		      max);
		return NULL;
	}
	return text;
}

static gboolean integer_read(struct json_object *value, int64_t min, int64_t max, const char *path,
			     int64_t *ret, GError **error)
{
	if (!json_object_is_type(value, json_type_int))
		return fault(error, path, "this is not an integer; give one");

	/* json-c saturates, so a number beyond int64 is out of every range here. */
	int64_t number = json_object_get_int64(value);
	if (number < min || number > max)
		return fault(error, path,
			     "%" G_GINT64_FORMAT " is out of range; give %" G_GINT64_FORMAT
			     " to %" G_GINT64_FORMAT,
			     number, min, max);
	*ret = number;
	return TRUE;
}

static gboolean version_read(struct vm_definition *definition, struct json_object *value,
			     const char *path, GError **error)
{
	int64_t version = 0;

	(void)definition;
	return integer_read(value, 1, 1, path, &version, error);
}

static gboolean name_read(struct vm_definition *definition, struct json_object *value,
			  const char *path, GError **error)
{
	const char *text = string_read(value, VMMS_NAME_MAX, path, error);

	if (!text)
		return FALSE;
	if (!text[0])
		return fault(error, path, "the name is empty; give one");
	definition->name = g_strdup(text);
	return TRUE;
}

static gboolean engine_read(struct vm_definition *definition, struct json_object *value,
			    const char *path, GError **error)
{
	static const char *const engines[] = {"auto", "direct", "translate"};
	const char *text = string_read(value, 32, path, error);

	if (!text)
		return FALSE;
	for (size_t i = 0; i < G_N_ELEMENTS(engines); i++) {
		if (strcmp(text, engines[i]) == 0) {
			definition->engine = engines[i];
			return TRUE;
		}
	}
	return fault(error, path, "there is no engine of that name; use auto, direct or translate");
}

static gboolean cpus_count_read(struct vm_definition *definition, struct json_object *value,
				const char *path, GError **error)
{
	int64_t count = 0;

	if (!integer_read(value, 1, VMMS_MAX_VPS, path, &count, error))
		return FALSE;
	definition->cpus = (uint32_t)count;
	return TRUE;
}

/* vmmsd sends a topology with nothing left open. */
static gboolean topology_part_read(uint32_t *ret, struct json_object *value, const char *path,
				   GError **error)
{
	int64_t count = 0;

	if (!integer_read(value, 1, VMMS_MAX_VPS, path, &count, error))
		return FALSE;
	*ret = (uint32_t)count;
	return TRUE;
}

static gboolean sockets_read(struct vm_definition *definition, struct json_object *value,
			     const char *path, GError **error)
{
	return topology_part_read(&definition->sockets, value, path, error);
}

static gboolean cores_read(struct vm_definition *definition, struct json_object *value,
			   const char *path, GError **error)
{
	return topology_part_read(&definition->cores, value, path, error);
}

static gboolean threads_read(struct vm_definition *definition, struct json_object *value,
			     const char *path, GError **error)
{
	return topology_part_read(&definition->threads, value, path, error);
}

static gboolean core_scheduling_read(struct vm_definition *definition, struct json_object *value,
				     const char *path, GError **error)
{
	const char *text = string_read(value, 32, path, error);

	if (!text)
		return FALSE;
	definition->core_per_vp = strcmp(text, "vcpu") == 0;
	definition->core_scheduling = definition->core_per_vp || strcmp(text, "vm") == 0;
	return definition->core_scheduling || strcmp(text, "off") == 0 ||
	       fault(error, path, "this is none of off, vm and vcpu; give one of them");
}

/* vmmsd acts on the others. */
static gboolean scheduling_read(struct vm_definition *definition, struct json_object *value,
				const char *path, GError **error)
{
	static const struct member members[] = {
		{"weight", NULL},	{"limit", NULL},
		{"reserve", NULL},	{"affinity", NULL},
		{"vcpuAffinity", NULL}, {"exclusive", NULL},
		{"background", NULL},	{"numaNode", NULL},
		{"placement", NULL},	{"coreScheduling", core_scheduling_read},
		{"group", NULL},	{"latency", NULL},
		{"deviceWeight", NULL}, {"coreSchedulingRequired", NULL},
	};

	return members_read(definition, value, path, members, G_N_ELEMENTS(members), error);
}

static gboolean topology_read(struct vm_definition *definition, struct json_object *value,
			      const char *path, GError **error)
{
	static const struct member members[] = {
		{"sockets", sockets_read},
		{"cores", cores_read},
		{"threadsPerCore", threads_read},
	};

	return members_read(definition, value, path, members, G_N_ELEMENTS(members), error);
}

static gboolean cpus_read(struct vm_definition *definition, struct json_object *value,
			  const char *path, GError **error)
{
	static const struct member members[] = {
		{"count", cpus_count_read},
		{"topology", topology_read},
		{"scheduling", scheduling_read},
	};

	return members_read(definition, value, path, members, G_N_ELEMENTS(members), error);
}

/* "512M": digits, then at most one of K, M, G, T. */
static gboolean size_parse(const char *text, uint64_t *ret)
{
	static const char suffixes[] = "KMGT";
	char *end = NULL;

	if (text[0] < '1' || text[0] > '9' || strlen(text) > 16)
		return FALSE;
	uint64_t value = g_ascii_strtoull(text, &end, 10);
	if (*end != '\0') {
		const char *suffix = strchr(suffixes, *end);
		if (!suffix || end[1] != '\0')
			return FALSE;
		if (!g_uint64_checked_mul(&value, value, 1ull << (10 * (suffix - suffixes + 1))))
			return FALSE;
	}
	*ret = value;
	return TRUE;
}

static gboolean memory_size_read(struct vm_definition *definition, struct json_object *value,
				 const char *path, GError **error)
{
	uint64_t size = 0;

	if (json_object_is_type(value, json_type_string)) {
		const char *text = string_read(value, 16, path, error);
		if (!text)
			return FALSE;
		if (!size_parse(text, &size))
			return fault(
				error, path,
				"this is not a size; give bytes, or a number with K, M, G or T");
	} else {
		int64_t number = 0;
		if (!integer_read(value, 0, INT64_MAX, path, &number, error))
			return FALSE;
		size = (uint64_t)number;
	}
	if (size < MEMORY_MIN || size > MEMORY_MAX || size % PAGE_SIZE_ != 0)
		return fault(error, path,
			     "%" G_GUINT64_FORMAT
			     " bytes cannot be had; give a multiple of 4096 from 1M to 16T",
			     size);
	definition->memory = size;
	return TRUE;
}

static gboolean memory_read(struct vm_definition *definition, struct json_object *value,
			    const char *path, GError **error)
{
	static const struct member members[] = {{"size", memory_size_read}};

	return members_read(definition, value, path, members, G_N_ELEMENTS(members), error);
}

static gboolean path_read(char **ret, struct json_object *value, const char *path, GError **error)
{
	const char *text = string_read(value, PATH_MAX_, path, error);

	if (!text)
		return FALSE;
	if (text[0] != '/')
		return fault(error, path, "the path is not absolute; begin it with /");
	*ret = g_strdup(text);
	return TRUE;
}

static gboolean kernel_read(struct vm_definition *definition, struct json_object *value,
			    const char *path, GError **error)
{
	return path_read(&definition->kernel, value, path, error);
}

static gboolean initrd_read(struct vm_definition *definition, struct json_object *value,
			    const char *path, GError **error)
{
	return path_read(&definition->initrd, value, path, error);
}

static gboolean cmdline_read(struct vm_definition *definition, struct json_object *value,
			     const char *path, GError **error)
{
	const char *text = string_read(value, CMDLINE_MAX, path, error);

	if (!text)
		return FALSE;
	definition->cmdline = g_strdup(text);
	return TRUE;
}

static gboolean boot_read(struct vm_definition *definition, struct json_object *value,
			  const char *path, GError **error)
{
	static const struct member members[] = {
		{"kernel", kernel_read},
		{"initrd", initrd_read},
		{"cmdline", cmdline_read},
	};

	return members_read(definition, value, path, members, G_N_ELEMENTS(members), error);
}

static gboolean policy_read(enum vm_policy *ret, struct json_object *value, const char *path,
			    GError **error)
{
	const char *text = string_read(value, 16, path, error);

	if (!text)
		return FALSE;
	if (strcmp(text, "restart") == 0)
		*ret = VM_POLICY_RESTART;
	else if (strcmp(text, "stop") == 0)
		*ret = VM_POLICY_STOP;
	else
		return fault(error, path, "this is not a policy; give restart or stop");
	return TRUE;
}

static gboolean on_reboot_read(struct vm_definition *definition, struct json_object *value,
			       const char *path, GError **error)
{
	return policy_read(&definition->on_reboot, value, path, error);
}

static gboolean on_crash_read(struct vm_definition *definition, struct json_object *value,
			      const char *path, GError **error)
{
	return policy_read(&definition->on_crash, value, path, error);
}

static gboolean disks_read(struct vm_definition *definition, struct json_object *value,
			   const char *path, GError **error)
{
	return device_list_read_disks(&definition->devices, value, path, error);
}

static gboolean nics_read(struct vm_definition *definition, struct json_object *value,
			  const char *path, GError **error)
{
	return device_list_read_nics(&definition->devices, value, path, error);
}

static gboolean hypervisor_read(struct vm_definition *definition, struct json_object *value,
				const char *path, GError **error)
{
	return device_list_read_hypervisor(&definition->devices, value, path, error);
}

static gboolean enlightenments_read(struct vm_definition *definition, struct json_object *value,
				    const char *path, GError **error)
{
	return device_list_read_enlightenments(&definition->devices, value, path, error);
}

static const struct member top_members[] = {
	{"version", version_read},
	{"name", name_read},
	{"uuid", NULL}, /* compared in document_check */
	{"description", NULL},
	{"engine", engine_read},
	{"cpus", cpus_read},
	{"memory", memory_read},
	{"boot", boot_read},
	{"disks", disks_read},
	{"nics", nics_read},
	{"hypervisor", hypervisor_read},
	{"enlightenments", enlightenments_read},
	{"autostart", NULL},
	{"stopAction", NULL},
	{"stopTimeout", NULL},
	{"stopOrder", NULL},
	{"onReboot", on_reboot_read},
	{"onCrash", on_crash_read},
};

/* What no single member can say. */
static gboolean document_check(const struct vm_definition *definition, struct json_object *root,
			       const char *uuid, GError **error)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(root, "version", NULL))
		return fault(error, "$.version", "the member is missing; give 1");
	if (!definition->name)
		return fault(error, "$.name", "the member is missing; give the name");
	if (json_object_object_get_ex(root, "uuid", &value)) {
		const char *text = string_read(value, 36, "$.uuid", error);
		if (!text)
			return FALSE;
		if (strcmp(text, uuid) != 0)
			return fault(
				error, "$.uuid",
				"this is not the machine of this worker, which is %s; send its own definition",
				uuid);
	}
	if ((uint64_t)definition->sockets * definition->cores * definition->threads !=
	    definition->cpus)
		return fault(error, "$.cpus.topology",
			     "%u sockets of %u cores of %u threads are not the %u processors; make "
			     "them equal",
			     definition->sockets, definition->cores, definition->threads,
			     definition->cpus);
	if (!definition->kernel)
		return fault(
			error, "$.boot.kernel",
			"the member is missing; name a kernel, there is no other way to boot yet");
	return TRUE;
}

static struct json_object *document_parse(const char *json, size_t size, GError **error)
{
	const uint32_t max = VMMS_MAX_MESSAGE;

	if (size > max) {
		fault(error, "$", "the document has %zu bytes; give at most %u", size, max);
		return NULL;
	}

	g_autoptr(json_tokener_t) tokener = json_tokener_new_ex(JSON_DEPTH);
	if (!tokener)
		g_error("out of memory"); /* as GLib does it */
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	struct json_object *root = json_tokener_parse_ex(tokener, json, (int)size);
	enum json_tokener_error why = json_tokener_get_error(tokener);
	if (!root || why != json_tokener_success || json_tokener_get_parse_end(tokener) != size) {
		json_object_put(root);
		fault(error, "$", "the text is not a JSON document (%s at byte %zu); mend it there",
		      why == json_tokener_success ? "trailing text" : json_tokener_error_desc(why),
		      json_tokener_get_parse_end(tokener));
		return NULL;
	}
	return root;
}

struct vm_definition *vm_definition_read(const char *json, size_t size, const char *uuid,
					 GError **error)
{
	g_autoptr(json_object_t) root = document_parse(json, size, error);
	if (!root)
		return NULL;

	struct vm_definition *definition = g_new0(struct vm_definition, 1);
	definition->engine = "auto";
	definition->cpus = 1;
	definition->memory = MEMORY_DEFAULT;
	definition->on_reboot = VM_POLICY_RESTART;
	definition->on_crash = VM_POLICY_STOP;
	device_list_init(&definition->devices);
	definition->sockets = definition->threads = 1;
	if (!members_read(definition, root, "$", top_members, G_N_ELEMENTS(top_members), error)) {
		vm_definition_free(definition);
		return NULL;
	}
	if (definition->cores == 0)
		definition->cores = definition->cpus;
	if (!document_check(definition, root, uuid, error)) {
		vm_definition_free(definition);
		return NULL;
	}
	device_list_number(&definition->devices, uuid);
	if (!definition->cmdline)
		definition->cmdline = g_strdup("");
	return definition;
}

gboolean vm_device_read(struct device_list *list, const char *json, size_t size, const char *uuid,
			GError **error)
{
	g_autoptr(json_object_t) root = document_parse(json, size, error);
	struct json_object *value = NULL;

	device_list_init(list);
	if (!root)
		return FALSE;
	if (json_object_is_type(root, json_type_object) && json_object_object_length(root) == 1) {
		if (json_object_object_get_ex(root, "disks", &value)) {
			if (!device_list_read_disks(list, value, "$.disks", error))
				return FALSE;
		} else if (json_object_object_get_ex(root, "nics", &value)) {
			if (!device_list_read_nics(list, value, "$.nics", error))
				return FALSE;
		}
	}
	if (list->n_disks + list->n_nics != 1)
		return fault(error, "$", "this is not one disk or one adapter; give one");
	device_list_number(list, uuid);
	return TRUE;
}

void vm_definition_free(struct vm_definition *definition)
{
	if (!definition)
		return;
	g_free(definition->name);
	g_free(definition->kernel);
	g_free(definition->initrd);
	g_free(definition->cmdline);
	device_list_clear(&definition->devices);
	g_free(definition);
}
