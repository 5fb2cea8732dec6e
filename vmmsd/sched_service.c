/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sched_service.h"

#include <json-c/json.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "bus.h"
#include "cgroup_dir.h"
#include "cpu_groups.h"
#include "host_cpu_list.h"
#include "host_file.h"
#include "json_text.h"
#include "operation.h"
#include "power.h"
#include "sched_core.h"
#include "sched_cpus.h"
#include "sched_internal.h"
#include "sched_threads.h"
#include "sched_unit.h"
#include "worker.h"
#include "worker_spawn.h"

struct sched *sched_new(struct service *service)
{
	struct sched *sched = g_new0(struct sched, 1);
	g_autoptr(GError) error = NULL;

	sched->service = service;
	sched->entries =
		g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, sched_entry_free);
	sched->groups = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, sched_branch_free);
	sched->gone = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	sched->topology = host_topology_read(SCHED_SYSFS, &error);
	if (error)
		log_service(service->log, LOG_WARNING, "%s", error->message);
	g_clear_error(&error);
	if (service->units) {
		sched->kind = SCHED_BY_SYSTEMD;
		sched->has_cpuset = TRUE;
	} else {
		sched->base = cgroup_base_take(CGROUP_ROOT, SCHED_PROC, sd_booted() > 0, &error);
		sched->kind = sched->base ? SCHED_BY_CGROUP : SCHED_BY_AFFINITY;
		sched->has_cpuset = sched->base && cgroup_has_controller(sched->base, "cpuset");
	}
	if (error)
		sched->unavailable = g_strdup(error->message);
	sched_exclude_open(sched);
	return sched;
}

void sched_free(struct sched *sched)
{
	if (!sched)
		return;
	g_hash_table_unref(sched->entries);
	g_hash_table_unref(sched->groups);
	g_hash_table_unref(sched->gone);
	host_topology_free(sched->topology);
	g_free(sched->base);
	g_free(sched->unavailable);
	sched_exclude_close(sched);
	g_free(sched);
}

/* ---- plans ----------------------------------------------------------------------------------- */

/* Reads the topology again when CPUs came or went. Returns whether they did. */
static gboolean refresh_topology(struct sched *sched)
{
	g_autofree char *text = host_file_read(SCHED_SYSFS, "devices/system/cpu/online");
	struct host_topology *topology;

	if (!text || (sched->topology && g_str_equal(text, sched->topology->online)))
		return FALSE;
	topology = host_topology_read(SCHED_SYSFS, NULL);
	if (!topology)
		return FALSE;
	host_topology_free(sched->topology);
	sched->topology = topology;
	return TRUE;
}

/* Oldest first, so that placement moves the younger; those that are still starting last. */
static int by_start(gconstpointer a, gconstpointer b)
{
	const struct vm *x = *(const struct vm *const *)a, *y = *(const struct vm *const *)b;
	uint64_t s = x->started_us ? x->started_us : UINT64_MAX;
	uint64_t t = y->started_us ? y->started_us : UINT64_MAX;

	if (s != t)
		return s < t ? -1 : 1;
	return strcmp(x->definition->uuid, y->definition->uuid);
}

static GPtrArray *active_vms(const struct sched *sched, const struct vm *except)
{
	const GPtrArray *vms = vm_registry_sorted(sched->service->registry);
	GPtrArray *active = g_ptr_array_new();

	for (guint i = 0; i < vms->len; i++) {
		const struct vm *vm = vms->pdata[i];

		if (vm != except && vm_state_is_active(vm->state))
			g_ptr_array_add(active, vms->pdata[i]);
	}
	g_ptr_array_sort(active, by_start);
	return active;
}

static void plan_add(struct sched_plan *plan, const struct definition *definition)
{
	sched_plan_add(plan, definition->name, definition->cpus, &definition->sched);
}

/* was: what the VM wishes so far, if it runs. */
static gboolean check(struct sched *sched, const struct vm *vm, const struct definition *definition,
		      const struct sched_definition *was, GError **error)
{
	g_autoptr(GPtrArray) others = active_vms(sched, vm);
	g_autoptr(sched_plan_t) plan = sched_plan_new(cpu_groups_all(sched->service->groups));

	(void)refresh_topology(sched);
	if (!sched->topology)
		return TRUE;
	for (guint i = 0; i < others->len; i++)
		plan_add(plan, ((const struct vm *)others->pdata[i])->definition);
	plan_add(plan, definition);
	return sched_plan_check_edit(plan, was, sched->topology, error);
}

gboolean sched_check_start(struct sched *sched, const struct vm *vm, GError **error)
{
	return check(sched, vm, vm->definition, NULL, error);
}

gboolean sched_check_edit(struct sched *sched, const struct vm *vm, const struct definition *to,
			  GError **error)
{
	return !vm_state_is_active(vm->state) ||
	       check(sched, vm, to, &vm->definition->sched, error);
}

/* A list that was there before may name CPUs that went offline since. */
static gboolean check_group_cpus(const struct sched *sched, const struct cpu_group *group,
				 GError **error)
{
	const struct cpu_group *was =
		cpu_group_find(cpu_groups_all(sched->service->groups), group->name);
	g_autofree char *what = g_strdup_printf("group %s: cpus", group->name);
	g_autoptr(GArray) online = host_cpu_list_parse(sched->topology->online);
	g_autoptr(GArray) offline = host_cpu_list_parse(sched->topology->offline);

	if (was && was->cpus && group->cpus && sched_cpus_equal(was->cpus, group->cpus))
		return TRUE;
	return !group->cpus || !online || !offline ||
	       sched_cpus_check(group->cpus, online, offline, what, error);
}

gboolean sched_check_group(struct sched *sched, const struct cpu_group *group, GError **error)
{
	g_autoptr(GPtrArray) vms = active_vms(sched, NULL);
	g_autoptr(GPtrArray) with = cpu_groups_with(sched->service->groups, group);
	g_autoptr(sched_plan_t) plan = sched_plan_new(with);

	if (!cpu_group_check(with, group, error))
		return FALSE;
	(void)refresh_topology(sched);
	if (!sched->topology)
		return TRUE;
	if (!check_group_cpus(sched, group, error))
		return FALSE;
	for (guint i = 0; i < vms->len; i++)
		plan_add(plan, ((const struct vm *)vms->pdata[i])->definition);
	if (sched_plan_check_groups(plan, cpu_groups_all(sched->service->groups), sched->topology,
				    error))
		return TRUE;
	g_prefix_error(error, "group %s: ", group->name);
	return FALSE;
}

static void tell_moved(const struct sched *sched, struct sched_entry *entry,
		       const struct sched_member *member)
{
	gboolean moved = member->moved || member->strayed;

	if (moved && !entry->moved)
		vm_tell(sched->service, entry->vm, "cpus-lost",
			member->moved ? "none of the CPUs of its affinity is online any more; it "
					"runs on the others"
				      : "none of the CPUs of one of its processors can be used any "
					"more; that one runs on the others of the VM");
	else if (!moved && entry->moved)
		vm_tell(sched->service, entry->vm, "cpus-back",
			"CPUs of its affinity are online again; it runs there");
	entry->moved = moved;
}

/* The shortest of those that VMs which run ask for. */
static void update_latency(const struct sched *sched, const GPtrArray *vms)
{
	uint32_t latency = POWER_NO_LATENCY;

	for (guint i = 0; i < vms->len; i++) {
		const struct vm *vm = vms->pdata[i];

		if (vm->definition->sched.latency >= 0)
			latency = MIN(latency, (uint32_t)vm->definition->sched.latency);
	}
	power_set_vm_latency(sched->service->power, latency);
}

/* One whose worker is only to be found again is where an earlier vmmsd has put it. NULL: nowhere.
 */
static char *current_cpus(const struct vm *vm)
{
	if (vm->sched)
		return g_strdup(vm->sched->cpus);
	if (vm->worker_pid == 0)
		return NULL;
	g_autoptr(GArray) bound = sched_thread_bound((pid_t)vm->worker_pid);
	return host_cpu_list_format(bound);
}

static void update(struct sched *sched, const struct vm *starting)
{
	g_autoptr(GPtrArray) vms = active_vms(sched, NULL);
	g_autoptr(sched_plan_t) plan = sched_plan_new(cpu_groups_all(sched->service->groups));
	g_autoptr(GError) error = NULL;

	update_latency(sched, vms);
	(void)refresh_topology(sched);
	if (!sched->topology)
		return;
	for (guint i = 0; i < vms->len; i++) {
		g_autofree char *current = current_cpus(vms->pdata[i]);

		plan_add(plan, ((const struct vm *)vms->pdata[i])->definition);
		sched_plan_set_current(plan, current);
	}
	if (!sched_plan_make(plan, sched->topology, &error))
		log_service(sched->service->log, LOG_WARNING, "%s; not all of them are kept now",
			    error->message);
	sched_exclude(sched, plan->taken);
	sched_hierarchy_apply(sched, plan);
	for (guint i = 0; i < vms->len; i++) {
		struct sched_entry *entry = g_hash_table_lookup(sched->entries, vms->pdata[i]);
		const struct sched_member *member =
			&g_array_index(plan->members, struct sched_member, i);

		if (!entry && vms->pdata[i] == starting)
			sched_unit_prepare(sched, starting, member);
		if (!entry)
			continue;
		tell_moved(sched, entry, member);
		sched_entry_apply(entry, member);
	}
	sched_hierarchy_tidy(sched, plan);
}

void sched_update(struct sched *sched)
{
	update(sched, NULL);
}

void sched_look(struct sched *sched)
{
	if (g_hash_table_size(sched->entries) > 0 && refresh_topology(sched))
		sched_update(sched);
}

/* ---- the life of a VM ------------------------------------------------------------------------ */

gboolean sched_unit_has_settings(const struct sched *sched, const struct vm *vm)
{
	g_autofree char *unit = worker_unit_name(vm);

	return sched->kind == SCHED_BY_SYSTEMD && sched_unit_is_set(unit);
}

void sched_vm_deleted(const struct sched *sched, const char *uuid)
{
	if (sched->kind != SCHED_BY_SYSTEMD)
		return;
	for (gboolean translates = FALSE; translates <= TRUE; translates++) {
		g_autofree char *unit = worker_unit_of(uuid, translates);

		sched_unit_forget(bus_broker(sched->service->bus), unit);
	}
}

void sched_prepare(struct sched *sched, const struct vm *vm)
{
	/* Where vmmsd spawns it, a worker is in vmmsd's own cgroup until it is added. */
	if (sched->kind == SCHED_BY_SYSTEMD)
		update(sched, vm);
}

void sched_add(struct sched *sched, const struct worker *worker)
{
	struct sched_entry *entry = g_new0(struct sched_entry, 1);

	entry->sched = sched;
	entry->vm = worker->vm;
	entry->pid = worker->pid;
	entry->weight = 100; /* what a cgroup has from its birth */
	entry->node = -1;
	entry->unsure = worker->vm->state != VM_STATE_STARTING ||
			sched_unit_has_settings(sched, worker->vm);
	sched_entry_open(entry);
	g_hash_table_replace(sched->entries, worker->vm, entry);
	sched_update(sched);
}

void sched_threads_changed(struct sched *sched, const struct vm *vm)
{
	struct sched_entry *entry = g_hash_table_lookup(sched->entries, vm);
	g_autoptr(GArray) cpus = NULL;

	if (!entry || !vm->sched)
		return;
	cpus = host_cpu_list_parse(vm->sched->cpus);
	sched_entry_apply_threads(entry, cpus);
}

void sched_remove(struct sched *sched, struct vm *vm)
{
	struct sched_entry *entry = g_hash_table_lookup(sched->entries, vm);

	g_clear_pointer(&vm->sched, sched_state_free);
	if (entry) {
		entry->gone = TRUE;
		g_hash_table_remove(sched->entries, vm);
	}
	/* One that ended before it was added was planned for all the same. */
	sched_update(sched);
}

/* ---- for "host" ----------------------------------------------------------------------------- */

struct json_object *sched_describe(const struct sched *sched)
{
	struct json_object *object = json_object_new_object();
	g_autofree char *core_reason = NULL;
	gboolean core = sched_core_available(&core_reason);
	const char *note = sched->unavailable ? sched->unavailable : "";

	if (!sched->topology)
		note = "sysfs does not list the CPUs, so VMs run as the kernel likes";
	(void)json_object_object_add(object, "mechanism",
				     json_object_new_string(sched_kind_name(sched->kind)));
	(void)json_object_object_add(object, "note", json_object_new_string(note));
	(void)json_object_object_add(object, "coreScheduling", json_object_new_boolean(core));
	(void)json_object_object_add(object, "coreSchedulingReason",
				     json_object_new_string(core ? "" : core_reason));
	return object;
}

/* ---- for the worker -------------------------------------------------------------------------- */

char *sched_worker_document(const struct sched *sched, const struct definition *definition)
{
	struct topology_guest t = {0};
	guint host_threads = sched->topology ? MAX(sched->topology->threads_per_core, 1) : 1;

	/* sched_check_start has seen that it can be resolved, unless the host changed since: then
	 * the worker refuses what is left open. */
	if (!definition->sched.has_topology ||
	    !topology_guest_resolve(&definition->sched.topology, definition->cpus, host_threads, &t,
				    NULL))
		return g_strdup(definition->json);
	g_autoptr(json_value_t) document = json_tokener_parse(definition->json);
	struct json_object *topology =
		json_object_object_get(json_object_object_get(document, "cpus"), "topology");
	(void)json_object_object_add(topology, "sockets", json_object_new_int64(t.sockets));
	(void)json_object_object_add(topology, "cores", json_object_new_int64(t.cores));
	(void)json_object_object_add(topology, "threadsPerCore", json_object_new_int64(t.threads));
	return json_text_print(document);
}
