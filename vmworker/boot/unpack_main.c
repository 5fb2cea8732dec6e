/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vmms-unpack --name NAME --limit BYTES <KERNEL 3<CACHE-FOLDER
 *
 * Puts the payload of the kernel on standard input into the cache folder on descriptor 3, unless it
 * is there already, and prints one line of JSON:
 *
 *   {"format":"bzImage","compression":"lz4","sha256":"…","payload":"….elf","size":53000000,"cached":false}
 *
 * "payload" is the entry's name in the folder, null when the kernel is an ELF itself (format
 * "elf"). "compression" is null when the entry was there ("cached":true). Exits 0; or with one
 * sentence on standard error 1 (the kernel cannot be booted), 2 (input or output failed) or 64
 * (usage).
 *
 * The decompressors run in a child process under a seccomp filter; this one, which may name files
 * in the folder, only copies and hashes the kernel's bytes.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "boot.h"
#include "unpack.h"
#include "unpack_cache.h"
#include "unpack_index.h"
#include "unpack_sandbox.h"

#define KERNEL_FD   STDIN_FILENO
#define CACHE_FD    3
#define EXIT_IMAGE  1
#define EXIT_IO	    2
#define EXIT_USAGE  64
#define MESSAGE_MAX 2048u

struct options {
	const char *name;
	uint64_t limit;
};

/* What the child says: a compromised one may say anything, so every field is checked. */
struct report {
	int32_t code; /* enum boot_error, or -1: done */
	uint32_t is_elf;
	uint64_t size;
	char compression[8];
	char message[MESSAGE_MAX];
};

static gboolean options_parse(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{"name", required_argument, NULL, 'n'},
		{"limit", required_argument, NULL, 'l'},
		{NULL, 0, NULL, 0},
	};
	gboolean has_limit = FALSE;
	int option;

	*options = (struct options){0};
	while ((option = getopt_long(argc, argv, "", known, NULL)) >= 0) {
		if (option == 'n')
			options->name = optarg;
		else if (option == 'l')
			has_limit = g_ascii_string_to_unsigned(optarg, 10, 0, UINT64_MAX,
							       &options->limit, NULL);
		else
			return FALSE;
	}
	return options->name && options->name[0] && has_limit && optind == argc;
}

/* The child: everything that looks into the kernel. Does not return. */
static void G_GNUC_NORETURN child_run(const struct options *options, int kernel_fd, int out_fd,
				      int report_fd)
{
	struct report report = {.code = -1};
	struct unpack_result result = {0};
	g_autoptr(GError) error = NULL;

	if (!unpack_sandbox_enter(&error) ||
	    !unpack_kernel(kernel_fd, options->name, out_fd, &result, &error)) {
		report.code = error->code;
		g_strlcpy(report.message, error->message, sizeof(report.message));
	} else {
		report.is_elf = result.is_elf ? 1 : 0;
		report.size = result.size;
		g_strlcpy(report.compression, result.compression, sizeof(report.compression));
	}
	/* Smaller than PIPE_BUF: it is written whole. */
	_Static_assert(sizeof(report) <= 4096, "PIPE_BUF");
	_exit(write(report_fd, &report, sizeof(report)) == (ssize_t)sizeof(report) ? 0 : 1);
}

/* Makes what the child wrote harmless to print: terminated, valid UTF-8, no control characters. */
static void report_clean(struct report *report)
{
	g_autofree char *message = NULL;

	report->compression[sizeof(report->compression) - 1] = '\0';
	for (char *c = report->compression; *c; c++) {
		if (!g_ascii_isalnum(*c))
			*c = '?';
	}
	report->message[sizeof(report->message) - 1] = '\0';
	message = g_utf8_make_valid(report->message, -1);
	g_strdelimit(message, "\n\r\t\033", ' ');
	g_strlcpy(report->message, message, sizeof(report->message));
}

static gboolean report_read(int fd, struct report *report)
{
	ssize_t n;

	do {
		n = read(fd, report, sizeof(*report));
	} while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(*report);
}

/* Why a child gave no report. */
static void child_explain(int status, const char *name, GError **error)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
		g_set_error(error, BOOT_ERROR, BOOT_ERROR_IMAGE,
			    "kernel %s: unpacking it takes too long; copy the file again", name);
	else if (WIFSIGNALED(status))
		g_set_error(error, BOOT_ERROR, BOOT_ERROR_IMAGE,
			    "kernel %s: unpacking it ended by signal %d (%s); copy the file again",
			    name, WTERMSIG(status), g_strsignal(WTERMSIG(status)));
	else
		g_set_error(error, BOOT_ERROR, BOOT_ERROR_IO,
			    "kernel %s: the unpacking process ended with code %d and no answer; "
			    "try again",
			    name, WEXITSTATUS(status));
}

static gboolean child_unpack(const struct options *options, int kernel_fd, int out_fd,
			     struct report *report, GError **error)
{
	int pipe_fds[2], status = 0;
	gboolean told;
	pid_t child;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0 || (child = fork()) < 0) {
		g_set_error(error, BOOT_ERROR, BOOT_ERROR_IO,
			    "vmms-unpack: no child process: %s; free some memory",
			    g_strerror(errno));
		return FALSE;
	}
	if (child == 0) {
		close(CACHE_FD); /* the child has no use for the folder */
		child_run(options, kernel_fd, out_fd, pipe_fds[1]);
	}
	close(pipe_fds[1]);
	told = report_read(pipe_fds[0], report);
	close(pipe_fds[0]);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (!told) {
		child_explain(status, options->name, error);
		return FALSE;
	}
	report_clean(report);
	if (report->code < 0)
		return TRUE;
	g_set_error_literal(error, BOOT_ERROR,
			    report->code == BOOT_ERROR_IO ? BOOT_ERROR_IO : BOOT_ERROR_IMAGE,
			    report->message);
	return FALSE;
}

/* entry is the name in the folder, whose first part is the key. */
static void answer_print(const struct report *report, const char *entry, gboolean cached)
{
	printf("{\"format\":\"bzImage\",\"compression\":");
	if (cached)
		printf("null");
	else
		printf("\"%s\"", report->compression);
	printf(",\"sha256\":\"%.*s\",\"payload\":\"%s\",\"size\":%" PRIu64 ",\"cached\":%s}\n",
	       (int)UNPACK_CACHE_KEY_LENGTH, entry, entry, report->size, cached ? "true" : "false");
}

static gboolean kernel_check(const struct options *options, struct stat *st, gboolean *is_elf,
			     GError **error)
{
	char magic[4] = {0};

	if (fstat(KERNEL_FD, st) < 0 || !S_ISREG(st->st_mode)) {
		g_set_error(error, BOOT_ERROR, BOOT_ERROR_IMAGE,
			    "kernel %s: it is not a regular file; name the kernel file itself",
			    options->name);
		return FALSE;
	}
	*is_elf = pread(KERNEL_FD, magic, sizeof(magic), 0) == (ssize_t)sizeof(magic) &&
		  memcmp(magic,
			 "\x7f"
			 "ELF",
			 sizeof(magic)) == 0;
	return TRUE;
}

/* An ELF is booted as it is; nothing is cached. */
static gboolean kernel_elf(const struct options *options, GError **error)
{
	struct report report;

	if (!child_unpack(options, KERNEL_FD, -1, &report, error))
		return FALSE;
	printf("{\"format\":\"elf\",\"compression\":\"none\",\"sha256\":null,\"payload\":null,"
	       "\"size\":0,\"cached\":false}\n");
	return TRUE;
}

/* Unpacks the snapshot into a new entry. */
static gboolean kernel_cache(const struct options *options, int copy, const char *entry,
			     struct report *report, GError **error)
{
	gboolean done;
	int fd = unpack_cache_open_new(CACHE_FD, error);

	if (fd < 0)
		return FALSE;
	done = child_unpack(options, copy, fd, report, error) &&
	       unpack_cache_commit(CACHE_FD, fd, entry, error);
	close(fd);
	return done;
}

/* The entry of a kernel that the index does not know; *cached: it was there. */
static char *kernel_enter(const struct options *options, struct report *report, gboolean *cached,
			  GError **error)
{
	g_autofree char *key = NULL;
	g_autofree char *entry = NULL;
	int copy = unpack_cache_snapshot(KERNEL_FD, options->name, &key, error);
	gboolean done = TRUE;

	if (copy < 0)
		return NULL;
	entry = g_strconcat(key, UNPACK_CACHE_SUFFIX, NULL);
	*cached = unpack_cache_touch(CACHE_FD, entry, &report->size);
	if (!*cached)
		done = kernel_cache(options, copy, entry, report, error);
	close(copy);
	return done ? g_steal_pointer(&entry) : NULL;
}

static gboolean kernel_bzimage(const struct options *options, const struct stat *st, GError **error)
{
	g_autofree char *entry = unpack_index_find(CACHE_FD, st);
	struct report report = {0};
	gboolean cached = entry && unpack_cache_touch(CACHE_FD, entry, &report.size);

	if (!cached) {
		g_free(entry);
		entry = kernel_enter(options, &report, &cached, error);
		if (!entry)
			return FALSE;
		unpack_index_record(CACHE_FD, KERNEL_FD, st, entry);
	}
	unpack_cache_prune(CACHE_FD, entry, options->limit);
	answer_print(&report, entry, cached);
	return TRUE;
}

static gboolean kernel_unpack(const struct options *options, GError **error)
{
	struct stat st;
	gboolean is_elf;

	if (!kernel_check(options, &st, &is_elf, error))
		return FALSE;
	return is_elf ? kernel_elf(options, error) : kernel_bzimage(options, &st, error);
}

int main(int argc, char **argv)
{
	struct options options;
	g_autoptr(GError) error = NULL;

	if (!options_parse(argc, argv, &options)) {
		fprintf(stderr, "usage: vmms-unpack --name NAME --limit BYTES <KERNEL 3<FOLDER\n");
		return EXIT_USAGE;
	}
	if (kernel_unpack(&options, &error) && fflush(stdout) == 0)
		return 0;
	if (!error) {
		fprintf(stderr, "vmms-unpack: writing the answer failed: %s\n", strerror(errno));
		return EXIT_IO;
	}
	fprintf(stderr, "%s\n", error->message);
	return error->code == BOOT_ERROR_IO ? EXIT_IO : EXIT_IMAGE;
}
