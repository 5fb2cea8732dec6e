/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A VM's processors set apart from the threads that serve its devices: a limit, and two weights. */
#include "cgroup_dir.h"
#include "sched_internal.h"
#include "sched_share.h"
#include "sched_threads.h"

/* What the two sub-groups are to have, as far as it is not in force. */
static gboolean split_set(struct sched_entry *entry, const struct sched_member *member,
			  GError **error)
{
	const struct sched_definition *wish = member->wish;
	g_autofree char *vcpu = g_build_filename(entry->dir, CGROUP_VCPU, NULL);
	g_autofree char *devices = g_build_filename(entry->dir, CGROUP_DEVICES, NULL);
	gboolean unsure = entry->unsure || entry->whole;
	uint32_t weight, others;

	sched_share_split(wish->weight, member->vcpus, wish->device_weight, &weight, &others);
	if ((unsure || weight != entry->vcpu_weight) &&
	    !cgroup_write_number(vcpu, "cpu.weight", weight, error))
		return FALSE;
	entry->vcpu_weight = weight;
	if ((unsure || others != entry->device_weight) &&
	    !cgroup_write_number(devices, "cpu.weight", others, error))
		return FALSE;
	entry->device_weight = others;
	if ((unsure || wish->limit != entry->limit) &&
	    !cgroup_write_quota(vcpu, wish->limit, error))
		return FALSE;
	entry->limit = wish->limit;
	return TRUE;
}

uint32_t sched_split_apply(struct sched_entry *entry, const struct sched_member *member,
			   GString *note)
{
	const struct sched_definition *wish = member->wish;
	g_autoptr(GError) error = NULL;

	if (wish->limit == 0 && wish->device_weight == 0 && !entry->split)
		return 0;
	if (entry->dir && cgroup_split(entry->dir, &error)) {
		entry->split = TRUE;
		if (split_set(entry, member, &error))
			return 0;
	}
	entry->limit = wish->limit;
	if (wish->limit == 0 && wish->device_weight == 0)
		return 0;
	sched_note_add(note, "%s%s%s, since the processors could not be set apart (%s)",
		       wish->limit > 0 ? "the limit counts the threads that serve devices, too"
				       : "",
		       wish->limit > 0 && wish->device_weight > 0 ? ", and " : "",
		       wish->device_weight > 0 ? "deviceWeight is not in force" : "",
		       error ? error->message : "the cgroup of the worker is not known");
	return wish->limit;
}

gboolean sched_split_enter(const struct sched_entry *entry, const struct sched_thread *thread,
			   GError **error)
{
	gboolean is_vp = thread->vp != SCHED_THREADS_NO_VP;
	g_autofree char *tid = g_strdup_printf("%d", (int)thread->tid);
	g_autofree char *dir = NULL;

	/* KVM puts a thread of the kernel where the caller is, and that cannot be a threaded one.
	 */
	if (!entry->split || (!is_vp && thread->tid == entry->pid))
		return TRUE;
	dir = g_build_filename(entry->dir, is_vp ? CGROUP_VCPU : CGROUP_DEVICES, NULL);
	if (is_vp)
		return cgroup_write(dir, "cgroup.threads", tid, error);
	/* Others come and go, and those of io_uring stay with whom they work for. */
	(void)cgroup_write(dir, "cgroup.threads", tid, NULL);
	return TRUE;
}
