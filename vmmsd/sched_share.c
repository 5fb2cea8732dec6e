/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sched_share.h"

#include <math.h>

#include "sched_cpus.h"
#include "service_error.h"

/*
 * How much of the weight of one VM meets another one that has only some of its CPUs: all of it, as
 * when all of its threads are there; as much as when they are spread over its CPUs; or as if all
 * CPUs of the cluster were one pool. The first that can be solved is taken.
 */
enum meeting { MEETING_ALL, MEETING_SPREAD, MEETING_POOL };

/* VMs that compete with each other, and the CPUs for which they do. */
struct cluster {
	GPtrArray *members; /* struct sched_share */
	GArray *cpus;
	double capacity; /* percent of one CPU that they share */
	double margin;	 /* a reservation is aimed at with so many times itself */
	enum meeting meeting;
	double *parts; /* of the weight of [k] that meets [i], at i * n + k; NULL: all, a pool */
};

static void cluster_free(gpointer data)
{
	struct cluster *cluster = data;

	g_ptr_array_unref(cluster->members);
	g_array_unref(cluster->cpus);
	g_free(cluster->parts);
	g_free(cluster);
}

static void cluster_absorb(struct cluster *cluster, const GPtrArray *members, const GArray *cpus)
{
	GArray *all = sched_cpus_or(cluster->cpus, cpus);

	g_array_unref(cluster->cpus);
	cluster->cpus = all;
	for (guint i = 0; i < members->len; i++)
		g_ptr_array_add(cluster->members, members->pdata[i]);
}

static void cluster_add(struct cluster *cluster, struct sched_share *share)
{
	g_ptr_array_add(cluster->members, share);
	if (!sched_cpus_is_subset(share->cpus, cluster->cpus)) {
		GArray *all = sched_cpus_or(cluster->cpus, share->cpus);

		g_array_unref(cluster->cpus);
		cluster->cpus = all;
	}
}

static GPtrArray *clusters_find(struct sched_share *shares, guint n)
{
	GPtrArray *clusters = g_ptr_array_new_with_free_func(cluster_free);

	for (guint i = 0; i < n; i++) {
		struct cluster *own = NULL;

		for (guint k = clusters->len; k-- > 0;) {
			struct cluster *other = clusters->pdata[k];

			if (!sched_cpus_overlap(shares[i].cpus, other->cpus))
				continue;
			if (own) {
				cluster_absorb(other, own->members, own->cpus);
				g_ptr_array_remove_fast(clusters, own);
			}
			own = other;
		}
		if (!own) {
			own = g_new0(struct cluster, 1);
			own->members = g_ptr_array_new();
			own->cpus = g_array_copy((GArray *)shares[i].cpus);
			g_ptr_array_add(clusters, own);
		}
		cluster_add(own, &shares[i]);
	}
	return clusters;
}

/*
 * The kernel's balance is kept over whole time slices, and the host takes some time for itself, so
 * that who is given just what is reserved is now and then a little below it: what is promised is
 * aimed at with so much more, where there is room.
 */
static const double margins[] = {1.03, 1.005, 1};

static double promised(const struct cluster *cluster, const struct sched_share *share)
{
	return share->reserve * cluster->margin;
}

static void cluster_meet(struct cluster *cluster, enum meeting meeting)
{
	gsize n = cluster->members->len;

	cluster->meeting = meeting;
	g_clear_pointer(&cluster->parts, g_free);
	if (meeting != MEETING_ALL)
		return;
	cluster->parts = g_new0(double, n * cluster->members->len);
	for (gsize i = 0; i < n; i++) {
		const struct sched_share *share = cluster->members->pdata[i];

		for (gsize k = 0; share->reserve > 0 && k < n; k++) {
			const struct sched_share *other = cluster->members->pdata[k];

			cluster->parts[i * n + k] = sched_cpus_overlap(share->cpus, other->cpus);
		}
	}
}

static gboolean is_pool(const struct cluster *cluster)
{
	for (guint i = 0; i < cluster->members->len; i++) {
		if (((struct sched_share *)cluster->members->pdata[i])->cpus->len !=
		    cluster->cpus->len)
			return FALSE;
	}
	return TRUE;
}

static double part_at(const struct cluster *cluster, guint i, guint k)
{
	return cluster->parts ? cluster->parts[(gsize)i * cluster->members->len + k] : 1;
}

/* What there is where [i] may run. */
static double room_of(const struct cluster *cluster, guint i)
{
	const struct sched_share *share = cluster->members->pdata[i];

	return cluster->parts ? MIN(100.0 * share->cpus->len, cluster->capacity)
			      : cluster->capacity;
}

static double base(const struct sched_share *share)
{
	return (double)share->weight * share->vcpus;
}

/*
 * The share of each in percent of a CPU: its part by weight, or its reservation where that is more;
 * what reservations take beyond the part by weight is taken from the others by their weights.
 * Returns whether any reservation made a difference.
 */
static gboolean shares_fill(const struct cluster *cluster, double *filled)
{
	guint n = cluster->members->len;
	g_autoptr(GByteArray) pinned = g_byte_array_new();
	double capacity = cluster->capacity;
	gboolean changed = TRUE, any = FALSE;

	for (guint i = 0; i < n; i++)
		g_byte_array_append(pinned, (const guint8 *)"", 1);
	while (changed) {
		double rest = capacity, bases = 0;

		changed = FALSE;
		for (guint i = 0; i < n; i++) {
			const struct sched_share *share = cluster->members->pdata[i];

			if (pinned->data[i])
				rest -= promised(cluster, share);
			else
				bases += base(share);
		}
		for (guint i = 0; i < n; i++) {
			const struct sched_share *share = cluster->members->pdata[i];

			if (pinned->data[i])
				continue;
			filled[i] = base(share) * MAX(rest, 0) / bases;
			if (promised(cluster, share) > filled[i]) {
				filled[i] = promised(cluster, share);
				pinned->data[i] = 1;
				changed = any = TRUE;
			}
		}
	}
	return any;
}

#define ROUNDS_MAX 2000u
#define TINY	   1e-6
#define FILLED_MAX 1e9 /* far beyond what weights can say beside anybody */

static double met_by(const struct cluster *cluster, const double *filled, guint i)
{
	double sum = 0;

	for (guint k = 0; k < cluster->members->len; k++)
		sum += k == i ? 0 : part_at(cluster, i, k) * filled[k];
	return sum;
}

/*
 * Raises those that would not get their reservation on their own CPUs; the others keep their
 * ratios. FALSE: each that is raised takes it from another one, without an end.
 */
static gboolean shares_raise_all(const struct cluster *cluster, double *filled, gboolean *ret_any)
{
	gboolean changed = cluster->parts != NULL;

	for (guint round = 0; changed && round < ROUNDS_MAX; round++) {
		changed = FALSE;
		for (guint i = 0; i < cluster->members->len; i++) {
			const struct sched_share *share = cluster->members->pdata[i];
			double others = share->reserve > 0 ? met_by(cluster, filled, i) : 0;
			double left = room_of(cluster, i) - promised(cluster, share), need;

			if (others <= 0)
				continue;
			need = promised(cluster, share) * others / MAX(left, TINY);
			if (need > FILLED_MAX)
				return FALSE;
			if (need <= filled[i] * (1 + TINY))
				continue;
			filled[i] = need;
			changed = *ret_any = TRUE;
		}
	}
	return !changed;
}

/* The weight on each CPU, by its number, when all have spread theirs. */
static void load_add(GArray *loads, const GArray *cpus, double weight)
{
	for (guint i = 0; i < cpus->len; i++) {
		uint32_t cpu = g_array_index(cpus, uint32_t, i);

		if (loads->len <= cpu)
			g_array_set_size(loads, cpu + 1);
		g_array_index(loads, double, cpu) += weight / cpus->len;
	}
}

/* What a weight is worth there, in percent of a CPU. */
static double load_part(const GArray *loads, const GArray *cpus, double weight)
{
	double part = 0;

	for (guint i = 0; i < cpus->len; i++)
		part += 100 * weight / cpus->len /
			g_array_index(loads, double, g_array_index(cpus, uint32_t, i));
	return part;
}

/* By how much [i] lacks its reservation; 1 and less: it has it. */
static double lack(const struct cluster *cluster, const GArray *loads, double weight, guint i)
{
	const struct sched_share *share = cluster->members->pdata[i];
	double most = cluster->capacity / (100.0 * cluster->cpus->len);

	return share->reserve > 0
		       ? promised(cluster, share) / (load_part(loads, share->cpus, weight) * most)
		       : 0;
}

static gboolean shares_raise_spread(const struct cluster *cluster, double *filled,
				    gboolean *ret_any)
{
	gboolean changed = TRUE;

	for (guint round = 0; changed && round < ROUNDS_MAX; round++) {
		g_autoptr(GArray) loads = g_array_new(FALSE, TRUE, sizeof(double));

		for (guint i = 0; i < cluster->members->len; i++) {
			const struct sched_share *share = cluster->members->pdata[i];

			load_add(loads, share->cpus, filled[i]);
		}
		changed = FALSE;
		for (guint i = 0; i < cluster->members->len; i++) {
			double more = lack(cluster, loads, filled[i], i);

			if (more <= 1 + TINY)
				continue;
			filled[i] *= more;
			if (!(filled[i] <= FILLED_MAX))
				return FALSE;
			changed = *ret_any = TRUE;
		}
	}
	return !changed;
}

static gboolean shares_raise(const struct cluster *cluster, double *filled, gboolean *ret_any)
{
	return cluster->meeting == MEETING_SPREAD ? shares_raise_spread(cluster, filled, ret_any)
						  : shares_raise_all(cluster, filled, ret_any);
}

static uint64_t weights_sum(const struct cluster *cluster)
{
	uint64_t sum = 0;

	for (guint i = 0; i < cluster->members->len; i++)
		sum += ((struct sched_share *)cluster->members->pdata[i])->cpu_weight;
	return sum;
}

/* Of all weights, what [i] competes with, itself included. */
static double weights_met(const struct cluster *cluster, guint i)
{
	double sum = 0;

	for (guint k = 0; k < cluster->members->len; k++)
		sum += part_at(cluster, i, k) *
		       ((struct sched_share *)cluster->members->pdata[k])->cpu_weight;
	return sum;
}

static gboolean weights_mend_spread(const struct cluster *cluster)
{
	gboolean changed = TRUE;

	while (changed) {
		g_autoptr(GArray) loads = g_array_new(FALSE, TRUE, sizeof(double));

		for (guint i = 0; i < cluster->members->len; i++) {
			const struct sched_share *share = cluster->members->pdata[i];

			load_add(loads, share->cpus, share->cpu_weight);
		}
		changed = FALSE;
		for (guint i = 0; i < cluster->members->len; i++) {
			struct sched_share *share = cluster->members->pdata[i];
			double more = lack(cluster, loads, share->cpu_weight, i);

			if (more <= 1 + TINY)
				continue;
			if (share->cpu_weight * more > SCHED_WEIGHT_MAX)
				return FALSE;
			share->cpu_weight = (uint32_t)ceil(share->cpu_weight * more);
			changed = TRUE;
		}
	}
	return TRUE;
}

/* Raises what rounding left below its reservation. FALSE: that takes more than the range has. */
static gboolean weights_mend(const struct cluster *cluster)
{
	gboolean changed = TRUE;

	while (changed) {
		changed = FALSE;
		for (guint i = 0; i < cluster->members->len; i++) {
			struct sched_share *share = cluster->members->pdata[i];
			double need;

			if (share->reserve == 0)
				continue;
			need = ceil(promised(cluster, share) * weights_met(cluster, i) /
				    room_of(cluster, i));
			if (need > SCHED_WEIGHT_MAX)
				return FALSE;
			if (need <= share->cpu_weight)
				continue;
			share->cpu_weight = (uint32_t)need;
			changed = TRUE;
		}
	}
	return TRUE;
}

/* largest: what the largest share becomes. */
static gboolean weights_scale(const struct cluster *cluster, const double *filled, double largest)
{
	double top = 0;

	for (guint i = 0; i < cluster->members->len; i++)
		top = MAX(top, filled[i]);
	for (guint i = 0; i < cluster->members->len; i++) {
		struct sched_share *share = cluster->members->pdata[i];
		double weight = top > 0 ? round(filled[i] * largest / top) : 0;

		share->cpu_weight =
			(uint32_t)CLAMP(weight, (double)SCHED_WEIGHT_MIN, (double)SCHED_WEIGHT_MAX);
	}
	return cluster->meeting == MEETING_SPREAD ? weights_mend_spread(cluster)
						  : weights_mend(cluster);
}

static gboolean fail(const struct cluster *cluster, GError **error)
{
	g_autofree char *cpus = sched_cpus_words(cluster->cpus);
	const char *most = "";
	uint64_t reserved = 0;
	uint32_t largest = 0;

	for (guint i = 0; i < cluster->members->len; i++) {
		const struct sched_share *share = cluster->members->pdata[i];

		reserved += share->reserve;
		if (share->reserve > largest) {
			largest = share->reserve;
			most = share->name;
		}
	}
	g_set_error(
		error, SERVICE_ERROR, SERVICE_ERROR_NO_CPU,
		"the reservations on %s (%" G_GUINT64_FORMAT
		" %% of %.0f %%, the largest %u %% by VM %s) cannot be kept beside %u VMs: stop "
		"some, lower a reservation, or give VMs other CPUs",
		cpus, reserved, cluster->capacity, largest, most, cluster->members->len);
	return FALSE;
}

static gboolean cluster_weigh_with(const struct cluster *cluster)
{
	/* Room above is for what mending adds; the more room, the coarser the small weights. */
	static const double tops[] = {SCHED_WEIGHT_MAX, 9900, 9000, 7000, 4000};
	guint n = cluster->members->len;
	g_autoptr(GArray) array = g_array_new(FALSE, TRUE, sizeof(double));
	gboolean plain, raised = FALSE;
	double *filled;

	g_array_set_size(array, n);
	filled = (double *)(void *)array->data;
	plain = !shares_fill(cluster, filled);
	if (!shares_raise(cluster, filled, &raised))
		return FALSE;
	plain = plain && !raised;
	for (guint i = 0; i < n; i++)
		plain = plain && base(cluster->members->pdata[i]) <= SCHED_WEIGHT_MAX;
	/* What a user wrote is what systemctl shows, as long as it can be. */
	if (plain) {
		for (guint i = 0; i < n; i++) {
			struct sched_share *share = cluster->members->pdata[i];
			share->cpu_weight = share->weight * share->vcpus;
		}
		return TRUE;
	}
	for (guint i = 0; i < G_N_ELEMENTS(tops); i++) {
		if (weights_scale(cluster, filled, tops[i]))
			return TRUE;
	}
	return FALSE;
}

static gboolean cluster_weigh_meeting(struct cluster *cluster, enum meeting meeting)
{
	cluster_meet(cluster, meeting);
	for (size_t i = 0; i < G_N_ELEMENTS(margins); i++) {
		double sum = 0;

		cluster->margin = margins[i];
		for (guint k = 0; k < cluster->members->len; k++)
			sum += promised(cluster, cluster->members->pdata[k]);
		if ((i > 0 || sum < cluster->capacity) && cluster_weigh_with(cluster))
			return TRUE;
	}
	return FALSE;
}

static gboolean cluster_weigh(struct cluster *cluster, GError **error)
{
	enum meeting first = is_pool(cluster) ? MEETING_POOL : MEETING_ALL;

	for (enum meeting meeting = first; meeting <= MEETING_POOL; meeting++) {
		if (cluster_weigh_meeting(cluster, meeting))
			return TRUE;
	}
	return fail(cluster, error);
}

/*
 * What each cluster shares: its reservations, and of what is left the part that its CPUs are. It is
 * never taken for more than it can be, since a reservation is measured by it.
 */
static void clusters_measure(const GPtrArray *clusters, double within)
{
	double reserved = 0, cpus = 0;

	for (guint i = 0; i < clusters->len; i++) {
		const struct cluster *cluster = clusters->pdata[i];

		cpus += cluster->cpus->len;
		for (guint k = 0; k < cluster->members->len; k++)
			reserved += ((struct sched_share *)cluster->members->pdata[k])->reserve;
	}
	for (guint i = 0; i < clusters->len; i++) {
		struct cluster *cluster = clusters->pdata[i];
		double own = MAX(within - reserved, 0) * cluster->cpus->len / cpus;

		for (guint k = 0; k < cluster->members->len; k++)
			own += ((struct sched_share *)cluster->members->pdata[k])->reserve;
		cluster->capacity = MIN(100.0 * cluster->cpus->len, own);
	}
}

gboolean sched_share_compute_within(struct sched_share *shares, guint n, double capacity,
				    GError **error)
{
	g_autoptr(GPtrArray) clusters = clusters_find(shares, n);

	clusters_measure(clusters, capacity);
	for (guint i = 0; i < clusters->len; i++) {
		struct cluster *cluster = clusters->pdata[i];
		double sum;

		if (!cluster_weigh(cluster, error))
			return FALSE;
		sum = (double)weights_sum(cluster);
		for (guint k = 0; k < cluster->members->len; k++) {
			struct sched_share *share = cluster->members->pdata[k];

			share->part = share->cpu_weight * cluster->capacity / sum;
		}
	}
	return TRUE;
}

gboolean sched_share_compute(struct sched_share *shares, guint n, GError **error)
{
	/* More than any host has: each cluster has all of its CPUs. */
	return sched_share_compute_within(shares, n, HUGE_VAL, error);
}

void sched_share_split(uint32_t weight, uint32_t vcpus, uint32_t device_weight, uint32_t *vcpu,
		       uint32_t *devices)
{
	/* Threads that belong to neither weigh as much as in a cgroup that is not split. */
	double processors = (double)SCHED_WEIGHT_DEFAULT * vcpus;
	double others = device_weight > 0 ? SCHED_WEIGHT_DEFAULT * (double)device_weight / weight
					  : processors;
	double most = MAX(processors, others);
	double scale = most > SCHED_WEIGHT_MAX ? SCHED_WEIGHT_MAX / most : 1;

	*vcpu = (uint32_t)MAX(round(processors * scale), SCHED_WEIGHT_MIN);
	*devices = (uint32_t)MAX(round(others * scale), SCHED_WEIGHT_MIN);
}
