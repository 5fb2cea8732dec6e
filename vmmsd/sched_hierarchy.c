/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CPU groups in force. Under systemd a group is a slice and its members are in scopes of their own:
 * a service cannot change its slice while it runs, but a process can leave it for a scope, as those
 * of users' sessions do; the service still knows its main process and ends with it. In cgroups of
 * vmmsd's own it is a directory "group-NAME". CPUs of a group are not set here: they are a part of
 * each member's.
 */
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#include "bus.h"
#include "cgroup_dir.h"
#include "cpu_groups.h"
#include "sched_internal.h"
#include "sched_threads.h"
#include "sched_unit.h"
#include "systemd_unit.h"
#include "worker_spawn.h"

#define VMS_SLICE_STEM "vmms"
#define PERIOD_US      100000u /* of cpu.max */

void sched_branch_free(gpointer data)
{
	struct sched_branch *branch = data;

	g_free(branch->fault);
	g_free(branch);
}

char *sched_slice_name(const char *path)
{
	return *path ? g_strdup_printf(VMS_SLICE_STEM "-%s.slice", path)
		     : g_strdup(VMS_SLICE_STEM ".slice");
}

/* The names of groups have no "-", so that each is a part of the path. */
static char *branch_dir(const struct sched *sched, const char *path)
{
	g_auto(GStrv) names = g_strsplit(path, "-", -1);
	GString *dir = g_string_new(sched->base);

	for (char **name = names; *name; name++) {
		if (**name)
			g_string_append_printf(dir, "/group-%s", *name);
	}
	return g_string_free(dir, FALSE);
}

/* ---- groups ---------------------------------------------------------------------------------- */

struct answer {
	struct sched *sched;
	char *path;
};

static void answer_free(void *data)
{
	struct answer *answer = data;

	g_free(answer->path);
	g_free(answer);
}

static int on_slice_set(sd_bus_message *reply, void *userdata, sd_bus_error *unused)
{
	const struct answer *answer = userdata;
	struct sched_branch *branch = g_hash_table_lookup(answer->sched->groups, answer->path);
	const sd_bus_error *e = sd_bus_message_get_error(reply);

	(void)unused;
	if (!e)
		return 0;
	log_service(answer->sched->service->log, LOG_WARNING,
		    "systemd refused the weight and the cap of the CPU group %s: %s", answer->path,
		    e->message ? e->message : e->name);
	if (branch) {
		branch->known = FALSE;
		g_free(branch->fault);
		branch->fault = g_strdup(e->message ? e->message : e->name);
	}
	return 0;
}

static void set_slice(struct sched *sched, const char *path, struct sched_branch *branch)
{
	const struct sched_unit_properties p = {
		.set_weight = TRUE,
		.weight = branch->weight,
		.set_quota = TRUE,
		.quota = branch->cap,
	};
	g_autofree char *slice = sched_slice_name(path);
	struct answer *answer = g_new0(struct answer, 1);
	sd_bus_slot *slot = NULL;
	int r;

	*answer = (struct answer){sched, g_strdup(path)};
	r = sched_unit_set(bus_broker(sched->service->bus), slice, &p, on_slice_set, answer, &slot);
	branch->known = r >= 0;
	if (r < 0) {
		answer_free(answer);
		branch->fault = g_strdup(g_strerror(-r));
		return;
	}
	(void)sd_bus_slot_set_destroy_callback(slot, answer_free);
	(void)sd_bus_slot_set_floating(slot, 1);
	sd_bus_slot_unref(slot);
}

static gboolean write_number(const char *dir, const char *file, uint32_t number, GError **error)
{
	g_autofree char *text = g_strdup_printf("%u", number);

	return cgroup_write(dir, file, text, error);
}

static gboolean write_branch(const char *dir, const struct sched_branch *branch, GError **error)
{
	g_autofree char *quota =
		branch->cap > 0
			? g_strdup_printf("%" G_GUINT64_FORMAT " %u",
					  (uint64_t)branch->cap * PERIOD_US / 100, PERIOD_US)
			: g_strdup("max");
	gboolean idle = branch->weight == 0;

	/* A kernel before 5.15 has no cpu.idle, which matters only to those that are idle. */
	if (!write_number(dir, "cpu.idle", idle ? 1 : 0, idle ? error : NULL) && idle)
		return FALSE;
	if (!idle && !write_number(dir, "cpu.weight", branch->weight, error))
		return FALSE;
	return cgroup_write(dir, "cpu.max", quota, error);
}

static void set_dir(struct sched *sched, const char *path, struct sched_branch *branch)
{
	g_autofree char *dir = branch_dir(sched, path);
	g_autoptr(GError) error = NULL;

	branch->known = cgroup_make_branch(dir, sched->has_cpuset, &error) &&
			write_branch(dir, branch, &error);
	if (branch->known)
		return;
	branch->fault = g_strdup(error->message);
	log_service(sched->service->log, LOG_WARNING, "CPU group %s: %s", path, branch->fault);
}

void sched_hierarchy_apply(struct sched *sched, const struct sched_plan *plan)
{
	const GPtrArray *all = cpu_groups_all(sched->service->groups);

	for (guint i = 0; sched->kind != SCHED_BY_AFFINITY && i < plan->groups->len; i++) {
		const struct sched_group *group =
			&g_array_index(plan->groups, struct sched_group, i);
		g_autofree char *path = cpu_group_path(all, group->group);
		struct sched_branch *branch = g_hash_table_lookup(sched->groups, path);

		if (!branch) {
			branch = g_new0(struct sched_branch, 1);
			g_hash_table_insert(sched->groups, g_strdup(path), branch);
		}
		if (branch->known && branch->weight == group->cpu_weight &&
		    branch->cap == group->group->cap)
			continue;
		g_clear_pointer(&branch->fault, g_free);
		branch->weight = group->cpu_weight;
		branch->cap = group->group->cap;
		if (sched->kind == SCHED_BY_SYSTEMD)
			set_slice(sched, path, branch);
		else
			set_dir(sched, path, branch);
	}
}

static gboolean is_used(const struct sched *sched, const struct sched_plan *plan, const char *path)
{
	const GPtrArray *all = cpu_groups_all(sched->service->groups);

	for (guint i = 0; i < plan->groups->len; i++) {
		g_autofree char *used = cpu_group_path(
			all, g_array_index(plan->groups, struct sched_group, i).group);

		if (g_str_equal(used, path))
			return TRUE;
	}
	return FALSE;
}

static int longest_first(gconstpointer a, gconstpointer b)
{
	gsize x = strlen(*(const char *const *)a), y = strlen(*(const char *const *)b);

	return x == y ? 0 : x > y ? -1 : 1;
}

/* The slice of a group that is still there stays, with what was set, for its next member. */
void sched_hierarchy_tidy(struct sched *sched, const struct sched_plan *plan)
{
	g_autoptr(GPtrArray) unused = g_ptr_array_new_with_free_func(g_free);
	GHashTableIter iter;
	gpointer path;

	g_hash_table_iter_init(&iter, sched->groups);
	while (g_hash_table_iter_next(&iter, &path, NULL)) {
		if (!is_used(sched, plan, path))
			g_ptr_array_add(unused, g_strdup(path));
	}
	g_ptr_array_sort(unused, longest_first); /* what is within goes first */
	for (guint i = 0; i < unused->len; i++) {
		if (sched->kind == SCHED_BY_CGROUP) {
			g_autofree char *dir = branch_dir(sched, unused->pdata[i]);
			(void)g_rmdir(dir);
		}
		g_hash_table_remove(sched->groups, unused->pdata[i]);
	}
	sched_gone_tidy(sched);
}

/* ---- members --------------------------------------------------------------------------------- */

const struct sched_branch *sched_branch_of(const struct sched *sched, const struct vm *vm)
{
	const GPtrArray *all = cpu_groups_all(sched->service->groups);
	g_autofree char *path =
		cpu_group_path(all, cpu_group_find(all, vm->definition->sched.group));

	path[strcspn(path, "-")] = '\0';
	return *path ? g_hash_table_lookup(sched->groups, path) : NULL;
}

char *sched_entry_unit(const struct sched_entry *entry)
{
	return entry->unit ? g_strdup(entry->unit) : worker_unit_name(entry->vm);
}

static char *scope_stem(const struct sched_entry *entry)
{
	return g_strconcat(VMS_SLICE_STEM "-vm-", entry->vm->definition->uuid, NULL);
}

/* From "vmms-vm-UUID-all-web.scope" to "all-web"; NULL when it is no scope of ours. */
static char *scope_branch(const struct sched_entry *entry, const char *scope)
{
	g_autofree char *stem = scope_stem(entry);
	const char *rest;
	gsize length;

	if (!g_str_has_prefix(scope, stem) || !g_str_has_suffix(scope, ".scope"))
		return NULL;
	rest = scope + strlen(stem);
	length = strlen(rest) - strlen(".scope");
	return length > 0 ? g_strndup(rest + 1, length - 1) : g_strdup("");
}

/* Never a cgroup that others are in, too: it is the service's, or a scope of ours. */
static gboolean locate_unit(struct sched_entry *entry, const char *dir)
{
	g_autofree char *service = worker_unit_name(entry->vm);
	g_autofree char *unit = g_path_get_basename(dir);
	char *branch = scope_branch(entry, unit);

	g_clear_pointer(&entry->unit, g_free);
	g_free(entry->branch);
	entry->branch = branch ? branch : g_strdup("");
	if (branch)
		entry->unit = g_steal_pointer(&unit);
	return branch || g_str_equal(unit, service);
}

/* From "BASE/group-all/group-web/vm-UUID" to "all-web". */
static char *dir_branch(const struct sched *sched, const char *dir)
{
	GString *branch = g_string_new(NULL);
	gsize length = strlen(sched->base);
	g_auto(GStrv) parts =
		g_strsplit(g_str_has_prefix(dir, sched->base) ? dir + length : "", "/", -1);

	for (char **part = parts; *part; part++) {
		if (g_str_has_prefix(*part, "group-"))
			g_string_append_printf(branch, "%s%s", branch->len > 0 ? "-" : "",
					       *part + strlen("group-"));
	}
	return g_string_free(branch, FALSE);
}

/* Moves the process, and its children, to the directory of a branch. */
static char *enter_dir(const struct sched_entry *entry, const char *path, GError **error)
{
	g_autofree char *name = g_strconcat("vm-", entry->vm->definition->uuid, NULL);
	g_autofree char *branch = branch_dir(entry->sched, path);
	g_autofree char *dir = g_build_filename(branch, name, NULL);
	g_autoptr(GArray) pids = sched_processes_list(SCHED_PROC, entry->pid);

	if (g_mkdir(dir, 0755) < 0 && errno != EEXIST) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED, "%s: %s", dir,
			    g_strerror(errno));
		return NULL;
	}
	for (guint i = 0; i < pids->len; i++) {
		g_autofree char *pid = g_strdup_printf("%d", (int)g_array_index(pids, pid_t, i));
		/* A child may just have ended. */
		if (!cgroup_write(dir, "cgroup.procs", pid, i == 0 ? error : NULL) && i == 0)
			return NULL;
	}
	return g_steal_pointer(&dir);
}

void sched_entry_locate(struct sched_entry *entry)
{
	g_autofree char *name = g_strconcat("/vm-", entry->vm->definition->uuid, NULL);
	g_autofree char *dir = NULL;
	g_autoptr(GError) error = NULL;

	dir = cgroup_find(CGROUP_ROOT, SCHED_PROC, entry->pid, &error);
	if (entry->sched->kind == SCHED_BY_CGROUP && dir) {
		if (!g_str_has_suffix(dir, name)) {
			g_free(dir);
			dir = enter_dir(entry, "", &error);
		}
		g_free(entry->branch);
		entry->branch = dir ? dir_branch(entry->sched, dir) : NULL;
	}
	if (dir && entry->sched->kind == SCHED_BY_SYSTEMD && !locate_unit(entry, dir))
		g_clear_pointer(&dir, g_free);
	if (!dir)
		log_vm(entry->sched->service->log, LOG_WARNING, entry->vm,
		       "the cgroup of its worker is not known: %s",
		       error ? error->message : "it is not that of its unit");
	g_free(entry->dir);
	entry->dir = g_steal_pointer(&dir);
}

/* In another cgroup nothing is set yet and its processors are not apart. */
static void moved(struct sched_entry *entry)
{
	entry->unsure = TRUE;
	entry->split = FALSE;
	entry->whole = FALSE;
	entry->limit = entry->vcpu_weight = entry->device_weight = 0;
}

static void on_scope(void *context, const GError *error)
{
	struct sched_entry *entry = context;

	entry->moving = NULL;
	if (error) {
		entry->stuck = g_strdup_printf("it could not be put into its CPU group (%s)",
					       error->message);
		log_vm(entry->sched->service->log, LOG_WARNING, entry->vm, "%s", entry->stuck);
	} else {
		sched_entry_locate(entry);
		moved(entry);
	}
	sched_update(entry->sched);
}

static gboolean move_scope(struct sched_entry *entry, const char *path, GString *note)
{
	g_autofree char *stem = scope_stem(entry);
	g_autofree char *slice = sched_slice_name(path);
	g_autofree char *scope = g_strdup_printf("%s%s%s.scope", stem, *path ? "-" : "", path);

	g_autoptr(GArray) pids = sched_processes_list(SCHED_PROC, entry->pid);

	entry->call = sd_bus_slot_unref(entry->call);
	g_clear_pointer(&entry->stuck, g_free);
	entry->moving = systemd_scope_start(entry->sched->service->units, scope, slice, pids,
					    on_scope, entry);
	if (entry->moving)
		return FALSE;
	sched_note_add(note, "systemd cannot be asked to put it into its CPU group");
	return TRUE;
}

static void move_dir(struct sched_entry *entry, const char *path, GString *note)
{
	g_autoptr(GError) error = NULL;
	char *dir = enter_dir(entry, path, &error);

	if (!dir) {
		sched_note_add(note, "it could not be put into its CPU group (%s)", error->message);
		return;
	}
	cgroup_remove(entry->dir);
	g_free(entry->dir);
	entry->dir = dir;
	g_free(entry->branch);
	entry->branch = g_strdup(path);
	moved(entry);
}

gboolean sched_entry_move(struct sched_entry *entry, GString *note)
{
	struct sched *sched = entry->sched;
	const GPtrArray *all = cpu_groups_all(sched->service->groups);
	const struct cpu_group *group = cpu_group_find(all, entry->vm->definition->sched.group);
	g_autofree char *path = cpu_group_path(all, group);
	const struct sched_branch *branch;

	if (entry->moving)
		return FALSE;
	branch = *path ? g_hash_table_lookup(sched->groups, path) : NULL;
	if (branch && branch->fault)
		sched_note_add(note,
			       "the weight and the cap of its CPU group could not be set (%s)",
			       branch->fault);
	if (!entry->dir || g_strcmp0(entry->branch, path) == 0)
		return TRUE;
	if (sched->kind == SCHED_BY_CGROUP) {
		move_dir(entry, path, note);
		return TRUE;
	}
	/* Asked once: whoever was refused stays where it is until it is to go elsewhere. */
	if (g_strcmp0(entry->wanted, path) == 0) {
		if (entry->stuck)
			sched_note_add(note, "%s", entry->stuck);
		return TRUE;
	}
	g_free(entry->wanted);
	entry->wanted = g_strdup(path);
	return move_scope(entry, path, note);
}
