/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file of a saved machine: what is written is read, and nothing else is taken for it. */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_partition.h"
#include "state_file.h"
#include "worker_error.h"

#define MIB  ((uint64_t)1 << 20)
#define PAGE ((uint64_t)4096)

static const uint8_t blob[] = "not looked into";

/* A machine of 16 MiB, and the file that it is saved in. */
struct fixture {
	struct state_file_machine machine;
	struct partition *partition;
	int fd;
};

static void setup(struct fixture *f, gconstpointer data)
{
	(void)data;
	fake_reset();
	f->machine =
		(struct state_file_machine){.uuid = {1, 2, 3}, .memory = 16 * MIB, .vp_count = 2};
	f->partition = fake_partition_of(f->machine.memory);
	f->fd = memfd_create("state", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	g_assert_cmpint(f->fd, >=, 0);
}

static void teardown(struct fixture *f, gconstpointer data)
{
	(void)data;
	partition_delete(f->partition);
	close(f->fd);
}

static void poke(struct fixture *f, uint64_t gpa, uint8_t value)
{
	g_assert_cmpint(partition_write_gpa(f->partition, gpa, &value, 1), ==, HV_STATUS_SUCCESS);
}

static void save(struct fixture *f)
{
	g_autoptr(GError) error = NULL;

	g_assert_true(
		state_file_write(f->fd, &f->machine, blob, sizeof(blob), f->partition, &error));
	g_assert_no_error(error);
}

static uint64_t file_size(int fd, uint64_t *used)
{
	struct stat st;

	g_assert_cmpint(fstat(fd, &st), ==, 0);
	if (used)
		*used = (uint64_t)st.st_blocks * 512;
	return (uint64_t)st.st_size;
}

/* Takes the file up, and compares all of it with the machine that was saved. */
static void load_and_compare(struct fixture *f)
{
	struct partition *other = fake_partition_of(f->machine.memory);
	struct gpa_range ranges[2];
	g_autoptr(GError) error = NULL;
	size_t size, n = partition_ram_ranges(other, ranges);
	g_autofree uint8_t *read = state_file_read(f->fd, &f->machine, &size, &error);

	g_assert_no_error(error);
	g_assert_cmpuint(size, ==, sizeof(blob));
	g_assert_cmpint(memcmp(read, blob, size), ==, 0);
	g_assert_true(state_file_read_memory(f->fd, size, other, &error));
	g_assert_no_error(error);
	for (size_t i = 0; i < n; i++) {
		const void *is = partition_gpa_pointer(other, ranges[i].base, ranges[i].size);
		const void *was =
			partition_gpa_pointer(f->partition, ranges[i].base, ranges[i].size);

		g_assert_cmpint(memcmp(is, was, ranges[i].size), ==, 0);
	}
	partition_delete(other);
}

/* Pages here and there, at the borders of whatever is looked at together. */
static void test_round_trip(struct fixture *f, gconstpointer data)
{
	static const uint64_t pages[] = {0,   1,   3,	12,  13,  30,  254,  255,
					 256, 257, 511, 512, 768, 800, 4000, 4095};
	uint64_t used;

	(void)data;
	for (size_t i = 0; i < G_N_ELEMENTS(pages); i++)
		poke(f, pages[i] * PAGE + i * 255, 0xaa);
	save(f);
	g_assert_cmpuint(file_size(f->fd, &used), ==, 2 * PAGE + f->machine.memory);
	g_assert_cmpuint(used, <, 64 * PAGE);
	load_and_compare(f);
}

/* Random pages, many times, also over a file that was in use. */
static void test_random(struct fixture *f, gconstpointer data)
{
	(void)data;
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 40; i++)
			poke(f, (uint64_t)g_test_rand_int_range(0, 16 << 20),
			     (uint8_t)g_test_rand_int_range(0, 3));
		save(f);
		load_and_compare(f);
	}
}

/* A private file in RAM is written as the guest sees it; nothing at all is fine, too. */
static void test_mapped_and_empty(struct fixture *f, gconstpointer data)
{
	int fd = memfd_create("kernel", MFD_CLOEXEC);
	uint64_t used;

	(void)data;
	save(f);
	(void)file_size(f->fd, &used);
	g_assert_cmpuint(used, <=, 3 * PAGE);
	load_and_compare(f);

	g_assert_cmpint(ftruncate(fd, 4 * (off_t)PAGE), ==, 0);
	g_assert_cmpint(pwrite(fd, "kernel", 6, PAGE), ==, 6);
	g_assert_cmpint(partition_map_file(f->partition, 2 * MIB, fd, 0, 4 * PAGE), ==,
			HV_STATUS_SUCCESS);
	poke(f, 2 * MIB + 3 * PAGE, 7);
	save(f);
	load_and_compare(f);
	close(fd);
}

/* Memory on both sides of the PCI hole. */
static void test_two_ranges(struct fixture *f, gconstpointer data)
{
	struct partition *small = f->partition;
	struct gpa_range ranges[2];

	(void)data;
	f->machine.memory = PARTITION_LOW_LIMIT + 4 * MIB;
	f->partition = fake_partition_of(f->machine.memory);
	g_assert_cmpuint(partition_ram_ranges(f->partition, ranges), ==, 2);
	poke(f, PARTITION_LOW_LIMIT - 1, 1);
	poke(f, PARTITION_HIGH_BASE, 2);
	poke(f, PARTITION_HIGH_BASE + 4 * MIB - 1, 3);
	save(f);

	struct partition *other = fake_partition_of(f->machine.memory);
	uint8_t byte = 0;
	g_assert_true(state_file_read_memory(f->fd, sizeof(blob), other, NULL));
	g_assert_cmpint(partition_read_gpa(other, PARTITION_LOW_LIMIT - 1, &byte, 1), ==, 0);
	g_assert_cmpuint(byte, ==, 1);
	g_assert_cmpint(partition_read_gpa(other, PARTITION_HIGH_BASE, &byte, 1), ==, 0);
	g_assert_cmpuint(byte, ==, 2);
	g_assert_cmpint(partition_read_gpa(other, PARTITION_HIGH_BASE + 4 * MIB - 1, &byte, 1), ==,
			0);
	g_assert_cmpuint(byte, ==, 3);
	partition_delete(other);
	partition_delete(small);
}

static void refused(struct fixture *f, const char *fault)
{
	g_autoptr(GError) error = NULL;
	size_t size;

	g_assert_null(state_file_read(f->fd, &f->machine, &size, &error));
	g_assert_error(error, WORKER_ERROR, WORKER_ERROR_INVALID_IMAGE);
	if (!strstr(error->message, fault))
		g_error("\"%s\" lacks \"%s\"", error->message, fault);
}

static void test_wrong_machine(struct fixture *f, gconstpointer data)
{
	(void)data;
	save(f);
	f->machine.uuid[15] = 1;
	refused(f, "it is of another VM");
	f->machine.uuid[15] = 0;
	f->machine.memory += MIB;
	refused(f, "another size of memory");
	f->machine.memory -= MIB;
	f->machine.vp_count = 1;
	refused(f, "another number of processors");
	f->machine.vp_count = 2;
	load_and_compare(f);
}

/* Cut off anywhere, or longer than it was. */
static void test_wrong_size(struct fixture *f, gconstpointer data)
{
	static const off_t cuts[] = {0, 1, 100, 4095, 4096, 4097, 8192, 1 << 20};
	off_t whole;

	(void)data;
	for (size_t i = 0; i < G_N_ELEMENTS(cuts); i++) {
		save(f);
		whole = (off_t)file_size(f->fd, NULL);
		g_assert_cmpint(ftruncate(f->fd, cuts[i]), ==, 0);
		refused(f, cuts[i] < (off_t)PAGE ? "its file ends too early"
						 : "its file has the wrong size");
		g_assert_cmpint(ftruncate(f->fd, whole - 1), ==, 0);
		refused(f, "");
	}
	save(f);
	g_assert_cmpint(ftruncate(f->fd, whole + 1), ==, 0);
	refused(f, "its file has the wrong size");
}

/* Each byte of head and blob matters, and none leads astray. */
static void test_changed(struct fixture *f, gconstpointer data)
{
	static const uint8_t flips[] = {0x01, 0x80, 0xff};

	(void)data;
	save(f);
	for (uint64_t at = 0; at < PAGE + sizeof(blob); at++) {
		if (at == sizeof("vmms saved state"))
			at = 24; /* what fills the tag up, and the rest of the head's page: nobody
				    looks */
		if (at == 32 + 16 + 8 + 4 + 4 + 32)
			at = PAGE;
		for (size_t i = 0; i < G_N_ELEMENTS(flips); i++) {
			uint8_t byte, changed;

			g_assert_cmpint(pread(f->fd, &byte, 1, (off_t)at), ==, 1);
			changed = byte ^ flips[i];
			g_assert_cmpint(pwrite(f->fd, &changed, 1, (off_t)at), ==, 1);
			refused(f, "");
			g_assert_cmpint(pwrite(f->fd, &byte, 1, (off_t)at), ==, 1);
		}
	}
	load_and_compare(f);
}

/* What can go wrong before the last step leaves no file that is taken up. */
static void test_not_finished(struct fixture *f, gconstpointer data)
{
	uint8_t zeroes[4096] = {0};

	(void)data;
	save(f);
	g_assert_cmpint(pwrite(f->fd, zeroes, sizeof(zeroes), 0), ==, (ssize_t)sizeof(zeroes));
	refused(f, "its file is none, or was not finished");
}

static void save_fails(struct fixture *f, int fd, const char *part)
{
	g_autoptr(GError) error = NULL;

	g_assert_false(state_file_write(fd, &f->machine, blob, sizeof(blob), f->partition, &error));
	g_assert_error(error, WORKER_ERROR, WORKER_ERROR_FAILED);
	if (!strstr(error->message, part))
		g_error("\"%s\" lacks \"%s\"", error->message, part);
}

static void test_write_fails(struct fixture *f, gconstpointer data)
{
	struct rlimit limit, small;
	int full = open("/dev/full", O_RDWR | O_CLOEXEC);

	(void)data;
	if (full >= 0) {
		save_fails(f, full, "look after the disk"); /* it cannot be made longer */
		close(full);
	}
	/* A file system that takes no more: the file is empty then. */
	poke(f, 12 * MIB, 1);
	g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &limit), ==, 0);
	small = (struct rlimit){.rlim_cur = 8 * MIB, .rlim_max = limit.rlim_max};
	struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
	g_assert_cmpint(sigaction(SIGXFSZ, &ignore, &before), ==, 0);
	g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &small), ==, 0);
	save_fails(f, f->fd, "make room where it is to be");
	g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
	g_assert_cmpint(sigaction(SIGXFSZ, &before, NULL), ==, 0);
	g_assert_cmpuint(file_size(f->fd, NULL), ==, 0);
	/* A failure in the middle. */
	g_assert_cmpint(ftruncate(f->fd, 64 << 20), ==, 0);
	g_assert_cmpint(fcntl(f->fd, F_ADD_SEALS, F_SEAL_WRITE), ==, 0);
	save_fails(f, f->fd, "its state cannot be written (Operation not permitted)");
}

/* Without permissions it is to break off; with some it may. */
static void test_broken_off(struct fixture *f, gconstpointer data)
{
	g_autoptr(GError) error = NULL;

	(void)data;
	for (int used = 0; used < 2; used++) {
		g_assert_cmpint(fchmod(f->fd, 0), ==, 0);
		g_assert_false(state_file_write(f->fd, &f->machine, blob, sizeof(blob),
						f->partition, &error));
		g_assert_error(error, WORKER_ERROR, WORKER_ERROR_CANCELED);
		g_clear_error(&error);
		g_assert_cmpuint(file_size(f->fd, NULL), ==, 0);
		poke(f, MIB, 1);
	}
	g_assert_cmpint(fchmod(f->fd, 0400), ==, 0);
	save(f);
	load_and_compare(f);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define CASE(name, fn) \
	g_test_add("/worker/state-file/" name, struct fixture, NULL, setup, fn, teardown)
	CASE("round-trip", test_round_trip);
	CASE("random", test_random);
	CASE("mapped-and-empty", test_mapped_and_empty);
	CASE("two-ranges", test_two_ranges);
	CASE("wrong-machine", test_wrong_machine);
	CASE("wrong-size", test_wrong_size);
	CASE("changed", test_changed);
	CASE("not-finished", test_not_finished);
	CASE("write-fails", test_write_fails);
	CASE("broken-off", test_broken_off);
	return g_test_run();
}
