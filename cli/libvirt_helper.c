// SPDX-License-Identifier: LGPL-2.1-or-later
#include "libvirt_helper.h"

#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmms1.h"

/* Installed in LIBEXECDIR; in a build tree, where the build put it. */
static const char *program_find(char path[PATH_MAX])
{
	static const char installed[] = VMMS_LIBEXECDIR "/vmms-libvirt";
	static const char built[] = "/../vmmsd/libvirt/vmms-libvirt";

	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - sizeof(built));
	if (n <= 0)
		return installed;
	path[n] = '\0';
	char *slash = strrchr(path, '/');
	memcpy(slash ? slash : path, built, sizeof(built));
	return access(path, X_OK) == 0 ? path : installed;
}

/* Runs it with file `in` as standard input and `out` as output; -1: hvctl's own. The exit code. */
static int run(const char *const argv[], int in, int out)
{
	char path[PATH_MAX];
	const char *program = program_find(path);
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int status;

	fflush(stdout);
	if (posix_spawn_file_actions_init(&actions) != 0)
		return report(EXIT_FAILED, "out of memory");
	int r = 0;
	if (in >= 0)
		r = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	if (out >= 0 && r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn(&pid, program, &actions, NULL, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (r != 0)
		return report(EXIT_FAILED, "cannot run %s: %s; install all of vmms", program,
			      strerror(r));
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return report(EXIT_FAILED, "cannot wait for %s: %s", program,
				      strerror(errno));
	}
	if (WIFSIGNALED(status))
		return report(EXIT_FAILED, "%s was killed by signal %d; is the XML broken?",
			      program, WTERMSIG(status));
	return WEXITSTATUS(status);
}

/* What the helper wrote. */
static struct json_object *read_definition(int fd, int *exit_code)
{
	char *text = calloc(1, VMMS_MAX_MESSAGE + 1);
	ssize_t n = text ? pread(fd, text, VMMS_MAX_MESSAGE, 0) : -1;
	struct json_object *document = n > 0 ? json_tokener_parse(text) : NULL;

	free(text);
	if (json_object_is_type(document, json_type_object))
		return document;
	json_object_put(document);
	*exit_code = report(EXIT_FAILED,
			    "the domain makes a definition that is longer than the %u "
			    "bytes that one may have",
			    VMMS_MAX_MESSAGE);
	return NULL;
}

struct json_object *libvirt_import(const char *from, const char *uri, const char *given,
				   int *exit_code)
{
	bool file =
		!uri && (strcmp(from, "-") == 0 || strchr(from, '/') || access(from, F_OK) == 0);
	const char *const argv[] = {
		"vmms-libvirt", file ? "import" : "import-domain", from, given, uri, NULL};
	struct json_object *document = NULL;

	int out = memfd_create("definition", MFD_CLOEXEC);
	if (out < 0) {
		*exit_code = report(EXIT_FAILED, "out of memory");
		return NULL;
	}
	*exit_code = run(argv, -1, out);
	if (*exit_code == EXIT_DONE)
		document = read_definition(out, exit_code);
	close(out);
	return document;
}

int libvirt_export(const char *definition)
{
	static const char *const argv[] = {"vmms-libvirt", "export", NULL};
	size_t length = strlen(definition);
	int r;

	int in = memfd_create("definition", MFD_CLOEXEC);
	if (in < 0 || pwrite(in, definition, length, 0) != (ssize_t)length)
		r = report(EXIT_FAILED, "out of memory");
	else
		r = run(argv, in, -1);
	if (in >= 0)
		close(in);
	return r;
}
