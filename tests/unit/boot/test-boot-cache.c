/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The program vmms-unpack, run as vmmsd runs it, and the folder that it keeps. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "boot.h"
#include "kernel_builder.h"
#include "unpack_cache.h"
#include "unpack_index.h"
#include "unpack_sandbox.h"

#define HOUR ((time_t)3600)

struct fixture {
	char *path;
	int dir_fd;
};

struct run {
	int code;
	char out[1024], err[4096];
};

static void setup(struct fixture *f, gconstpointer data)
{
	(void)data;
	f->path = g_dir_make_tmp("vmms-cache-XXXXXX", NULL);
	f->dir_fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	g_assert_cmpint(f->dir_fd, >=, 0);
}

/* The names in the folder; with remove they go. Free with g_ptr_array_unref. */
static GPtrArray *names(const struct fixture *f, gboolean remove)
{
	GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GDir) dir = g_dir_open(f->path, 0, NULL);
	const char *name;

	while ((name = g_dir_read_name(dir))) {
		g_ptr_array_add(list, g_strdup(name));
		if (remove)
			g_assert_cmpint(unlinkat(f->dir_fd, name, 0), ==, 0);
	}
	return list;
}

static guint count(const struct fixture *f)
{
	g_autoptr(GPtrArray) list = names(f, FALSE);

	return list->len;
}

static void teardown(struct fixture *f, gconstpointer data)
{
	(void)data;
	g_ptr_array_unref(names(f, TRUE));
	close(f->dir_fd);
	g_assert_cmpint(g_rmdir(f->path), ==, 0);
	g_free(f->path);
}

static GPid spawn(const struct fixture *f, int kernel_fd, const char *limit, int out_fd, int err_fd)
{
	const char *argv[] = {UNPACK_PROGRAM, "--name", "/boot/x", "--limit", limit, NULL};
	const int target = 3;
	g_autoptr(GError) error = NULL;
	GPid pid;

	g_spawn_async_with_pipes_and_fds(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL,
					 kernel_fd, out_fd, err_fd, &f->dir_fd, &target, 1, &pid,
					 NULL, NULL, NULL, &error);
	g_assert_no_error(error);
	return pid;
}

static int reap(GPid pid)
{
	int status;

	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void read_back(int fd, char *text, size_t size)
{
	ssize_t n = pread(fd, text, size - 1, 0);

	g_assert_cmpint(n, >=, 0);
	text[n] = '\0';
	close(fd);
}

static void run(const struct fixture *f, int kernel_fd, const char *limit, struct run *result)
{
	int out = build_file("", 0), err = build_file("", 0);

	result->code = reap(spawn(f, kernel_fd, limit, out, err));
	read_back(out, result->out, sizeof(result->out));
	read_back(err, result->err, sizeof(result->err));
}

/* A bzImage whose payload differs by `version`. */
static int kernel(uint32_t version, GByteArray **elf)
{
	struct build_elf spec = build_elf_linux;
	g_autoptr(GByteArray) image = NULL;

	spec.segments[2].memory_size += version;
	*elf = build_elf(&spec);
	image = build_bzimage(&build_bzimage_default, *elf);
	return build_file(image->data, image->len);
}

static char *entry_of(int fd)
{
	char *key = NULL, *entry;

	close(unpack_cache_snapshot(fd, "k", &key, NULL));
	entry = g_strconcat(key, UNPACK_CACHE_SUFFIX, NULL);
	g_free(key);
	return entry;
}

static void test_unpack(struct fixture *f, gconstpointer data)
{
	g_autoptr(GByteArray) elf = NULL;
	int fd = kernel(0, &elf);
	g_autofree char *entry = entry_of(fd);
	g_autofree char *path = g_build_filename(f->path, entry, NULL);
	g_autofree char *want = g_strdup_printf(
		"{\"format\":\"bzImage\",\"compression\":\"gzip\",\"sha256\":\"%.64s\","
		"\"payload\":\"%s\",\"size\":%u,\"cached\":false}\n",
		entry, entry, elf->len);
	g_autofree char *bytes = NULL;
	struct run result;
	struct stat st;
	gsize size;

	(void)data;
	run(f, fd, "1000000000", &result);
	g_assert_cmpstr(result.err, ==, "");
	g_assert_cmpint(result.code, ==, 0);
	g_assert_cmpstr(result.out, ==, want);
	g_assert_true(g_file_get_contents(path, &bytes, &size, NULL));
	g_assert_cmpuint(size, ==, elf->len);
	g_assert_true(memcmp(bytes, elf->data, size) == 0);
	g_assert_cmpint(g_stat(path, &st), ==, 0);
	g_assert_cmpint(st.st_mode & 07777, ==, 0444);
	g_assert_cmpuint(count(f), ==, 1);

	run(f, fd, "1000000000", &result);
	g_assert_cmpint(result.code, ==, 0);
	g_assert_nonnull(strstr(result.out, "\"compression\":null"));
	g_assert_nonnull(strstr(result.out, "\"cached\":true"));
	close(fd);
}

/* What leaves nothing behind. */
static void test_elf(struct fixture *f, gconstpointer data)
{
	g_autoptr(GByteArray) elf = build_elf(&build_elf_linux);
	int fd = build_file(elf->data, elf->len);
	struct run result;

	(void)data;
	run(f, fd, "0", &result);
	g_assert_cmpint(result.code, ==, 0);
	g_assert_cmpstr(result.out, ==,
			"{\"format\":\"elf\",\"compression\":\"none\",\"sha256\":null,"
			"\"payload\":null,\"size\":0,\"cached\":false}\n");
	g_assert_cmpuint(count(f), ==, 0);
	close(fd);
}

static void test_refused(struct fixture *f, gconstpointer data)
{
	g_autoptr(GByteArray) elf = NULL;
	int fd = kernel(0, &elf);
	int text = build_file("#!/bin/sh\n", 10);
	struct run result;

	(void)data;
	run(f, text, "0", &result);
	g_assert_cmpint(result.code, ==, 1);
	g_assert_cmpstr(result.out, ==, "");
	g_assert_cmpstr(
		result.err, ==,
		"kernel /boot/x: it is neither a bzImage nor an ELF file; use a Linux kernel "
		"(/boot/vmlinuz-…) or an ELF vmlinux\n");
	g_assert_cmpint(ftruncate(fd, 15100), ==, 0);
	run(f, fd, "0", &result);
	g_assert_cmpint(result.code, ==, 1);
	g_assert_nonnull(strstr(result.err, "(truncated file?); copy the kernel again\n"));
	run(f, f->dir_fd, "0", &result);
	g_assert_cmpint(result.code, ==, 1);
	g_assert_nonnull(strstr(result.err, "it is not a regular file"));
	g_assert_cmpuint(count(f), ==, 0);
	run(f, fd, "many", &result);
	g_assert_cmpint(result.code, ==, 64);
	close(text);
	close(fd);
}

/* A folder that is none: the fault is named, and is not the kernel's. */
static void test_no_folder(struct fixture *f, gconstpointer data)
{
	g_autoptr(GByteArray) elf = NULL;
	int fd = kernel(0, &elf);
	struct fixture other = {.path = f->path, .dir_fd = fd};
	struct run result;

	(void)data;
	run(&other, fd, "0", &result);
	g_assert_cmpint(result.code, ==, 2);
	g_assert_true(g_str_has_prefix(result.err, "kernel cache: creating a file failed: "));
	close(fd);
}

static void age(const struct fixture *f, const char *entry, time_t seconds)
{
	const struct timespec times[2] = {{time(NULL) - seconds, 0}, {time(NULL) - seconds, 0}};

	g_assert_cmpint(utimensat(f->dir_fd, entry, times, 0), ==, 0);
}

static gboolean has(const struct fixture *f, const char *entry)
{
	return faccessat(f->dir_fd, entry, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The bound holds by removing what was used longest ago; the new and the fresh stay. */
static void test_prune(struct fixture *f, gconstpointer data)
{
	char *entries[4];
	int fds[4];
	g_autofree char *limit = NULL;
	struct run result;

	(void)data;
	for (uint32_t i = 0; i < 4; i++) {
		g_autoptr(GByteArray) elf = NULL;

		fds[i] = kernel(i, &elf);
		entries[i] = entry_of(fds[i]);
		if (i == 0)
			limit = g_strdup_printf("%u", elf->len * 2);
		if (i < 3)
			run(f, fds[i], "1000000000", &result);
	}
	age(f, entries[0], 2 * HOUR);
	age(f, entries[1], 3 * HOUR);
	age(f, entries[2], HOUR);
	/* the user opened it and noted that as access */
	g_assert_cmpint(utimensat(f->dir_fd, entries[0],
				  (const struct timespec[2]){{time(NULL) - HOUR / 2, 0},
							     {.tv_nsec = UTIME_OMIT}},
				  0),
			==, 0);
	run(f, fds[3], limit, &result);
	g_assert_cmpint(result.code, ==, 0);
	g_assert_true(has(f, entries[0]));
	g_assert_false(has(f, entries[1]));
	g_assert_false(has(f, entries[2]));
	g_assert_true(has(f, entries[3]));
	run(f, fds[3], "0", &result);
	g_assert_false(has(f, entries[0]));
	g_assert_true(has(f, entries[3]));
	run(f, fds[2], "0", &result); /* number 3 was used a moment ago */
	g_assert_true(has(f, entries[2]));
	g_assert_true(has(f, entries[3]));
	age(f, entries[2], HOUR);
	age(f, entries[3], 2 * HOUR);
	unpack_cache_prune(f->dir_fd, entries[3], 0); /* what is asked for stays, however old */
	g_assert_false(has(f, entries[2]));
	g_assert_true(has(f, entries[3]));
	for (size_t i = 0; i < 4; i++) {
		close(fds[i]);
		g_free(entries[i]);
	}
}

/* What is in the folder and is not ours is left alone. */
static void test_prune_others(struct fixture *f, gconstpointer data)
{
	g_autofree char *path = g_build_filename(f->path, "README.elf", NULL);

	(void)data;
	g_assert_true(g_file_set_contents(path, "text", 4, NULL));
	age(f, "README.elf", HOUR);
	unpack_cache_prune(f->dir_fd, "", 0);
	g_assert_true(has(f, "README.elf"));
}

static void test_race(struct fixture *f, gconstpointer data)
{
	g_autoptr(GByteArray) elf = NULL;
	int fd = kernel(0, &elf), out = build_file("", 0);
	GPid pids[6];

	(void)data;
	for (size_t i = 0; i < G_N_ELEMENTS(pids); i++)
		pids[i] = spawn(f, fd, "0", out, out);
	for (size_t i = 0; i < G_N_ELEMENTS(pids); i++)
		g_assert_cmpint(reap(pids[i]), ==, 0);
	g_assert_cmpuint(count(f), ==, 1);
	close(out);
	close(fd);
}

static void test_index(struct fixture *f, gconstpointer data)
{
	g_autofree char *entry = g_strdup_printf("%064d" UNPACK_CACHE_SUFFIX, 7);
	g_autofree char *found = NULL;
	/* written long ago, as a kernel is */
	int fd = open("/bin/sh", O_RDONLY | O_CLOEXEC), fresh = build_file("x", 1);
	struct stat st, other;

	(void)data;
	g_assert_cmpint(fstat(fd, &st), ==, 0);
	unpack_index_record(f->dir_fd, fd, &st, entry);
	found = unpack_index_find(f->dir_fd, &st);
	g_assert_cmpstr(found, ==, entry);
	other = st;
	other.st_ctim.tv_nsec ^= 1;
	g_assert_null(unpack_index_find(f->dir_fd, &other));
	/* changed while it was read */
	other = st;
	other.st_size++;
	unpack_index_record(f->dir_fd, fd, &other, entry);
	g_assert_null(unpack_index_find(f->dir_fd, &other));
	/* written a moment ago */
	g_assert_cmpint(fstat(fresh, &other), ==, 0);
	unpack_index_record(f->dir_fd, fresh, &other, entry);
	g_assert_null(unpack_index_find(f->dir_fd, &other));
	/* no entry any more */
	g_assert_cmpuint(count(f), ==, 1);
	unpack_cache_prune(f->dir_fd, "", 1000);
	g_assert_cmpuint(count(f), ==, 0);
	close(fd);
	close(fresh);
}

/* A link that leads out of the folder is no entry. */
static void test_index_hostile(struct fixture *f, gconstpointer data)
{
	g_autofree char *name = NULL;
	struct stat st;

	(void)data;
	g_assert_cmpint(fstat(f->dir_fd, &st), ==, 0);
	name = unpack_index_name(&st);
	g_assert_true(unpack_index_name_is_valid(name));
	g_assert_false(unpack_index_name_is_valid("at-../x"));
	g_assert_cmpint(symlinkat("../../etc/passwd", f->dir_fd, name), ==, 0);
	g_assert_null(unpack_index_find(f->dir_fd, &st));
}

static void forbidden_open(void)
{
	(void)open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static void forbidden_exec_memory(void)
{
	(void)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void forbidden_socket(void)
{
	(void)socket(AF_UNIX, SOCK_STREAM, 0);
}

/* In the sandbox a file that was open can be read and memory be had; what else is tried kills. */
static void assert_forbidden(void (*act)(void))
{
	int fd = build_file("x", 1), status;
	char byte;
	pid_t pid = fork();

	if (pid == 0) {
		if (!unpack_sandbox_enter(NULL) || pread(fd, &byte, 1, 0) != 1 ||
		    mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0) == MAP_FAILED)
			_exit(1);
		act();
		_exit(2);
	}
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_true(WIFSIGNALED(status));
	g_assert_cmpint(WTERMSIG(status), ==, SIGSYS);
	close(fd);
}

static void test_sandbox(void)
{
	assert_forbidden(forbidden_open);
	assert_forbidden(forbidden_exec_memory);
	assert_forbidden(forbidden_socket);
}

#define ADD(path, function) g_test_add(path, struct fixture, NULL, setup, function, teardown)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/boot/cache/unpack", test_unpack);
	ADD("/boot/cache/elf", test_elf);
	ADD("/boot/cache/refused", test_refused);
	ADD("/boot/cache/no-folder", test_no_folder);
	ADD("/boot/cache/prune", test_prune);
	ADD("/boot/cache/prune-others", test_prune_others);
	ADD("/boot/cache/race", test_race);
	ADD("/boot/cache/index", test_index);
	ADD("/boot/cache/index-hostile", test_index_hostile);
	g_test_add_func("/boot/cache/sandbox", test_sandbox);
	return g_test_run();
}
