/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sched_cpus.h"

#include "host_cpu_list.h"
#include "service_error.h"

static uint32_t at(const GArray *cpus, guint i)
{
	return g_array_index(cpus, uint32_t, i);
}

/* Walks both in order; takes what is in a only, in both, in b only, as asked. */
static GArray *merge(const GArray *a, const GArray *b, gboolean only_a, gboolean both,
		     gboolean only_b)
{
	GArray *result = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	guint i = 0, k = 0;

	while (i < a->len || k < b->len) {
		gboolean in_a = i < a->len && (k == b->len || at(a, i) <= at(b, k));
		gboolean in_b = k < b->len && (i == a->len || at(b, k) <= at(a, i));
		uint32_t cpu = in_a ? at(a, i) : at(b, k);

		if (in_a && in_b ? both : in_a ? only_a : only_b)
			g_array_append_val(result, cpu);
		i += in_a ? 1 : 0;
		k += in_b ? 1 : 0;
	}
	return result;
}

GArray *sched_cpus_and(const GArray *a, const GArray *b)
{
	return merge(a, b, FALSE, TRUE, FALSE);
}

GArray *sched_cpus_minus(const GArray *a, const GArray *b)
{
	return merge(a, b, TRUE, FALSE, FALSE);
}

GArray *sched_cpus_or(const GArray *a, const GArray *b)
{
	return merge(a, b, TRUE, TRUE, TRUE);
}

gboolean sched_cpus_is_subset(const GArray *a, const GArray *of)
{
	g_autoptr(GArray) rest = sched_cpus_minus(a, of);

	return rest->len == 0;
}

gboolean sched_cpus_overlap(const GArray *a, const GArray *b)
{
	g_autoptr(GArray) common = sched_cpus_and(a, b);

	return common->len > 0;
}

gboolean sched_cpus_equal(const GArray *a, const GArray *b)
{
	return a->len == b->len && sched_cpus_is_subset(a, b);
}

char *sched_cpus_words(const GArray *cpus)
{
	g_autofree char *list = host_cpu_list_format(cpus);

	return g_strdup_printf("CPU%s %s", cpus->len == 1 ? "" : "s", list);
}

gboolean sched_cpus_check(const GArray *asked, const GArray *online, const GArray *offline,
			  const char *what, GError **error)
{
	g_autoptr(GArray) known = sched_cpus_or(online, offline);
	g_autoptr(GArray) absent = sched_cpus_minus(asked, known);
	g_autoptr(GArray) off = sched_cpus_and(asked, offline);
	const GArray *bad = absent->len > 0 ? absent : off;

	if (bad->len == 0)
		return TRUE;
	g_autofree char *which = sched_cpus_words(bad);
	g_autofree char *have = sched_cpus_words(online);
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_NO_CPU,
		    bad == absent ? "%s: %s %s not in this host, where %s can be used"
				  : "%s: %s %s offline; %s can be used",
		    what, which, bad->len == 1 ? "is" : "are", have);
	return FALSE;
}
