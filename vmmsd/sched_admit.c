/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sched_admit.h"

#include <string.h>

#include "host_cpu_list.h"
#include "sched_cpus.h"
#include "service_error.h"

#define NAMES_MAX 6u /* VMs that a message lists one by one */

/* VMs with the same CPUs are one source, CPUs that the same sources may use are one sink. */
struct network {
	guint n_sources, n_sinks;
	const GArray **cpus;   /* of each source */
	guint *source;	       /* of each demand */
	GArray **sinks;	       /* the CPUs of each sink */
	uint64_t *room;	       /* of each sink, what is left */
	gboolean *edge;	       /* [source * n_sinks + sink] */
	uint64_t *flow;	       /* the same */
	gboolean *seen_source; /* by the last search */
	gboolean *seen_sink;
};

static void network_clear(struct network *net)
{
	for (guint i = 0; i < net->n_sinks; i++)
		g_array_unref(net->sinks[i]);
	g_free(net->cpus);
	g_free(net->source);
	g_free(net->sinks);
	g_free(net->room);
	g_free(net->edge);
	g_free(net->flow);
	g_free(net->seen_source);
	g_free(net->seen_sink);
}

static void network_add_sources(struct network *net, const struct sched_demand *demands, guint n)
{
	net->cpus = g_new0(const GArray *, n);
	net->source = g_new0(guint, n);
	for (guint i = 0; i < n; i++) {
		guint k = 0;

		if (demands[i].percent == 0)
			continue;
		while (k < net->n_sources && !sched_cpus_equal(net->cpus[k], demands[i].cpus))
			k++;
		if (k == net->n_sources)
			net->cpus[net->n_sources++] = demands[i].cpus;
		net->source[i] = k;
	}
}

/* Which sources may use the CPU, as a text that can be a key. */
static char *membership(const struct network *net, uint32_t cpu)
{
	char *key = g_malloc(net->n_sources + 1);

	for (guint i = 0; i < net->n_sources; i++)
		key[i] = host_cpu_list_has(net->cpus[i], cpu) ? '1' : '0';
	key[net->n_sources] = '\0';
	return key;
}

static void network_add_sinks(struct network *net)
{
	g_autoptr(GHashTable) by_key = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	GHashTableIter iter;
	gpointer key, cpus;

	for (guint i = 0; i < net->n_sources; i++) {
		GArray *more = sched_cpus_or(all, net->cpus[i]);
		g_array_unref(all);
		all = more;
	}
	for (guint i = 0; i < all->len; i++) {
		uint32_t cpu = g_array_index(all, uint32_t, i);
		char *name = membership(net, cpu);
		GArray *group = g_hash_table_lookup(by_key, name);

		if (!group) {
			group = g_array_new(FALSE, FALSE, sizeof(uint32_t));
			g_hash_table_insert(by_key, g_strdup(name), group);
		}
		g_array_append_val(group, cpu);
		g_free(name);
	}
	net->n_sinks = g_hash_table_size(by_key);
	net->sinks = g_new0(GArray *, net->n_sinks);
	net->room = g_new0(uint64_t, net->n_sinks);
	net->edge = g_new0(gboolean, (gsize)net->n_sources * net->n_sinks);
	g_hash_table_iter_init(&iter, by_key);
	for (guint k = 0; g_hash_table_iter_next(&iter, &key, &cpus); k++) {
		net->sinks[k] = cpus;
		net->room[k] = (uint64_t)SCHED_RESERVABLE * net->sinks[k]->len;
		for (guint i = 0; i < net->n_sources; i++)
			net->edge[i * net->n_sinks + k] = ((const char *)key)[i] == '1';
	}
	net->flow = g_new0(uint64_t, (gsize)net->n_sources * net->n_sinks);
	net->seen_source = g_new0(gboolean, net->n_sources + 1);
	net->seen_sink = g_new0(gboolean, net->n_sinks + 1);
}

/*
 * Finds a way for a part of what source still lacks, taking other sources' sinks from them where
 * these can move on. Returns how much was placed; 0: no way, and what was seen is too little.
 */
static uint64_t network_augment(struct network *net, guint source, uint64_t want)
{
	net->seen_source[source] = TRUE;
	for (guint k = 0; k < net->n_sinks; k++) {
		gsize edge = (gsize)source * net->n_sinks + k;
		uint64_t part;

		if (!net->edge[edge] || net->seen_sink[k])
			continue;
		net->seen_sink[k] = TRUE;
		part = MIN(want, net->room[k]);
		if (part > 0) {
			net->room[k] -= part;
			net->flow[edge] += part;
			return part;
		}
		for (guint other = 0; other < net->n_sources; other++) {
			uint64_t *theirs = &net->flow[(gsize)other * net->n_sinks + k];

			if (net->seen_source[other] || *theirs == 0)
				continue;
			part = network_augment(net, other, MIN(want, *theirs));
			if (part > 0) {
				*theirs -= part;
				net->flow[edge] += part;
				return part;
			}
		}
	}
	return 0;
}

/* Places as much as there is room for without taking from anyone; returns what is lacking. */
static uint64_t network_place(struct network *net, guint source, uint64_t want)
{
	while (want > 0) {
		uint64_t part;

		memset(net->seen_source, 0, net->n_sources * sizeof(gboolean));
		memset(net->seen_sink, 0, net->n_sinks * sizeof(gboolean));
		part = network_augment(net, source, want);
		if (part == 0)
			break;
		want -= part;
	}
	return want;
}

/* "60 % (a) + 30 % (b) + 20 % (c) = 110 %" of those whose CPUs lie within cpus. */
static char *sum_words(const struct sched_demand *demands, guint n, const GArray *cpus)
{
	GString *text = g_string_new(NULL);
	uint64_t sum = 0, others = 0;
	guint listed = 0, more = 0;

	for (guint i = 0; i < n; i++) {
		if (demands[i].percent == 0 || !sched_cpus_is_subset(demands[i].cpus, cpus))
			continue;
		sum += demands[i].percent;
		if (listed == NAMES_MAX) {
			others += demands[i].percent;
			more++;
			continue;
		}
		g_string_append_printf(text, "%s%u %% (%s)", listed++ > 0 ? " + " : "",
				       demands[i].percent, demands[i].name);
	}
	if (more > 0)
		g_string_append_printf(text, " + %" G_GUINT64_FORMAT " %% (%u more)", others, more);
	g_string_append_printf(text, " = %" G_GUINT64_FORMAT " %%", sum);
	return g_string_free(text, FALSE);
}

/* What the last search saw is a set of VMs that needs more than all of its CPUs have. */
static char *shortage(const struct network *net, const struct sched_demand *demands, guint n)
{
	g_autoptr(GArray) cpus = g_array_new(FALSE, FALSE, sizeof(uint32_t));

	for (guint k = 0; k < net->n_sinks; k++) {
		if (net->seen_sink[k]) {
			GArray *more = sched_cpus_or(cpus, net->sinks[k]);
			g_array_unref(cpus);
			cpus = more;
		}
	}
	g_autofree char *sum = sum_words(demands, n, cpus);
	g_autofree char *words = sched_cpus_words(cpus);
	return g_strdup_printf("%s of a CPU would be reserved, and %s can give %u %% (%u %% each)",
			       sum, words, SCHED_RESERVABLE * cpus->len, SCHED_RESERVABLE);
}

static gboolean fail(const struct network *net, const struct sched_demand *demands, guint n,
		     const char *name, GError **error)
{
	g_autofree char *short_of = shortage(net, demands, n);
	g_autofree char *who = name ? g_strdup_printf("VM %s: its reservation does", name)
				    : g_strdup("the reservations do");

	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_NO_CPU,
		    "%s not fit: %s: lower a reservation, stop one of these VMs, or give one other "
		    "CPUs",
		    who, short_of);
	return FALSE;
}

gboolean sched_admit_some(const struct sched_demand *demands, guint n, const char *name,
			  const uint32_t *may_lack, uint32_t *lacks, GError **error)
{
	struct network net = {0};
	gboolean fits = TRUE;

	network_add_sources(&net, demands, n);
	network_add_sinks(&net);
	for (guint i = 0; i < n; i++) {
		uint64_t lack = 0;

		if (demands[i].percent > 0)
			lack = network_place(&net, net.source[i], demands[i].percent);
		if (fits && lack > (may_lack ? may_lack[i] : 0))
			fits = fail(&net, demands, n, name, error);
		if (lacks)
			lacks[i] = (uint32_t)lack;
	}
	network_clear(&net);
	return fits;
}

gboolean sched_admit(const struct sched_demand *demands, guint n, const char *name, GError **error)
{
	return sched_admit_some(demands, n, name, NULL, NULL, error);
}

char *sched_admit_shortage(const struct sched_demand *demands, guint n)
{
	struct network net = {0};
	char *words = NULL;

	network_add_sources(&net, demands, n);
	network_add_sinks(&net);
	for (guint i = 0; i < n && !words; i++) {
		if (demands[i].percent > 0 &&
		    network_place(&net, net.source[i], demands[i].percent) > 0)
			words = shortage(&net, demands, n);
	}
	network_clear(&net);
	return words;
}
