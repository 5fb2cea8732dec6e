/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the core of vmmsd costs without the bus:
 *
 *   bench_store DIRECTORY [RUNS]
 *
 * DIRECTORY decides which disk is measured; it must exist, and each run works in a new directory
 * inside it, which is removed again.
 */
#include <ftw.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "vm_registry.h"

#define DEFINES 2000u
#define LOADED	10000u

struct results {
	struct bench_series insert, define, state, load, describe, parse;
};

static int remove_one(const char *path, const struct stat *status, int flag, struct FTW *where)
{
	(void)status, (void)flag, (void)where;
	return remove(path);
}

static void check(GError *error)
{
	if (!error)
		return;
	fprintf(stderr, "bench_store: %s\n", error->message);
	exit(EXIT_FAILURE);
}

static double per_second(unsigned n, double start_ms)
{
	return n / (bench_now_ms() - start_ms) * 1e3;
}

static void insert_rows(struct results *results, const char *directory)
{
	GError *error = NULL;
	struct store *store = store_open(directory, &error);
	g_autoptr(definition_t) definition =
		definition_parse("{\"version\":1,\"name\":\"x\"}", NULL);
	double start = bench_now_ms();

	check(error);
	for (unsigned i = 0; i < DEFINES; i++) {
		g_autofree char *uuid = g_uuid_string_random();
		g_autofree char *name = g_strdup_printf("vm-%u", i);
		const struct store_vm vm = {
			.uuid = uuid, .name = name, .definition = definition->json};
		store_insert_vm(store, &vm, &error);
		check(error);
	}
	bench_add(&results->insert, per_second(DEFINES, start));
	store_close(store);
}

static void define(struct vm_registry *registry, unsigned number)
{
	GError *error = NULL;
	g_autofree char *json = g_strdup_printf(
		"{\"version\":1,\"name\":\"vm%u\",\"cpus\":{\"count\":2},\"memory\":{\"size\":"
		"\"1G\"},\"boot\":{\"kernel\":\"/boot/vmlinuz\",\"cmdline\":\"console=ttyS0\"}}",
		number);

	vm_registry_define(registry, json, &error);
	check(error);
}

/* The names come in no order, as with real users, so that the sorted list has work. */
static void define_and_apply(struct results *results, struct vm_registry *registry)
{
	double start = bench_now_ms();

	for (unsigned i = 0; i < DEFINES; i++)
		define(registry, i * 7919u % LOADED);
	bench_add(&results->define, per_second(DEFINES, start));

	const GPtrArray *vms = vm_registry_sorted(registry);
	start = bench_now_ms();
	for (unsigned i = 0; i < DEFINES; i++)
		vm_apply(vms->pdata[i], VM_EVENT_START, NULL, NULL);
	bench_add(&results->state, per_second(DEFINES, start));
	for (unsigned i = DEFINES; i < LOADED; i++)
		define(registry, i * 7919u % LOADED);
}

static void load(struct results *results, const char *directory)
{
	GError *error = NULL;
	double start = bench_now_ms();
	struct store *store = store_open(directory, &error);

	check(error);
	struct vm_registry *registry = vm_registry_new(store, NULL);
	vm_registry_load(registry, &error);
	check(error);
	bench_add(&results->load, bench_now_ms() - start);

	const GPtrArray *vms = vm_registry_sorted(registry);
	start = bench_now_ms();
	for (guint i = 0; i < vms->len; i++)
		g_free(vm_describe(vms->pdata[i], NULL));
	bench_add(&results->describe, bench_now_ms() - start);

	g_autofree char *json = g_strdup(((struct vm *)vms->pdata[0])->definition->json);
	start = bench_now_ms();
	for (unsigned i = 0; i < LOADED; i++)
		definition_unref(definition_parse(json, NULL));
	bench_add(&results->parse, (bench_now_ms() - start) * 1e3 / LOADED);
	vm_registry_free(registry);
	store_close(store);
}

static void run(struct results *results, const char *parent)
{
	g_autofree char *template = g_build_filename(parent, "bench-store-XXXXXX", NULL);
	g_autofree char *first = g_strdup(template);
	g_autofree char *second = g_strdup(template);
	GError *error = NULL;

	if (!g_mkdtemp(first) || !g_mkdtemp(second)) {
		perror(parent);
		exit(EXIT_FAILURE);
	}
	insert_rows(results, first);
	struct store *store = store_open(second, &error);
	check(error);
	struct vm_registry *registry = vm_registry_new(store, NULL);
	define_and_apply(results, registry);
	vm_registry_free(registry);
	store_close(store);
	load(results, second);
	nftw(first, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	nftw(second, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int main(int argc, char **argv)
{
	struct results results = {0};
	unsigned long runs = argc > 2 ? strtoul(argv[2], NULL, 10) : 5;

	if (argc < 2) {
		fprintf(stderr, "usage: bench_store DIRECTORY [RUNS]\n");
		return 2;
	}
	for (unsigned long i = 0; i < runs && i < 512; i++)
		run(&results, argv[1]);
	bench_print_header();
	bench_print_row("store_insert_vm", "1/s", &results.insert, "");
	bench_print_row("vm_registry_define", "1/s", &results.define, ">= 2000 through the bus");
	bench_print_row("vm_apply", "1/s", &results.state, "");
	bench_print_row("open and load 10000 VMs", "ms", &results.load, "<= 300");
	bench_print_row("vm_describe of 10000 VMs", "ms", &results.describe, "");
	bench_print_row("definition_parse", "us", &results.parse, "");
	return 0;
}
