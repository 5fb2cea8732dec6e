/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A real vmworker, started and spoken to as vmmsd does it. The paths come from the environment:
 * VMMS_WORKER, VMMS_TINY_GUEST. Every wait has an end; a test that fails leaves no process behind.
 */
#ifndef WORKER_FIXTURE_H
#define WORKER_FIXTURE_H

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>

#define WORKER_UUID    "0f0e0d0c-0b0a-0908-0706-050403020100"
#define WORKER_WAIT_MS 20000

struct worker_process {
	char *dir;
	pid_t pid;
	int pidfd;
	int result_fd;
	int kernel_fd; /* the tiny guest, unless a test puts another one here */
	int ring_fd;   /* of console 0; the test's, -1: none */
	int state_fd;  /* to begin with; likewise */
	/* What a test gives with Start beside these: by worker_add_file; may be NULL. */
	void (*add_files)(sd_bus_message *message, void *context);
	void *context;
	sd_bus *bus;
};

/* Spawns with a listening socket passed as descriptor 3, or, when !pass_socket, lets the worker
 * make its own. extra: more arguments, NULL-terminated, or NULL. Connects when connect is true. */
struct worker_process *worker_spawn(bool pass_socket, const char *const *extra);
/* Kills what is left, checks nothing, frees. */
void worker_reap(struct worker_process *worker);

/* A new connection, NULL when it was refused; the caller closes it. */
sd_bus *worker_connect(struct worker_process *worker);

/* Definition of the tiny guest; members: text after "name", as ",\"cpus\":{\"count\":2}" or "". */
char *worker_definition(const char *cmdline, const char *members);

/* fd -1: none. */
void worker_add_file(sd_bus_message *message, const char *tag, int fd);
/* Calls Start; *ret_error is set on failure. */
int worker_call_start(struct worker_process *worker, const char *definition,
		      sd_bus_error *ret_error);
/* A method without arguments and results. */
int worker_call(sd_bus *bus, const char *method, sd_bus_error *ret_error);
/* Save into a file. */
int worker_call_save(struct worker_process *worker, int fd, sd_bus_error *ret_error);
/* Starts and fails the test when that fails. */
void worker_start_guest(struct worker_process *worker, const char *cmdline, const char *members);

/* g_free. */
char *worker_state_property(sd_bus *bus);
/* Console 0 with its scroll-back. */
int worker_open_console(struct worker_process *worker);
/* Reads until text was seen; false at end of file or after WORKER_WAIT_MS. *seen collects. */
bool worker_expect(int console_fd, const char *text, GString *seen);
/* 0 when there is none of that name. */
uint64_t worker_counter(struct worker_process *worker, const char *name);

/* Waits for the process; its wait status as waitpid gives it. */
int worker_wait(struct worker_process *worker);
/* Waits for exit code 0; the result line, g_free. */
char *worker_wait_result(struct worker_process *worker);

#define assert_contains(text, part)                                                \
	do {                                                                       \
		if (!strstr((text), (part)))                                       \
			g_error("\"%s\" does not contain \"%s\"", (text), (part)); \
	} while (0)

#endif
