/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sched_exclusive.h"

#include "sched_cpus.h"
#include "service_error.h"

GArray *sched_exclusive_taken(const struct sched_claim *claims, guint n,
			      const struct sched_claim *except)
{
	GArray *taken = g_array_new(FALSE, FALSE, sizeof(uint32_t));

	for (guint i = 0; i < n; i++) {
		if (!claims[i].exclusive || &claims[i] == except)
			continue;
		GArray *more = sched_cpus_or(taken, claims[i].cpus);
		g_array_unref(taken);
		taken = more;
	}
	return taken;
}

/* all: what is taken when subject has its CPUs, too. */
static gboolean check_pair(const struct sched_claim *subject, const struct sched_claim *other,
			   const GArray *all, GError **error)
{
	g_autoptr(GArray) common = other->cpus ? sched_cpus_and(subject->cpus, other->cpus) : NULL;

	if (!common || common->len == 0)
		return TRUE;
	g_autofree char *words = sched_cpus_words(common);
	if (other->exclusive) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_NO_CPU,
			    "VM %s: it cannot have %s for itself, since VM %s has: choose others, "
			    "or stop that one",
			    subject->name, words, other->name);
		return FALSE;
	}
	if (sched_cpus_is_subset(other->cpus, all)) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_NO_CPU,
			    "VM %s: it cannot have %s for itself, since VM %s may run nowhere "
			    "else: change the affinity of one of them",
			    subject->name, words, other->name);
		return FALSE;
	}
	return TRUE;
}

/* A claim that is not exclusive needs only a CPU that nobody has for himself. */
static gboolean check_shared(const struct sched_claim *self, const GArray *others,
			     const GArray *online, GError **error)
{
	const GArray *own = self->cpus ? self->cpus : online;
	g_autofree char *words = sched_cpus_words(own);

	if (!sched_cpus_is_subset(own, others))
		return TRUE;
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_NO_CPU,
		    "VM %s: no CPU is left for it, since other VMs have %s for themselves: stop "
		    "one, or change an affinity",
		    self->name, words);
	return FALSE;
}

gboolean sched_exclusive_check(const struct sched_claim *claims, guint n, guint subject,
			       const GArray *online, GError **error)
{
	const struct sched_claim *self = &claims[subject];
	g_autoptr(GArray) others = sched_exclusive_taken(claims, n, self);

	if (!self->exclusive)
		return check_shared(self, others, online, error);
	g_autoptr(GArray) all = sched_cpus_or(others, self->cpus);
	for (guint i = 0; i < n; i++) {
		if (i != subject && !check_pair(self, &claims[i], all, error))
			return FALSE;
	}
	if (!sched_cpus_is_subset(online, all))
		return TRUE;
	g_autofree char *words = sched_cpus_words(self->cpus);
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_NO_CPU,
		    "VM %s: %s for itself would leave the host no CPU: leave it at least one",
		    self->name, words);
	return FALSE;
}
