/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What it takes to write a machine's memory into a file and to read it back: all of it used, and a
 * quarter, each fourth page of which is zeroes. Usage: bench_state FILE [RUNS]; FILE is made, and
 * is where states would be.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "partition.h"
#include "state_file.h"

#define MIB  ((uint64_t)1 << 20)
#define BLOB ((size_t)256 << 10) /* as large as the state of a machine with a few devices */

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "bench_state: %s\n", what);
	exit(EXIT_FAILURE);
}

static struct partition *partition_of(uint64_t size)
{
	const struct partition_properties properties = {.memory_size = size, .vp_count = 1};
	struct partition *partition = NULL;
	struct hv_fault fault;

	must(partition_create(&properties, &partition, &fault) == HV_STATUS_SUCCESS,
	     "there is no memory for it");
	return partition;
}

static void fill(const struct partition *partition, uint64_t used, bool gaps)
{
	uint8_t *memory = partition_gpa_pointer(partition, 0, used);
	uint64_t value = 1;

	for (uint64_t at = 0; at < used; at += sizeof(value)) {
		value = value * 6364136223846793005u + 1442695040888963407u;
		if (!gaps || at / PARTITION_PAGE_SIZE % 4 != 3)
			memcpy(memory + at, &value, sizeof(value));
	}
}

static void row(const char *verb, uint64_t memory, uint64_t used, const struct bench_series *series)
{
	char name[64], note[64];

	snprintf(name, sizeof(name), "%s %u MiB, %u MiB used", verb, (unsigned int)(memory / MIB),
		 (unsigned int)(used / MIB));
	snprintf(note, sizeof(note), "%.2f GiB/s",
		 (double)used / (double)(MIB << 10) / bench_median(series) * 1000);
	bench_print_row(name, "ms", series, note);
}

static void run(int fd, uint64_t memory, uint64_t used, unsigned int runs)
{
	const struct state_file_machine machine = {.memory = memory, .vp_count = 1};
	struct bench_series saved = {.n = 0}, restored = {.n = 0};
	struct partition *partition = partition_of(memory);
	uint8_t *blob = calloc(1, BLOB);
	size_t size;

	must(blob != NULL, "there is no memory for it");
	fill(partition, used, used < memory);
	for (unsigned int i = 0; i < runs; i++) {
		double start;
		g_autoptr(GError) error = NULL;

		must(ftruncate(fd, 0) == 0, "FILE cannot be emptied");
		start = bench_now_ms();
		must(state_file_write(fd, &machine, blob, BLOB, partition, &error),
		     error ? error->message : "");
		bench_add(&saved, bench_now_ms() - start);

		struct partition *other = partition_of(memory);
		start = bench_now_ms();
		g_autofree uint8_t *read = state_file_read(fd, &machine, &size, &error);
		must(read && state_file_read_memory(fd, size, other, &error),
		     error ? error->message : "");
		bench_add(&restored, bench_now_ms() - start);
		partition_delete(other);
	}
	row("save", memory, used, &saved);
	row("restore", memory, used, &restored);
	free(blob);
	partition_delete(partition);
}

int main(int argc, char **argv)
{
	unsigned int runs = argc > 2 ? (unsigned int)strtoul(argv[2], NULL, 10) : 5;
	int fd;

	must(argc > 1 && runs > 0, "usage: bench_state FILE [RUNS]");
	fd = open(argv[1], O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	must(fd >= 0, strerror(errno));
	(void)unlink(argv[1]);
	bench_print_header();
	for (uint64_t memory = 256 * MIB; memory <= 1024 * MIB; memory *= 4) {
		run(fd, memory, memory, runs);
		run(fd, memory, memory / 4, runs);
	}
	close(fd);
	return EXIT_SUCCESS;
}
