/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The JSON of the host. Its members and their order are the contract of docs/json.md. */
#include "host_internal.h"
#include "host_topology.h"
#include "json_text.h"

static void add(struct json_object *object, const char *name, struct json_object *value)
{
	(void)json_object_object_add(object, name, value);
}

static void add_text(struct json_object *object, const char *name, const char *text)
{
	add(object, name, text ? json_object_new_string(text) : NULL);
}

static void add_number(struct json_object *object, const char *name, int64_t number)
{
	add(object, name, number >= 0 ? json_object_new_int64(number) : NULL);
}

static struct json_object *describe_processor(const struct host *host)
{
	struct json_object *object = json_object_new_object();

	add_text(object, "vendor", host->processor.vendor);
	add_text(object, "model", host->processor.model);
	add(object, "guest", json_object_new_boolean(host->processor.hypervisor));
	return object;
}

static struct json_object *describe_cpus(const struct host_topology *topology)
{
	struct json_object *cpus = json_object_new_array();

	for (guint i = 0; i < topology->cpus->len; i++) {
		const struct host_cpu *cpu = &g_array_index(topology->cpus, struct host_cpu, i);
		struct json_object *object = json_object_new_object();
		add_number(object, "cpu", cpu->id);
		add_number(object, "socket", cpu->socket);
		add_number(object, "core", cpu->core);
		add_number(object, "node", cpu->node);
		add_text(object, "siblings", cpu->siblings);
		(void)json_object_array_add(cpus, object);
	}
	return cpus;
}

static struct json_object *describe_nodes(const struct host_topology *topology)
{
	struct json_object *nodes = json_object_new_array();

	for (guint i = 0; i < topology->nodes->len; i++) {
		const struct host_node *node = &g_array_index(topology->nodes, struct host_node, i);
		struct json_object *object = json_object_new_object();
		add_number(object, "node", node->id);
		add_text(object, "cpus", node->cpus);
		add(object, "memory", json_object_new_uint64(node->memory));
		(void)json_object_array_add(nodes, object);
	}
	return nodes;
}

/* NULL (JSON null) when sysfs does not tell. */
static struct json_object *describe_topology(const struct host *host)
{
	g_autoptr(host_topology_t) topology = host_topology_read(host->sysfs_root, NULL);

	if (!topology)
		return NULL;
	struct json_object *object = json_object_new_object();
	add(object, "known", json_object_new_boolean(topology->known));
	add_number(object, "sockets", topology->sockets);
	add_number(object, "cores", topology->cores);
	add_number(object, "threads", topology->threads);
	add_number(object, "threadsPerCore", topology->threads_per_core);
	add_text(object, "online", topology->online);
	add_text(object, "offline", topology->offline);
	add(object, "cpus", describe_cpus(topology));
	add(object, "nodes", describe_nodes(topology));
	return object;
}

static struct json_object *describe_memory(const struct host *host)
{
	uint64_t total, available;

	if (!host_read_memory(host, &total, &available))
		return NULL;
	struct json_object *object = json_object_new_object();
	add(object, "total", json_object_new_uint64(total));
	add(object, "available", json_object_new_uint64(available));
	return object;
}

static struct json_object *describe_kvm(const struct host_kvm *kvm)
{
	struct json_object *object = json_object_new_object();

	add(object, "usable", json_object_new_boolean(kvm->usable));
	add_text(object, "reason", kvm->reason);
	add_number(object, "apiVersion", kvm->api_version);
	add_number(object, "maxVps", kvm->max_vps);
	add(object, "capabilities", json_object_get(kvm->capabilities));
	return object;
}

static struct json_object *describe_speed(const struct host_speed *speed)
{
	struct json_object *object = json_object_new_object();

	add_number(object, "kernel", speed->kernel > 0 ? speed->kernel : -1);
	add_number(object, "user", speed->user > 0 ? speed->user : -1);
	return object;
}

static const struct host_speed *speed_of(const struct host *host, enum definition_engine engine)
{
	return engine == ENGINE_TRANSLATE ? &host->translate.speed : &host->kvm.speed;
}

/* What a VM that asks for the engine would be told. */
static struct json_object *describe_engine(const struct host *host, enum definition_engine asked)
{
	struct json_object *object = json_object_new_object();
	static const struct host_speed unknown = {0};
	g_autoptr(GError) error = NULL;
	g_autofree char *reason = NULL;
	const char *engine = host_choose_engine(host, asked, NULL, &reason, &error);

	if (asked == ENGINE_AUTO) {
		add_text(object, "engine", engine);
	} else {
		add_text(object, "name", definition_engine_name(asked));
		add(object, "available", json_object_new_boolean(engine != NULL));
	}
	if (engine && asked != ENGINE_AUTO) {
		g_autofree char *why = asked == ENGINE_TRANSLATE ? host_explain_translate(host)
								 : host_explain_direct(host);
		add_text(object, "reason", why);
	} else {
		add_text(object, "reason", engine ? reason : error->message);
	}
	if (asked != ENGINE_AUTO)
		add(object, "speed", describe_speed(engine ? speed_of(host, asked) : &unknown));
	return object;
}

char *host_describe(const struct host *host, const char *launch, struct json_object *scheduling,
		    struct json_object *power)
{
	g_autoptr(json_value_t) object = json_object_new_object();
	struct json_object *engines = json_object_new_array();

	(void)json_object_array_add(engines, describe_engine(host, ENGINE_DIRECT));
	(void)json_object_array_add(engines, describe_engine(host, ENGINE_TRANSLATE));
	add_text(object, "kernel", host->kernel);
	add(object, "processor", describe_processor(host));
	add_text(object, "virtualization", host->kvm.virtualization);
	add(object, "topology", describe_topology(host));
	add(object, "scheduling", scheduling);
	add(object, "power", power);
	add(object, "memory", describe_memory(host));
	add(object, "kvm", describe_kvm(&host->kvm));
	add(object, "engines", engines);
	add(object, "auto", describe_engine(host, ENGINE_AUTO));
	add_text(object, "launch", launch);
	return json_text_print(object);
}
