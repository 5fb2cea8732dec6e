/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "topology_guest.h"

#include "assert_error.h"
#include "cpuid.h"

static void expect(const struct topology_guest *asked, uint32_t count, uint32_t host,
		   const char *expected)
{
	struct topology_guest t = {0};
	g_autoptr(GError) error = NULL;
	gboolean right = topology_guest_resolve(asked, count, host, &t, &error);
	g_autofree char *text = right ? g_strdup_printf("%u,%u,%u", t.sockets, t.cores, t.threads)
				      : g_strdup(error->message);

	g_assert_cmpint(right, ==, !error);
	g_assert_cmpstr(text, ==, expected);
}

static void test_rows(void)
{
	static const struct {
		struct topology_guest asked;
		uint32_t count, host;
		const char *expected;
	} rows[] = {
		{{1, 0, 1}, 4, 2, "1,4,1"},
		{{1, 2, 2}, 4, 1, "1,2,2"},
		{{2, 0, 1}, 4, 1, "2,2,1"},
		{{2, 0, 2}, 8, 1, "2,2,2"},
		{{1, 3, 1}, 3, 1, "1,3,1"},
		{{1, 3, 2}, 6, 1, "1,3,2"},
		{{1, 1, 3}, 3, 1, "1,1,3"},
		/* The host's threads, where they divide the count. */
		{{1, 0, 0}, 4, 2, "1,2,2"},
		{{1, 0, 0}, 1, 2, "1,1,1"},
		{{1, 0, 0}, 3, 2, "1,3,1"},
		{{1, 0, 0}, 6, 4, "1,3,2"},
		{{1, 0, 0}, 8, 8, "1,1,8"},
		{{2, 0, 0}, 8, 2, "2,2,2"},
		{{1, 2, 0}, 4, 2, "1,2,2"},
		{{1, 4, 0}, 4, 2, "1,4,1"},
		/* Not to be known yet. */
		{{1, 0, 0}, 4, 0, "1,0,0"},
		{{1, 2, 0}, 4, 0, "1,2,2"},
		/* Wrong products. */
		{{1, 2, 2},
		 3,
		 1,
		 "1 socket of 2 cores of 2 threads are 4 processors, and cpus.count is 3; make them "
		 "equal"},
		{{2, 1, 1},
		 4,
		 1,
		 "2 sockets of 1 core of 1 thread are 2 processors, and cpus.count is 4; make them "
		 "equal"},
		{{3, 0, 1}, 4, 1, "4 processors cannot be divided among 3 sockets"},
		{{8, 0, 0}, 4, 0, "4 processors cannot be divided among 8 sockets"},
		{{1, 0, 2},
		 3,
		 1,
		 "1 socket of 1 core of 2 threads are 2 processors, and cpus.count is 3; make them "
		 "equal"},
		{{1, 3, 0},
		 4,
		 0,
		 "1 socket of 3 cores of 1 thread are 3 processors, and cpus.count is 4; make them "
		 "equal"},
		{{240, 240, 240},
		 240,
		 1,
		 "240 sockets of 240 cores of 240 threads are 13824000 processors, and cpus.count "
		 "is 240; make them equal"},
		/* What no guest can be told. */
		{{1, 2, 3},
		 6,
		 1,
		 "3 threads per core cannot be told to a guest with several cores; give a power of "
		 "two"},
		{{2, 3, 1},
		 6,
		 1,
		 "3 processors per socket cannot be told to a guest with several sockets; give a "
		 "power of two, or one socket"},
		{{1, 2, 0},
		 8,
		 2,
		 "2 cores per socket would need 4 threads each, and a core of this host has 2; give "
		 "another number of cores, or threadsPerCore"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		expect(&rows[i].asked, rows[i].count, rows[i].host, rows[i].expected);
}

/* What the service lets pass, the worker can build; what is left open is always possible. */
static void test_agreement(void)
{
	for (uint32_t count = 1; count <= 64; count++) {
		for (uint32_t i = 0; i < 9 * 9 * 9; i++) {
			const struct topology_guest asked = {1 + i % 9, i / 9 % 9, i / 81};
			struct topology_guest t;

			if (!topology_guest_resolve(&asked, count, 1 + i % 4, &t, NULL))
				continue;
			const struct cpuid_topology worker = {t.sockets, t.cores, t.threads};
			g_assert_cmpuint(t.sockets * t.cores * t.threads, ==, count);
			g_assert_true(cpuid_topology_valid(&worker));
			g_assert_true(asked.cores == 0 || asked.cores == t.cores);
			g_assert_true(asked.threads == 0 || asked.threads == t.threads);
		}
		for (uint32_t host = 1; host <= 8; host++) {
			const struct topology_guest open = {1, 0, 0};
			struct topology_guest t;

			g_assert_true(topology_guest_resolve(&open, count, host, &t, NULL));
			g_assert_cmpuint(t.threads, <=, host);
		}
	}
	/* And the other way round: nothing that the worker could build is refused. */
	for (uint32_t i = 0; i < 16 * 16 * 16; i++) {
		const struct topology_guest asked = {1 + i % 16, 1 + i / 16 % 16, 1 + i / 256};
		const struct cpuid_topology worker = {asked.sockets, asked.cores, asked.threads};
		uint32_t count = asked.sockets * asked.cores * asked.threads;
		struct topology_guest t;

		if (count <= PARTITION_MAX_VPS)
			g_assert_cmpint(topology_guest_resolve(&asked, count, 1, &t, NULL), ==,
					cpuid_topology_valid(&worker));
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/topology-guest/rows", test_rows);
	g_test_add_func("/topology-guest/agreement", test_agreement);
	return g_test_run();
}
