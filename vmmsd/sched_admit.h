/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Admission of reservations: a promise of CPU time is given only while all promises together can be
 * kept. Pure; percentages are of one logical CPU.
 */
#ifndef SCHED_ADMIT_H
#define SCHED_ADMIT_H

#include <glib.h>
#include <stdint.h>

/* Of each CPU this much may be reserved; the rest keeps VMs without a reservation alive. */
#define SCHED_RESERVABLE 95u

struct sched_demand {
	const char *name;
	uint32_t percent;   /* 0: nothing is reserved */
	const GArray *cpus; /* where it must be had (sched_cpus.h) */
};

/*
 * Whether all n can be had at once, each on its own CPUs (a flow from VMs to CPUs, so a VM with
 * many CPUs gives way to one with few). NO_CPU with the sum that does not fit, and for `name`, the
 * VM that is to be started or edited, or NULL.
 */
gboolean sched_admit(const struct sched_demand *demands, guint n, const char *name, GError **error);

/*
 * The same where not all can be had: earlier ones come first, and lacks[i] becomes what the i-th
 * does not get beside them, in percent. FALSE where one lacks more than may_lack[i]; error tells of
 * the first. Both hold n; may_lack NULL: nothing may be lacking; lacks NULL: not wanted.
 */
gboolean sched_admit_some(const struct sched_demand *demands, guint n, const char *name,
			  const uint32_t *may_lack, uint32_t *lacks, GError **error);

/* The arithmetic alone: "60 % (a) + 50 % (b) = 110 % of a CPU would be reserved, and CPU 0 can give
 * 95 % (95 % each)"; the caller frees it. NULL: all can be had. */
char *sched_admit_shortage(const struct sched_demand *demands, guint n);

#endif
