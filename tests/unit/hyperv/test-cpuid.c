/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>

#include "cpuid.h"
#include "cpuid_tables.h"

struct table {
	const struct cpuid_host *host;
	struct hv_cpuid_entry entries[CPUID_MAX_ENTRIES];
	size_t n;
};

static void build(struct table *table, const struct cpuid_host *host,
		  struct cpuid_topology topology, uint32_t vp, bool kvm_leaves)
{
	table->host = host;
	table->n = cpuid_build(host->entries, host->n, &topology, vp, kvm_leaves, table->entries,
			       CPUID_MAX_ENTRIES);
	g_assert_cmpuint(table->n, >, 0);
}

/* As a guest sees it: a leaf without an entry is zeros. */
static struct hv_cpuid_entry leaf(const struct table *table, uint32_t function, uint32_t index)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct hv_cpuid_entry *entry = &table->entries[i];

		if (entry->function == function && (!entry->indexed || entry->index == index))
			return *entry;
	}
	return (struct hv_cpuid_entry){0};
}

static bool empty(struct hv_cpuid_entry e)
{
	return (e.eax | e.ebx | e.ecx | e.edx) == 0;
}

static const struct cpuid_topology one = {1, 1, 1};

/* ---- examples -------------------------------------------------------------------------------- */

static void test_topology_valid(void)
{
	static const struct {
		struct cpuid_topology topology;
		bool valid;
	} cases[] = {
		{{1, 1, 1}, true},	    {{1, 3, 1}, true},
		{{1, 3, 2}, true},	    {{2, 2, 2}, true},
		{{3, 4, 2}, true},	    {{1, 240, 1}, true},
		{{1, 1, 3}, true},	    {{240, 1, 1}, true},
		{{0, 1, 1}, false},	    {{1, 0, 1}, false},
		{{1, 1, 0}, false},	    {{1, 241, 1}, false},
		{{2, 3, 1}, false},	    {{1, 2, 3}, false},
		{{2, 1, 3}, false},	    {{61, 4, 1}, false},
		{{65536, 65536, 1}, false}, {{UINT32_MAX, UINT32_MAX, UINT32_MAX}, false},
	};
	struct hv_cpuid_entry out[CPUID_MAX_ENTRIES];

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_assert_cmpint(cpuid_topology_valid(&cases[i].topology), ==, cases[i].valid);
		size_t n = cpuid_build(cpuid_hosts[0].entries, cpuid_hosts[0].n, &cases[i].topology,
				       0, true, out, CPUID_MAX_ENTRIES);
		g_assert_cmpint(n > 0, ==, cases[i].valid);
	}
	g_assert_cmpuint(cpuid_build(cpuid_hosts[0].entries, cpuid_hosts[0].n, &one, 1, true, out,
				     CPUID_MAX_ENTRIES),
			 ==, 0);
}

static void test_too_small(void)
{
	for (size_t h = 0; h < cpuid_n_hosts; h++) {
		const struct cpuid_host *host = &cpuid_hosts[h];
		struct hv_cpuid_entry out[CPUID_MAX_ENTRIES];
		size_t n =
			cpuid_build(host->entries, host->n, &one, 0, true, out, CPUID_MAX_ENTRIES);

		for (size_t max = 0; max + 8 < n; max++)
			g_assert_cmpuint(
				cpuid_build(host->entries, host->n, &one, 0, true, out, max), ==,
				0);
	}
}

static void test_intel_caches(void)
{
	struct table table;

	build(&table, &cpuid_hosts[0], (struct cpuid_topology){2, 4, 2}, 13, true);
	/* First and second level: two ids; third: eight; four cores. */
	for (uint32_t i = 0; i < 3; i++) {
		g_assert_cmpuint((leaf(&table, 4, i).eax >> 14) & 0xfff, ==, 1);
		g_assert_cmpuint(leaf(&table, 4, i).eax >> 26, ==, 3);
	}
	g_assert_cmpuint((leaf(&table, 4, 3).eax >> 14) & 0xfff, ==, 7);
	g_assert_true(empty(leaf(&table, 4, 4)));
	g_assert_cmpuint(leaf(&table, 4, 3).eax & 0x3fff, ==, 0x163);
	g_assert_cmpuint(leaf(&table, 0x1f, 1).ebx, ==, 8);
	g_assert_true(empty(leaf(&table, 0x8000001e, 0)));

	/* Six cores share what eight ids could. */
	build(&table, &cpuid_hosts[0], (struct cpuid_topology){1, 6, 1}, 5, true);
	g_assert_cmpuint((leaf(&table, 4, 0).eax >> 14) & 0xfff, ==, 0);
	g_assert_cmpuint((leaf(&table, 4, 3).eax >> 14) & 0xfff, ==, 7);
	g_assert_cmpuint(leaf(&table, 4, 3).eax >> 26, ==, 7);
}

static void test_amd_leaves(void)
{
	struct table table;

	build(&table, &cpuid_hosts[1], (struct cpuid_topology){2, 4, 2}, 13, true);
	g_assert_cmphex(leaf(&table, 0x8000001e, 0).eax, ==, 13);
	g_assert_cmphex(leaf(&table, 0x8000001e, 0).ebx, ==, 0x102);
	g_assert_cmphex(leaf(&table, 0x8000001e, 0).ecx, ==, 1);
	g_assert_cmphex(leaf(&table, 0x80000008, 0).ecx, ==, 0x3007);
	g_assert_cmpuint((leaf(&table, 0x8000001d, 0).eax >> 14) & 0xfff, ==, 1);
	g_assert_cmpuint((leaf(&table, 0x8000001d, 3).eax >> 14) & 0xfff, ==, 7);
	g_assert_cmphex(leaf(&table, 0x80000001, 0).ecx & 2, ==, 2);
	g_assert_true(empty(leaf(&table, 0x1f, 0)));

	/* Without TOPOEXT there is nothing to read there, and leaf 0xb says it. */
	build(&table, &cpuid_hosts[2], (struct cpuid_topology){1, 2, 1}, 1, true);
	g_assert_true(empty(leaf(&table, 0x8000001e, 0)));
	g_assert_cmphex(leaf(&table, 0x80000008, 0).ecx, ==, 0x1001);
	g_assert_cmphex(leaf(&table, 0xb, 1).ebx, ==, 2);
	g_assert_cmphex(leaf(&table, 0xb, 1).edx, ==, 1);
}

/* AMX and MPX of the first host: 0x2b00 with tile data, and 0xa88 without. */
static void test_xsave_sizes(void)
{
	struct hv_cpuid_entry entries[CPUID_MAX_ENTRIES] = {0};
	struct cpuid_host host = cpuid_hosts[0];
	struct table table;

	for (size_t i = 0; i < host.n; i++)
		entries[i] = host.entries[i];
	host.entries = entries;
	build(&table, &host, one, 0, true);
	g_assert_cmphex(leaf(&table, 0xd, 0).eax, ==, 0x602e7); /* no MPX in leaf 7 */
	g_assert_cmphex(leaf(&table, 0xd, 0).ecx, ==, 0x2b00);
	g_assert_true(empty(leaf(&table, 0xd, 3)));
	g_assert_cmphex(leaf(&table, 0xd, 1).ecx, ==, 0);

	for (size_t i = 0; i < host.n; i++)
		if (entries[i].function == 7 && entries[i].index == 0) {
			entries[i].edx &= ~(1u << 24); /* AMX */
			entries[i].ecx |= 1u << 7;     /* CET */
		}
	build(&table, &host, one, 0, true);
	g_assert_cmphex(leaf(&table, 0xd, 0).eax, ==, 0x2e7);
	g_assert_cmphex(leaf(&table, 0xd, 0).ecx, ==, 0xa88);
	g_assert_cmphex(leaf(&table, 0xd, 1).ecx, ==, 0x1800);
	g_assert_true(empty(leaf(&table, 0xd, 18)));
	g_assert_false(empty(leaf(&table, 0xd, 11)));

	for (size_t i = 0; i < host.n; i++)
		if (entries[i].function == 1)
			entries[i].ecx &= ~(1u << 26); /* XSAVE */
	build(&table, &host, one, 0, true);
	g_assert_true(empty(leaf(&table, 0xd, 0)));
	g_assert_true(empty(leaf(&table, 0xd, 2)));
}

static void test_kvm_leaves(void)
{
	for (size_t h = 0; h < cpuid_n_hosts; h++) {
		struct table table;

		build(&table, &cpuid_hosts[h], one, 0, true);
		g_assert_cmphex(leaf(&table, 0x40000000, 0).ebx, ==, 0x4b4d564b);
		g_assert_cmphex(leaf(&table, 0x40000000, 0).eax, ==, 0x40000001);
		g_assert_cmphex(leaf(&table, 0x40000001, 0).eax & 0x01000009, ==, 0x01000009);
		g_assert_cmphex(leaf(&table, 0x40000001, 0).eax & 1u << 15, ==, 0);
		build(&table, &cpuid_hosts[h], one, 0, false);
		g_assert_true(empty(leaf(&table, 0x40000000, 0)));
		g_assert_true(empty(leaf(&table, 0x40000001, 0)));
	}
}

/* ---- properties -------------------------------------------------------------------------------
 */

static uint32_t bits_for(uint32_t n)
{
	uint32_t bits = 0;

	while (1u << bits < n)
		bits++;
	return bits;
}

/* Package, core and thread as a guest's kernel takes them from the id must be the VP's own. */
static void check_place(const struct table *table, const struct cpuid_topology *t, uint32_t vp)
{
	uint32_t package_threads = t->cores * t->threads;
	struct hv_cpuid_entry basic = leaf(table, 1, 0);
	struct hv_cpuid_entry smt = leaf(table, 0xb, 0), core = leaf(table, 0xb, 1);

	g_assert_cmpuint(leaf(table, 0, 0).eax, >=, 0xb);
	g_assert_cmpuint(basic.ebx >> 24, ==, vp);
	g_assert_cmpint((basic.edx >> 28 & 1) != 0, ==, package_threads > 1);
	g_assert_cmpuint(basic.ebx >> 16 & 0xff, >=, MIN(package_threads, 255));

	g_assert_cmphex(smt.ecx, ==, 0x100);
	g_assert_cmphex(core.ecx, ==, 0x201);
	g_assert_cmphex(leaf(table, 0xb, 2).ecx, ==, 2);
	g_assert_cmpuint(smt.ebx, ==, t->threads);
	g_assert_cmpuint(core.ebx, ==, package_threads);
	for (uint32_t i = 0; i < 3; i++)
		g_assert_cmpuint(leaf(table, 0xb, i).edx, ==, vp);
	g_assert_cmpuint(smt.edx >> core.eax, ==, vp / package_threads);
	g_assert_cmpuint((smt.edx & ((1u << core.eax) - 1)) >> smt.eax, ==,
			 vp / t->threads % t->cores);
	g_assert_cmpuint(smt.edx & ((1u << smt.eax) - 1), ==, vp % t->threads);
	g_assert_cmpuint(smt.eax, ==, bits_for(t->threads));

	if (table->host->amd) {
		struct hv_cpuid_entry sizes = leaf(table, 0x80000008, 0);

		g_assert_cmpuint((sizes.ecx & 0xff) + 1, ==, package_threads);
		g_assert_cmpuint(sizes.ecx >> 12 & 15, ==, core.eax);
	} else {
		g_assert_cmpuint(leaf(table, 0x1f, 1).eax, ==, core.eax);
		g_assert_cmpuint((leaf(table, 4, 3).eax >> 14 & 0xfff) + 1, ==, 1u << core.eax);
	}
}

static void test_every_topology(void)
{
	for (uint32_t sockets = 1; sockets <= 9; sockets++)
		for (uint32_t cores = 1; cores <= 240; cores += cores < 20 ? 1 : 20)
			for (uint32_t threads = 1; threads <= 4; threads++) {
				struct cpuid_topology t = {sockets, cores, threads};
				uint32_t n = sockets * cores * threads;

				if (!cpuid_topology_valid(&t))
					continue;
				for (size_t h = 0; h < cpuid_n_hosts; h++)
					for (uint32_t vp = 0; vp < n;
					     vp += MAX(1, n / 16 * 2 - 1)) {
						struct table table;

						build(&table, &cpuid_hosts[h], t, vp, true);
						check_place(&table, &t, vp);
					}
			}
}

/* No two entries answer the same question; KVM would take the first. */
static void test_no_twins(void)
{
	for (size_t h = 0; h < cpuid_n_hosts; h++) {
		struct table table;

		build(&table, &cpuid_hosts[h], (struct cpuid_topology){1, 2, 2}, 3, true);
		for (size_t i = 0; i < table.n; i++)
			for (size_t j = 0; j < i; j++)
				g_assert_false(table.entries[i].function ==
						       table.entries[j].function &&
					       table.entries[i].index == table.entries[j].index);
	}
}

static void test_machine_lacks(void)
{
	for (size_t h = 0; h < cpuid_n_hosts; h++) {
		struct table t;

		build(&t, &cpuid_hosts[h], one, 0, true);
		g_assert_cmphex(leaf(&t, 1, 0).ecx & 1u << 31, !=, 0);		  /* a hypervisor */
		g_assert_cmphex(leaf(&t, 1, 0).ecx & (1u << 3 | 1u << 5), ==, 0); /* MONITOR, VMX */
		g_assert_cmphex(leaf(&t, 1, 0).ecx & 1u << 24, ==,
				cpuid_hosts[h].entries[1].ecx & 1u << 24); /* TSC deadline: kept */
		g_assert_cmphex(leaf(&t, 0x80000001, 0).ecx & (1u << 2 | 1u << 19 | 1u << 23), ==,
				0);
		static const uint32_t gone[] = {5,	    0xa,	0x12,	    0x14,
						0x8000000a, 0x8000001b, 0x8000001f, 0x80000022};
		for (size_t i = 0; i < G_N_ELEMENTS(gone); i++)
			g_assert_true(empty(leaf(&t, gone[i], 0)));
		g_assert_cmphex(leaf(&t, 6, 0).ecx, ==, 0);
		if (cpuid_hosts[h].amd)
			g_assert_cmphex(leaf(&t, 7, 0).edx & 1u << 29, ==, 0);
	}
}

/* With any set of features withheld, leaf 0xd tells what the others add up to. */
static void test_xsave_property(void)
{
	static const struct {
		uint32_t function, ebx, ecx, edx;
		uint64_t states;
	} features[] = {
		{1, 0, 1u << 28, 0, 4},	      {7, 1u << 16, 0, 0, 0xe0}, {7, 0, 1u << 3, 0, 0x200},
		{7, 0, 0, 1u << 24, 0x60000}, {7, 1u << 14, 0, 0, 0x18},
	};

	for (uint32_t set = 0; set < 1u << G_N_ELEMENTS(features); set++) {
		struct hv_cpuid_entry entries[CPUID_MAX_ENTRIES] = {0};
		struct cpuid_host host = cpuid_hosts[0];
		uint64_t wanted = 3;
		struct table table;
		uint32_t size = 576;

		for (size_t i = 0; i < host.n; i++)
			entries[i] = host.entries[i];
		host.entries = entries;
		for (size_t f = 0; f < G_N_ELEMENTS(features); f++) {
			bool on = (set >> f & 1) != 0;

			if (on && (f != 1 || (set & 1) != 0))
				wanted |= features[f].states;
			for (size_t i = 0; i < host.n; i++) {
				struct hv_cpuid_entry *e = &entries[i];

				if (e->function != features[f].function || e->index != 0)
					continue;
				e->ebx = on ? e->ebx | features[f].ebx : e->ebx & ~features[f].ebx;
				e->ecx = on ? e->ecx | features[f].ecx : e->ecx & ~features[f].ecx;
				e->edx = on ? e->edx | features[f].edx : e->edx & ~features[f].edx;
			}
		}
		build(&table, &host, one, 0, false);
		g_assert_cmphex(leaf(&table, 0xd, 0).eax, ==, wanted);
		for (uint32_t i = 2; i < 63; i++) {
			struct hv_cpuid_entry e = leaf(&table, 0xd, i);

			g_assert_cmpint(!empty(e), ==, (wanted >> i & 1) != 0);
			size = MAX(size, e.eax + e.ebx);
		}
		g_assert_cmphex(leaf(&table, 0xd, 0).ecx, ==, size);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/cpuid/topology-valid", test_topology_valid);
	g_test_add_func("/cpuid/too-small", test_too_small);
	g_test_add_func("/cpuid/intel-caches", test_intel_caches);
	g_test_add_func("/cpuid/amd-leaves", test_amd_leaves);
	g_test_add_func("/cpuid/xsave-sizes", test_xsave_sizes);
	g_test_add_func("/cpuid/kvm-leaves", test_kvm_leaves);
	g_test_add_func("/cpuid/every-topology", test_every_topology);
	g_test_add_func("/cpuid/no-twins", test_no_twins);
	g_test_add_func("/cpuid/machine-lacks", test_machine_lacks);
	g_test_add_func("/cpuid/xsave-property", test_xsave_property);
	return g_test_run();
}
