/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One VM's part of a plan, brought into force by what this host offers. */
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#include "bus.h"
#include "cgroup_dir.h"
#include "host_cpu_list.h"
#include "operation.h"
#include "power.h"
#include "sched_core.h"
#include "sched_cpus.h"
#include "sched_internal.h"
#include "sched_share.h"
#include "sched_threads.h"
#include "sched_unit.h"
#include "systemd_unit.h"
#include "worker_spawn.h"

const char *sched_kind_name(enum sched_kind kind)
{
	static const char *const names[] = {
		[SCHED_BY_SYSTEMD] = "systemd",
		[SCHED_BY_CGROUP] = "cgroup",
		[SCHED_BY_AFFINITY] = "affinity",
	};

	return names[kind];
}

void sched_entry_free(void *data)
{
	struct sched_entry *entry = data;

	/* Where systemd runs the worker it removes what it made. */
	if (entry->dir && entry->sched->kind == SCHED_BY_CGROUP && entry->gone)
		cgroup_remove(entry->dir);
	sd_bus_slot_unref(entry->call);
	unit_job_forget(entry->moving);
	g_free(entry->unit);
	g_free(entry->branch);
	g_free(entry->wanted);
	g_free(entry->stuck);
	g_free(entry->dir);
	g_free(entry->cpus);
	g_free(entry->times);
	g_free(entry->refusal);
	g_free(entry->told);
	g_free(entry);
}

void sched_note_add(GString *note, const char *format, ...)
{
	va_list args;

	if (note->len > 0)
		g_string_append(note, "; ");
	va_start(args, format);
	g_string_append_vprintf(note, format, args);
	va_end(args);
}

/* ---- the cgroup ------------------------------------------------------------------------------ */

/* An adopted worker is where it is: vmmsd may have been started elsewhere this time. */
void sched_entry_open(struct sched_entry *entry)
{
	g_autofree char *devices = NULL;

	if (entry->sched->kind == SCHED_BY_AFFINITY)
		return;
	sched_entry_locate(entry);
	if (!entry->dir)
		return;
	devices = g_build_filename(entry->dir, CGROUP_DEVICES, NULL);
	entry->split = g_file_test(devices, G_FILE_TEST_IS_DIR);
}

/* ---- by systemd ------------------------------------------------------------------------------ */

static int on_unit_set(sd_bus_message *reply, void *userdata, sd_bus_error *unused)
{
	struct sched_entry *entry = userdata;
	const sd_bus_error *e = sd_bus_message_get_error(reply);

	(void)unused;
	entry->call = sd_bus_slot_unref(entry->call);
	g_clear_pointer(&entry->refusal, g_free);
	if (!e)
		return 0;
	entry->refusal = g_strdup_printf("systemd refused what is to be set for its unit (%s)",
					 e->message ? e->message : e->name);
	entry->unsure = TRUE; /* at the next plan everything is sent again */
	log_vm(entry->sched->service->log, LOG_WARNING, entry->vm, "%s", entry->refusal);
	if (entry->vm->sched) {
		g_free(entry->vm->sched->note);
		entry->vm->sched->note = g_strdup(entry->refusal);
	}
	return 0;
}

/* list: the CPUs, NULL: any. */
static void apply_systemd(struct sched_entry *entry, const struct sched_member *member,
			  const char *list, GString *note)
{
	const struct host_topology *topology = entry->sched->topology;
	g_autoptr(GArray) cpus = list ? host_cpu_list_parse(list) : g_array_ref(topology->every);
	g_autoptr(GArray) nodes = host_topology_every_node(topology);
	uint32_t node = (uint32_t)member->wish->numa_node;
	g_autofree char *unit = sched_entry_unit(entry);
	uint32_t whole = sched_split_apply(entry, member, note);
	struct sched_unit_properties p = {
		.set_weight = entry->unsure || entry->weight != member->cpu_weight,
		.weight = member->cpu_weight,
		.set_cpus = entry->unsure || g_strcmp0(entry->cpus, list) != 0,
		.cpus = cpus,
		.set_nodes = entry->unsure || entry->node != member->wish->numa_node,
		.nodes = nodes,
		.set_quota = entry->unsure || whole > 0 || entry->whole,
		.quota = whole,
	};
	int r = 0;

	if (member->wish->numa_node >= 0) {
		g_array_set_size(nodes, 0);
		g_array_append_val(nodes, node);
	}
	entry->whole = whole > 0;
	if (!p.set_weight && !p.set_cpus && !p.set_nodes && !p.set_quota) {
		if (entry->refusal)
			sched_note_add(note, "%s", entry->refusal);
		return;
	}
	/* A call that is under way is only no longer listened to. */
	g_clear_pointer(&entry->refusal, g_free);
	entry->call = sd_bus_slot_unref(entry->call);
	r = sched_unit_set(bus_broker(entry->sched->service->bus), unit, &p, on_unit_set, entry,
			   &entry->call);
	if (r < 0)
		sched_note_add(note, "systemd cannot be asked (%s)", g_strerror(-r));
	entry->unsure = r < 0;
}

/* A service starts beside the groups, and in the background it would perhaps never get to say that
 * it runs. What was set stays with the unit, so that sched_add sets all of it. */
void sched_unit_prepare(const struct sched *sched, const struct vm *vm,
			const struct sched_member *member)
{
	const struct sched_branch *branch = sched_branch_of(sched, vm);
	uint32_t weight = branch ? branch->weight : member->cpu_weight;
	g_autofree char *unit = worker_unit_name(vm);
	struct sched_unit_properties p = {
		.set_weight = TRUE,
		.weight = weight > 0 ? weight : SCHED_WEIGHT_DEFAULT,
	};

	if (p.weight != SCHED_WEIGHT_DEFAULT || sched_unit_has_settings(sched, vm))
		(void)sched_unit_set(bus_broker(sched->service->bus), unit, &p, NULL, NULL, NULL);
}

/* ---- by cgroups of vmmsd's own --------------------------------------------------------------- */

static void apply_cgroup(struct sched_entry *entry, const struct sched_member *member,
			 const char *list, GString *note)
{
	g_autofree char *node = member->wish->numa_node >= 0
					? g_strdup_printf("%d", member->wish->numa_node)
					: g_strdup("");
	uint32_t whole = sched_split_apply(entry, member, note);
	gboolean idle = member->cpu_weight == 0;
	g_autoptr(GError) error = NULL;
	gboolean right = TRUE;

	if (!entry->dir) {
		sched_note_add(note, "its cgroup could not be made; see the log of vmmsd");
		return;
	}
	if (entry->unsure || entry->weight != member->cpu_weight) {
		if (idle || entry->weight == 0 || entry->unsure)
			right = cgroup_write_number(entry->dir, "cpu.idle", idle ? 1 : 0,
						    idle ? &error : NULL) ||
				!idle; /* a kernel before 5.15 has no cpu.idle */
		if (right && !idle)
			right = cgroup_write_number(entry->dir, "cpu.weight", member->cpu_weight,
						    &error);
	}
	if (right && (whole > 0 || entry->whole))
		right = cgroup_write_quota(entry->dir, whole, &error);
	entry->whole = whole > 0;
	if (right && entry->sched->has_cpuset &&
	    (entry->unsure || g_strcmp0(entry->cpus, list) != 0))
		right = cgroup_write(entry->dir, "cpuset.cpus", list ? list : "\n", &error);
	if (right && entry->node != member->wish->numa_node)
		right = cgroup_write(entry->dir, "cpuset.mems", *node ? node : "\n", &error);
	entry->unsure = !right;
	if (!right)
		sched_note_add(note, "%s", error->message);
}

/* ---- threads --------------------------------------------------------------------------------- */

static gboolean binds_threads(const struct sched_entry *entry)
{
	return entry->vm->definition->sched.n_vcpu_affinity > 0 ||
	       (!entry->sched->has_cpuset && entry->cpus);
}

/* The CPUs of one thread: those of its processor, as far as the VM has them. */
static GArray *thread_cpus(const struct sched_entry *entry, const struct sched_thread *thread,
			   const GArray *cpus)
{
	const struct sched_definition *wish = &entry->vm->definition->sched;
	GArray *own = NULL;

	if (thread->vp < wish->n_vcpu_affinity && wish->vcpu_affinity[thread->vp])
		own = sched_cpus_and(wish->vcpu_affinity[thread->vp], cpus);
	if (own && own->len > 0)
		return own;
	g_clear_pointer(&own, g_array_unref);
	return g_array_copy((GArray *)cpus);
}

void sched_entry_apply_threads(struct sched_entry *entry, const GArray *cpus)
{
	const struct definition *definition = entry->vm->definition;
	g_autoptr(GArray) threads = NULL;

	/* One that was bound stays so until it is bound to all again. */
	if (!entry->split && !binds_threads(entry) && !entry->bound)
		return;
	threads = sched_threads_list(SCHED_PROC, entry->pid, definition->cpus);
	for (guint i = 0; i < threads->len; i++) {
		const struct sched_thread *thread = &g_array_index(threads, struct sched_thread, i);
		g_autoptr(GArray) own = thread_cpus(entry, thread, cpus);
		g_autoptr(GError) error = NULL;
		int r;

		if (!sched_split_enter(entry, thread, &error))
			log_vm(entry->sched->service->log, LOG_WARNING, entry->vm, "%s",
			       error->message);
		if (!binds_threads(entry) && !entry->bound)
			continue;
		r = sched_thread_bind(thread->tid, own);
		if (r < 0 && r != -ESRCH)
			log_vm(entry->sched->service->log, LOG_WARNING, entry->vm,
			       "its thread %d cannot be bound to CPUs: %s", (int)thread->tid,
			       g_strerror(-r));
	}
	entry->bound = binds_threads(entry);
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* What the definition asks for and this host has no means for. */
static void note_unavailable(const struct sched_entry *entry, GString *note)
{
	const struct sched_definition *wish = &entry->vm->definition->sched;
	const struct sched *sched = entry->sched;
	g_autoptr(GString) what = g_string_new(NULL);
	const struct {
		const char *name;
		gboolean asked;
	} rows[] = {
		{"weight", wish->weight != 100},
		{"limit", wish->limit > 0},
		{"deviceWeight", wish->device_weight > 0},
		{"reserve", wish->reserve > 0},
		{"background", wish->background},
		{"numaNode", wish->numa_node >= 0},
		{"the weight and the cap of its group", wish->group != NULL},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		if (rows[i].asked && sched->kind == SCHED_BY_AFFINITY)
			g_string_append_printf(what, "%s%s", what->len > 0 ? ", " : "",
					       rows[i].name);
	}
	if (what->len > 0)
		sched_note_add(note, "not available here: %s: %s", what->str, sched->unavailable);
	g_autofree char *core_reason = NULL;
	if (wish->core_scheduling && !sched_core_available(&core_reason))
		sched_note_add(note, "coreScheduling: %s", core_reason);
	if (wish->latency >= 0 && power_latency_fault(sched->service->power))
		sched_note_add(note, "%s", power_latency_fault(sched->service->power));
	if (wish->exclusive && sched->kind != SCHED_BY_SYSTEMD)
		sched_note_add(
			note, "exclusive keeps away other VMs only, not the rest of the host: that "
			      "takes a vmmsd under systemd");
}

/* What it asks for and is not given now. */
static void note_promises(const struct sched_member *member, GString *note)
{
	if (member->unkept && member->shortage)
		sched_note_add(note, "the reservation of %u %% cannot be kept now: %s",
			       member->wish->reserve, member->shortage);
	else if (member->unkept)
		sched_note_add(note,
			       "the reservation of %u %% cannot be kept now beside the others on "
			       "these CPUs",
			       member->wish->reserve);
	if (member->moved)
		sched_note_add(note, "none of the CPUs that it is bound to can be used now");
	else if (member->strayed)
		sched_note_add(note, "vcpuAffinity: none of the CPUs of a processor can be used "
				     "now, so that it runs on the others of the VM");
}

/* Told once, not only to those who look at "show": the VM runs, but not as it was asked. While it
 * is on its way into another cgroup, what is said of it is not all. */
static void tell_note(struct sched_entry *entry, const char *note)
{
	if (entry->moving || g_strcmp0(entry->told ? entry->told : "", note) == 0)
		return;
	if (*note)
		vm_tell(entry->sched->service, entry->vm, "scheduling-limited", note);
	else
		vm_tell(entry->sched->service, entry->vm, "scheduling-restored",
			"nothing of what its definition asks for is lacking any more");
	g_free(entry->told);
	entry->told = g_strdup(note);
}

static void state_set(struct sched_entry *entry, const struct sched_member *member,
		      const char *note)
{
	struct sched_state *state = g_new0(struct sched_state, 1);
	const struct sched *sched = entry->sched;
	GPtrArray *hints = NULL;

	if (member->bound)
		hints = placement_hints(sched->topology, member->cpus, member->vcpus);
	else
		hints = g_ptr_array_new_with_free_func(g_free);
	if (member->cap_hint)
		g_ptr_array_add(hints, g_strdup(member->cap_hint));
	g_ptr_array_add(hints, NULL);
	*state = (struct sched_state){
		.cpu_weight = sched->kind != SCHED_BY_AFFINITY ? member->cpu_weight : 0,
		.idle = member->cpu_weight == 0,
		.cpus = host_cpu_list_format(member->cpus),
		.mechanism = sched_kind_name(sched->kind),
		.note = g_strdup(note),
		.hints = g_strdupv((char **)hints->pdata),
	};
	g_ptr_array_unref(hints);
	tell_note(entry, note);
	sched_state_free(entry->vm->sched);
	entry->vm->sched = state;
}

void sched_entry_apply(struct sched_entry *entry, const struct sched_member *member)
{
	g_autoptr(GArray) online = host_cpu_list_parse(entry->sched->topology->online);
	gboolean any = online && sched_cpus_equal(online, member->cpus);
	g_autofree char *list = any ? NULL : host_cpu_list_format(member->cpus);
	gboolean changed = entry->unsure || g_strcmp0(entry->cpus, list) != 0;
	g_autoptr(GString) note = g_string_new(NULL);
	gboolean split = entry->split;

	if (!sched_entry_move(entry, note)) {
		state_set(entry, member, note->str);
		return;
	}
	changed = changed || entry->unsure; /* it may have been moved */
	if (entry->sched->kind == SCHED_BY_SYSTEMD)
		apply_systemd(entry, member, list, note);
	else if (entry->sched->kind == SCHED_BY_CGROUP)
		apply_cgroup(entry, member, list, note);
	else
		entry->unsure = FALSE;
	entry->weight = member->cpu_weight;
	entry->node = member->wish->numa_node;
	g_free(entry->cpus);
	entry->cpus = g_steal_pointer(&list);
	note_unavailable(entry, note);
	note_promises(member, note);
	state_set(entry, member, note->str);
	if (changed || split != entry->split || entry->wish != entry->vm->definition)
		sched_entry_apply_threads(entry, member->cpus);
	entry->wish = entry->vm->definition;
}
