/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "placement.h"

#include <string.h>

#include "cpus.h"
#include "fake_topology.h"
#include "sched_admit.h"
#include "sched_cpus.h"

static void expect(struct placement *p, enum placement_mode mode, const char *allowed, uint32_t n,
		   const char *expected)
{
	g_autoptr(GArray) set = cpus(allowed);
	g_autoptr(GArray) chosen = placement_choose(p, mode, set, n, 0);

	assert_cpus(chosen, expected);
}

/* The lab: 2 cores with 2 threads. */
static void test_spread(void)
{
	g_autoptr(host_topology_t) host = fake_topology_new(1, 2, 2, TRUE);
	g_autoptr(placement_t) p = placement_new(host);

	expect(p, PLACEMENT_SPREAD, "0-3", 1, "0");
	expect(p, PLACEMENT_SPREAD, "0-3", 1, "2"); /* never the sibling, 1 */
	expect(p, PLACEMENT_SPREAD, "0-3", 1, "1");
	expect(p, PLACEMENT_SPREAD, "0-3", 1, "3");
	expect(p, PLACEMENT_SPREAD, "0-3", 2, "0,2");
	expect(p, PLACEMENT_SPREAD, "0-3", 9, "0-3");
	expect(p, PLACEMENT_SPREAD, "", 1, "");
}

/* For systemd, which knows no way back to "any". */
static void test_every(void)
{
	g_autoptr(temporary_directory_t) root = temporary_directory_new();
	g_autoptr(host_topology_t) host = NULL;
	g_autoptr(GArray) nodes = NULL;

	fake_topology_put(root, 1, 2, 2, TRUE);
	fake_put(root, "devices/system/cpu/online", "0,2-3\n");
	host = host_topology_read(root, NULL);
	assert_cpus(host->every, "0,2-3"); /* the kernel does not say more */
	g_clear_pointer(&host, host_topology_free);
	fake_put(root, "devices/system/cpu/possible", "0-7\n");
	host = host_topology_read(root, NULL);
	assert_cpus(host->every, "0-7");
	nodes = host_topology_every_node(host);
	assert_cpus(nodes, "0");
}

static void test_spread_sockets(void)
{
	g_autoptr(host_topology_t) host = fake_topology_new(2, 2, 2, FALSE);
	g_autoptr(placement_t) p = placement_new(host);

	/* Cores 0 and 1 are on socket 0; CPUs 4-7 are the second threads. */
	expect(p, PLACEMENT_SPREAD, "0-7", 2, "0,2");
	expect(p, PLACEMENT_SPREAD, "0-7", 2, "1,3");
	expect(p, PLACEMENT_SPREAD, "4-7", 1, "4");
}

static void test_pack(void)
{
	g_autoptr(host_topology_t) host = fake_topology_new(2, 2, 2, FALSE);
	g_autoptr(placement_t) p = placement_new(host);

	expect(p, PLACEMENT_PACK, "0-7", 1, "0");
	expect(p, PLACEMENT_PACK, "0-7", 1, "4"); /* the other thread of that core */
	expect(p, PLACEMENT_PACK, "0-7", 2, "1,5");
	expect(p, PLACEMENT_PACK, "0-7", 3, "2-3,6");
	expect(p, PLACEMENT_PACK, "0-7", 1, "7");
	expect(p, PLACEMENT_PACK, "0-7", 1, "0");
}

/* VMs that are bound by hand count. */
static void test_load(void)
{
	g_autoptr(host_topology_t) host = fake_topology_new(1, 2, 2, TRUE);
	g_autoptr(placement_t) p = placement_new(host);
	g_autoptr(GArray) first = cpus("0-1");

	placement_add(p, first, 1, 0);
	expect(p, PLACEMENT_SPREAD, "0-3", 1, "2");
	g_autoptr(placement_t) again = placement_new(host);
	placement_add(again, first, 2, 0);
	expect(again, PLACEMENT_PACK, "0-3", 1, "2");
}

static host_topology_t *topology_online(guint sockets, guint cores, guint threads,
					gboolean neighbours, const char *online)
{
	g_autoptr(temporary_directory_t) root = temporary_directory_new();
	g_autoptr(GError) error = NULL;

	fake_topology_put(root, sockets, cores, threads, neighbours);
	fake_put(root, "devices/system/cpu/online", "%s\n", online);
	host_topology_t *topology = host_topology_read(root, &error);
	g_assert_no_error(error);
	return topology;
}

/* A core of which one thread is offline has less load than others, and yet no CPU that is free. */
static void test_offline(void)
{
	g_autoptr(host_topology_t) host = topology_online(1, 2, 2, TRUE, "0,2-3");
	g_autoptr(placement_t) three = placement_new(host);
	g_autoptr(placement_t) p = placement_new(host);
	g_autoptr(GArray) third = cpus("2");

	expect(three, PLACEMENT_SPREAD, "0,2-3", 1, "0");
	expect(three, PLACEMENT_SPREAD, "0,2-3", 1, "2");
	expect(three, PLACEMENT_SPREAD, "0,2-3", 1, "3");
	/* Two are bound to CPU 2: its core has more than the other. */
	placement_add(p, third, 1, 0);
	placement_add(p, third, 1, 0);
	expect(p, PLACEMENT_SPREAD, "0,2-3", 1, "0");
	expect(p, PLACEMENT_SPREAD, "0,2-3", 1, "3"); /* not 0, where somebody is */
	expect(p, PLACEMENT_SPREAD, "0,2-3", 1, "0");
}

/* Four threads of a core: it is the more loaded one, and has CPUs that are free. */
static void test_offline_many_threads(void)
{
	g_autoptr(host_topology_t) host = topology_online(1, 2, 4, TRUE, "0,4-7");
	g_autoptr(placement_t) p = placement_new(host);

	expect(p, PLACEMENT_SPREAD, "0,4-7", 1, "0");
	expect(p, PLACEMENT_SPREAD, "0,4-7", 1, "4");
	expect(p, PLACEMENT_SPREAD, "0,4-7", 1, "5");
	expect(p, PLACEMENT_SPREAD, "0,4-7", 1, "6");
	expect(p, PLACEMENT_SPREAD, "0,4-7", 1, "7");
	expect(p, PLACEMENT_SPREAD, "0,4-7", 1, "0");
}

#define CPUS_MAX 32u

/* Loads as the test counts them, in 1/5040 of a processor: whole numbers for up to 10 CPUs. */
struct books {
	guint core[CPUS_MAX]; /* by CPU: what identifies its core */
	gboolean online[CPUS_MAX];
	guint load[CPUS_MAX];
	guint n;
};

static void books_add(struct books *books, const GArray *set, guint n)
{
	for (guint i = 0; i < set->len; i++)
		books->load[g_array_index(set, uint32_t, i)] += 5040 * n / set->len;
}

static gboolean core_is_free(const struct books *books, guint cpu)
{
	for (guint i = 0; i < books->n; i++) {
		if (books->core[i] == books->core[cpu] && books->load[i] > 0)
			return FALSE;
	}
	return TRUE;
}

/* Cores of which some of the CPUs of set are; free: only such as nobody is on. */
static guint count_cores(const struct books *books, const GArray *set, gboolean free)
{
	gboolean seen[CPUS_MAX] = {FALSE};
	guint n = 0;

	for (guint i = 0; i < set->len; i++) {
		guint cpu = g_array_index(set, uint32_t, i);

		n += !seen[books->core[cpu]] && (!free || core_is_free(books, cpu));
		seen[books->core[cpu]] = TRUE;
	}
	return n;
}

static guint count_free(const struct books *books, const GArray *set)
{
	guint n = 0;

	for (guint i = 0; i < set->len; i++)
		n += books->load[g_array_index(set, uint32_t, i)] == 0;
	return n;
}

/* What was chosen of allowed, before it is counted: the rule, told by what is left over. */
static void check_spread(const struct books *books, const GArray *allowed, const GArray *chosen,
			 guint n)
{
	g_autoptr(GArray) left = sched_cpus_minus(allowed, chosen);
	guint highest = 0;

	g_assert_cmpuint(chosen->len, ==, MIN(n, allowed->len));
	g_assert_true(sched_cpus_is_subset(chosen, allowed));
	/* A core with no one before any sibling. */
	g_assert_cmpuint(count_cores(books, chosen, TRUE), ==,
			 MIN(chosen->len, count_cores(books, allowed, TRUE)));
	/* A sibling with no one before a CPU that has someone. */
	g_assert_cmpuint(count_free(books, chosen), ==,
			 MIN(chosen->len, count_free(books, allowed)));
	/* The CPU with the least. */
	for (guint i = 0; i < chosen->len; i++)
		highest = MAX(highest, books->load[g_array_index(chosen, uint32_t, i)]);
	for (guint i = 0; i < left->len; i++)
		g_assert_cmpuint(books->load[g_array_index(left, uint32_t, i)], >=, highest);
}

/* The host and the test's own notes of it; CPU 0 cannot be taken offline. */
static host_topology_t *random_host(GRand *rand, struct books *books)
{
	guint sockets = (guint)g_rand_int_range(rand, 1, 5);
	guint cores = (guint)g_rand_int_range(rand, 1, 5);
	guint threads = (guint)g_rand_int_range(rand, 1, 3);
	gboolean neighbours = g_rand_boolean(rand);
	g_autoptr(GArray) online = g_array_new(FALSE, FALSE, sizeof(uint32_t));

	*books = (struct books){.n = sockets * cores * threads};
	for (uint32_t cpu = 0; cpu < books->n; cpu++) {
		books->core[cpu] = neighbours ? cpu / threads : cpu % (sockets * cores);
		books->online[cpu] = cpu == 0 || g_rand_int(rand) % 4 != 0;
		if (books->online[cpu])
			g_array_append_val(online, cpu);
	}
	g_autofree char *list = host_cpu_list_format(online);
	return topology_online(sockets, cores, threads, neighbours, list);
}

/* All that is online, or some of it. */
static GArray *random_online(GRand *rand, const struct books *books, gboolean all)
{
	GArray *set = g_array_new(FALSE, FALSE, sizeof(uint32_t));

	for (uint32_t cpu = 0; cpu < books->n; cpu++) {
		if (books->online[cpu] && (all || g_rand_boolean(rand)))
			g_array_append_val(set, cpu);
	}
	if (set->len == 0)
		g_array_append_val(set, (uint32_t){0});
	if (!all && set->len > 10)
		g_array_set_size(set, 10);
	return set;
}

static void test_rule_random(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(12);

	for (unsigned round = 0; round < 80; round++) {
		struct books books;
		g_autoptr(host_topology_t) host = random_host(rand, &books);
		g_autoptr(placement_t) p = placement_new(host);

		for (unsigned i = 0; i < 24; i++) {
			g_autoptr(GArray) allowed =
				random_online(rand, &books, g_rand_int(rand) % 3 != 0);
			guint n = (guint)g_rand_int_range(rand, 1, 5);

			if (allowed->len <= 10 && g_rand_int(rand) % 4 == 0) { /* bound by hand */
				placement_add(p, allowed, n, 0);
				books_add(&books, allowed, n);
				continue;
			}
			g_autoptr(GArray) chosen =
				placement_choose(p, PLACEMENT_SPREAD, allowed, n, 0);
			check_spread(&books, allowed, chosen, n);
			books_add(&books, chosen, n);
		}
	}
}

/* ---- who comes and goes ---------------------------------------------------------------------- */

#define MACHINES 12u

/* A VM that comes and goes. */
struct machine {
	gboolean runs;
	enum placement_mode mode;
	guint n, reserve;
	GArray *allowed, *at; /* at: NULL unless it runs */
};

/* The rule's measure as the test understands it: what comes first counts more. */
struct tally {
	guint64 over, shared, uneven, siblings, cores, sockets;
};

/* -1: a is better. */
static int tally_compare(const struct tally *a, const struct tally *b)
{
	const guint64 rows[][2] = {
		{a->over, b->over},	    {a->shared, b->shared}, {a->uneven, b->uneven},
		{a->siblings, b->siblings}, {a->cores, b->cores},   {a->sockets, b->sockets},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		if (rows[i][0] != rows[i][1])
			return rows[i][0] < rows[i][1] ? -1 : 1;
	}
	return 0;
}

/* On the core (or the socket) of a CPU: the CPUs in use but by who is packed, and who is there. */
static gboolean is_first_of(const guint *group, guint cpu)
{
	for (guint i = 0; i < cpu; i++) {
		if (group[i] == group[cpu])
			return FALSE;
	}
	return TRUE;
}

static void tally_core(const struct books *books, guint first, const guint *spread,
		       const guint *pack, const guint *fixed, struct tally *tally)
{
	guint busy = 0, spreads = 0, packs = 0;

	for (guint cpu = first; cpu < books->n; cpu++) {
		if (books->core[cpu] != books->core[first])
			continue;
		busy += spread[cpu] + fixed[cpu] > 0;
		spreads += spread[cpu];
		packs += pack[cpu];
	}
	tally->siblings += spreads > 0 ? busy - 1 : 0;
	tally->cores += packs > 0;
}

/* books: with those who are bound; at[i]: where machine i is. */
static struct tally tally_of(const struct books *fixed, const guint *sockets,
			     const struct machine *machines, GArray *const *at)
{
	guint spread[CPUS_MAX] = {0}, pack[CPUS_MAX] = {0}, reserved[CPUS_MAX] = {0};
	struct books books = *fixed;
	struct tally tally = {0};

	for (guint i = 0; i < MACHINES; i++) {
		if (!machines[i].runs)
			continue;
		books_add(&books, at[i], machines[i].n);
		for (guint k = 0; k < at[i]->len; k++) {
			guint cpu = g_array_index(at[i], uint32_t, k);

			(machines[i].mode == PLACEMENT_PACK ? pack : spread)[cpu]++;
			reserved[cpu] += 5040 * machines[i].reserve / at[i]->len;
		}
	}
	for (guint cpu = 0; cpu < books.n; cpu++) {
		gboolean packed = FALSE;

		tally.over += MAX(reserved[cpu], 5040 * SCHED_RESERVABLE) - 5040 * SCHED_RESERVABLE;
		tally.shared += MAX(books.load[cpu], 5040) - 5040;
		tally.uneven += (guint64)books.load[cpu] * books.load[cpu];
		if (is_first_of(books.core, cpu))
			tally_core(&books, cpu, spread, pack, fixed->load, &tally);
		for (guint k = cpu; k < books.n; k++)
			packed |= sockets[k] == sockets[cpu] && pack[k] > 0;
		tally.sockets += is_first_of(sockets, cpu) && packed;
	}
	return tally;
}

/* What the test remembers of one host. */
struct stage {
	struct books books;
	guint sockets[CPUS_MAX];
	struct machine machines[MACHINES];
	guint order[MACHINES], n; /* those that run, the oldest first */
	placement_t *placement;	  /* with those who are bound */
	guint moves, moves_anew;  /* of those that ran before and run on */
};

/* One after the other, who has a place in kept there: the newcomer beside those who stay, or all
 * from nothing. */
static void place_simply(const struct stage *stage, const host_topology_t *host, GArray *bound,
			 gboolean keep, GArray **ret)
{
	g_autoptr(placement_t) p = placement_new(host);

	if (bound)
		placement_add(p, bound, 1, 0);
	for (guint pass = 0; pass < 2; pass++) {
		for (guint i = 0; i < stage->n; i++) {
			guint id = stage->order[i];
			const struct machine *m = &stage->machines[id];
			gboolean stays = keep && m->at;

			if (stays != (pass == 0))
				continue;
			ret[id] =
				stays ? g_array_ref(m->at)
				      : placement_choose(p, m->mode, m->allowed, m->n, m->reserve);
			if (stays)
				placement_add(p, m->at, m->n, m->reserve);
		}
	}
}

static void clear_places(GArray **at)
{
	for (guint i = 0; i < MACHINES; i++)
		g_clear_pointer(&at[i], g_array_unref);
}

/* After somebody came or went. */
static void settle_and_check(struct stage *stage, const host_topology_t *host, GArray *bound)
{
	struct placement_wish wishes[MACHINES];
	GArray *stay[MACHINES] = {NULL}, *anew[MACHINES] = {NULL}, *got[MACHINES] = {NULL};
	gboolean moved = FALSE;

	for (guint i = 0; i < stage->n; i++) {
		const struct machine *m = &stage->machines[stage->order[i]];

		wishes[i] =
			(struct placement_wish){m->mode, m->allowed, m->n, m->reserve, m->at, NULL};
	}
	placement_settle(stage->placement, wishes, stage->n);
	place_simply(stage, host, bound, TRUE, stay);
	place_simply(stage, host, bound, FALSE, anew);
	for (guint i = 0; i < stage->n; i++) {
		guint id = stage->order[i];
		const struct machine *m = &stage->machines[id];

		got[id] = wishes[i].chosen;
		g_assert_cmpuint(got[id]->len, ==, MIN(m->n, m->allowed->len));
		g_assert_true(sched_cpus_is_subset(got[id], m->allowed));
		if (!sched_cpus_equal(got[id], stay[id]))
			moved = TRUE;
		stage->moves += m->at && !sched_cpus_equal(got[id], m->at);
		stage->moves_anew += m->at && !sched_cpus_equal(anew[id], m->at);
	}
	struct tally was = tally_of(&stage->books, stage->sockets, stage->machines, stay);
	struct tally is = tally_of(&stage->books, stage->sockets, stage->machines, got);
	struct tally simple = tally_of(&stage->books, stage->sockets, stage->machines, anew);
	if (moved)
		g_assert_cmpint(tally_compare(&is, &was), <, 0);
	g_assert_cmpint(tally_compare(&is, &simple), <=, 0);
	for (guint i = 0; i < stage->n; i++) {
		struct machine *m = &stage->machines[stage->order[i]];

		g_clear_pointer(&m->at, g_array_unref);
		m->at = g_steal_pointer(&got[stage->order[i]]);
	}
	clear_places(stay);
	clear_places(anew);
}

static void start_or_stop(struct stage *stage, GRand *rand, gboolean mixed)
{
	guint id = (guint)g_rand_int_range(rand, 0, (gint32)MACHINES);
	struct machine *m = &stage->machines[id];
	guint where = 0;

	m->runs = !m->runs;
	if (m->runs) {
		m->mode = mixed && g_rand_boolean(rand) ? PLACEMENT_PACK : PLACEMENT_SPREAD;
		m->n = (guint)g_rand_int_range(rand, 1, 5);
		m->reserve = g_rand_int(rand) % 4 == 0
				     ? 12 * (guint)g_rand_int_range(rand, 1, 1 + 8 * (gint32)m->n)
				     : 0;
		m->allowed = random_online(rand, &stage->books, g_rand_int(rand) % 4 != 0);
		stage->order[stage->n++] = id;
		return;
	}
	g_clear_pointer(&m->at, g_array_unref);
	g_clear_pointer(&m->allowed, g_array_unref);
	while (stage->order[where] != id)
		where++;
	for (stage->n--; where < stage->n; where++)
		stage->order[where] = stage->order[where + 1];
}

/* Who moves does so for the better, and the whole is never worse than if it were made anew. */
static void test_settle_random(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(13);
	guint moves = 0, moves_anew = 0;

	for (unsigned round = 0; round < 60; round++) {
		struct stage stage = {0};
		g_autoptr(host_topology_t) host = random_host(rand, &stage.books);
		g_autoptr(placement_t) p = placement_new(host);
		g_autoptr(GArray) bound = NULL;

		for (guint i = 0; i < host->cpus->len; i++) {
			const struct host_cpu *cpu = &g_array_index(host->cpus, struct host_cpu, i);
			stage.sockets[cpu->id] = (guint)cpu->socket;
		}
		if (g_rand_boolean(rand)) {
			bound = random_online(rand, &stage.books, FALSE);
			g_array_set_size(bound, MIN(bound->len, 4));
			placement_add(p, bound, 1, 0);
			books_add(&stage.books, bound, 1);
		}
		stage.placement = p;
		for (unsigned step = 0; step < 40; step++) {
			start_or_stop(&stage, rand, round % 3 == 0);
			settle_and_check(&stage, host, bound);
		}
		moves += stage.moves;
		moves_anew += stage.moves_anew;
		for (guint i = 0; i < MACHINES; i++) {
			g_clear_pointer(&stage.machines[i].at, g_array_unref);
			g_clear_pointer(&stage.machines[i].allowed, g_array_unref);
		}
	}
	g_test_message("%u moves, %u if all were placed anew", moves, moves_anew);
	g_assert_cmpuint(moves * 4, <, moves_anew);
}

/* Spread never takes a second thread of a core while an allowed core is free. */
static void test_random(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(11);

	for (unsigned round = 0; round < 300; round++) {
		guint cores = (guint)g_rand_int_range(rand, 1, 5);
		guint threads = (guint)g_rand_int_range(rand, 1, 3);
		g_autoptr(host_topology_t) host =
			fake_topology_new(1, cores, threads, g_rand_boolean(rand));
		g_autoptr(placement_t) p = placement_new(host);
		g_autoptr(GArray) online = host_cpu_list_parse(host->online);

		for (unsigned i = 0; i < 20; i++) {
			enum placement_mode mode =
				g_rand_boolean(rand) ? PLACEMENT_SPREAD : PLACEMENT_PACK;
			g_autoptr(GArray) some = random_cpus(rand, cores * threads);
			uint32_t n = (uint32_t)g_rand_int_range(rand, 1, 10);
			g_autoptr(GArray) chosen = placement_choose(p, mode, some, n, 0);
			g_assert_true(sched_cpus_is_subset(chosen, some));
			g_assert_cmpuint(chosen->len, ==, MIN(n, some->len));
		}
		g_autoptr(placement_t) fresh = placement_new(host);
		g_autoptr(GHashTable) used = g_hash_table_new(g_str_hash, g_str_equal);
		for (guint i = 0; i < cores; i++) {
			g_autoptr(GArray) one =
				placement_choose(fresh, PLACEMENT_SPREAD, online, 1, 0);
			guint id = g_array_index(one, uint32_t, 0);
			const struct host_cpu *cpu =
				&g_array_index(host->cpus, struct host_cpu, id);
			g_assert_true(g_hash_table_add(used, cpu->siblings));
		}
	}
}

static void expect_hints(const host_topology_t *host, const char *list, uint32_t vcpus,
			 const char *expected)
{
	g_autoptr(GArray) set = cpus(list);
	g_autoptr(GPtrArray) hints = placement_hints(host, set, vcpus);

	g_ptr_array_add(hints, NULL);
	g_autofree char *text = g_strjoinv("|", (char **)hints->pdata);
	g_assert_cmpstr(text, ==, expected);
}

static void test_hints(void)
{
	g_autoptr(host_topology_t) host = fake_topology_new(1, 4, 2, TRUE);
	g_autoptr(host_topology_t) single = fake_topology_new(1, 4, 1, TRUE);

	expect_hints(host, "0,2,4", 2, "");
	expect_hints(host, "0-7", 7, "");
	expect_hints(host, "0-7", 8, ""); /* the host has not one more */
	expect_hints(host, "0,2", 2,
		     "CPUs 0,2 are all that 2 virtual processors may use: leave one CPU more, on "
		     "which its devices are served, such as 0,2,4");
	expect_hints(host, "0-2", 2,
		     "CPUs 0 and 1 are two threads of one core, not two cores: take a CPU of each "
		     "core first, such as 0,2,4");
	expect_hints(host, "0,2,4-6", 4, ""); /* every core is used */
	expect_hints(host, "6-7", 3,
		     "CPUs 6-7 are all that 3 virtual processors may use: leave one CPU more, on "
		     "which its devices are served, such as 0,2,4,6|CPUs 6 and 7 are two threads "
		     "of one core, not two cores: take a CPU of each core first, such as 0,2");
	expect_hints(single, "0-1", 1, "");
	expect_hints(single, "3", 1,
		     "CPU 3 is all that 1 virtual processor may use: leave one CPU more, on which "
		     "its devices are served, such as 0-1");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/placement/spread", test_spread);
	g_test_add_func("/placement/every", test_every);
	g_test_add_func("/placement/spread-sockets", test_spread_sockets);
	g_test_add_func("/placement/pack", test_pack);
	g_test_add_func("/placement/load", test_load);
	g_test_add_func("/placement/offline", test_offline);
	g_test_add_func("/placement/offline-many-threads", test_offline_many_threads);
	g_test_add_func("/placement/rule-random", test_rule_random);
	g_test_add_func("/placement/settle-random", test_settle_random);
	g_test_add_func("/placement/random", test_random);
	g_test_add_func("/placement/hints", test_hints);
	return g_test_run();
}
