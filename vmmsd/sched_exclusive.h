/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CPUs that a VM wants for itself: what may be taken from whom. Pure. */
#ifndef SCHED_EXCLUSIVE_H
#define SCHED_EXCLUSIVE_H

#include <glib.h>

struct sched_claim {
	const char *name;
	const GArray *cpus; /* NULL: wherever there is room; never NULL when exclusive */
	gboolean exclusive;
};

/* The CPUs that others have for themselves; g_array_unref. except may be NULL. */
GArray *sched_exclusive_taken(const struct sched_claim *claims, guint n,
			      const struct sched_claim *except);

/*
 * Whether the claims can stand together: exclusive sets do not overlap, nobody's CPUs are all taken
 * away, and the host keeps one. NO_CPU, for claims[subject], with the VM that is in the way.
 */
gboolean sched_exclusive_check(const struct sched_claim *claims, guint n, guint subject,
			       const GArray *online, GError **error);

#endif
