/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs the fake service and hvctl beside it, each with a deadline. */
#ifndef HVCTL_FIXTURE_H
#define HVCTL_FIXTURE_H

#include <glib.h>
#include <sys/types.h>

#define DEADLINE_MS 20000
#define DEADLINE_US (G_GINT64_CONSTANT(1000) * DEADLINE_MS)

struct service {
	char *directory; /* what --connect takes */
	pid_t pid;
	int keep; /* closing it ends the service */
};

struct result {
	int status; /* exit code, or 128 + signal */
	char *out, *err;
};

/* A fresh directory with a service in it that has `vms` VMs. */
void service_start(struct service *service, int vms);
/* Ends and removes it; fails the test when it does not end. */
void service_stop(struct service *service);
void service_signal(struct service *service, int signal);

/* hvctl --connect DIRECTORY ARGS...; the last argument is NULL. */
struct result hvctl(const struct service *service, const char *arg, ...) G_GNUC_NULL_TERMINATED;
/* The same with text on standard input; service NULL: no --connect. */
struct result hvctl_argv(const struct service *service, const char *input, char *const *argv);
void result_clear(struct result *result);

/* The child with its standard streams, and its wait. argv[0] is the program. */
pid_t spawn(char *const *argv, int in, int out, int err);
/* Exit code, or 128 + signal. Kills it and fails the test after DEADLINE_MS. */
int wait_bounded(pid_t pid);

/* Runs hvctl, checks the exit code and that stderr (code not 0) or stdout contains `text`. */
#define expect(service, code, text, ...)                              \
	do {                                                          \
		struct result r_ = hvctl(service, __VA_ARGS__, NULL); \
		check_result(&r_, code, text, __FILE__, __LINE__);    \
	} while (0)
void check_result(struct result *result, int code, const char *text, const char *file, int line);

#endif
