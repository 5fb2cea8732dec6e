/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A real `vmmsd --private` in a directory of its own, with the fake worker, and a client of it. */
#ifndef VMMSD_FIXTURE_H
#define VMMSD_FIXTURE_H

#include <glib.h>
#include <systemd/sd-bus.h>

#include "vmms1.h"

#define WAIT_US INT64_C(60000000) /* the longest that anything here may take */

struct fixture {
	char *dir;     /* --private */
	gboolean real; /* the real worker programs, and the tiny guest */
	char *kernel;  /* a file that the fake unpacker calls an ELF, or the tiny guest */
	GPid pid;      /* 0: does not run */
	int notify;    /* its NOTIFY_SOCKET */
	sd_bus *bus;
	GHashTable *finished; /* path of a job -> struct outcome */
};

struct outcome {
	char *state, *error, *message;
};

/* probe NULL: a usable hypervisor. VMMS_WORKER in the environment takes the place of both
 * fakes, VMMS_LIBVIRT_URI or VMMS_LIBVIRT_HELPER are vmmsd's options. */
struct fixture *fixture_new(const char *probe);
/* With the worker programs of this build. */
struct fixture *fixture_new_real(void);
/* Stops the VMs and the service, checks that it ended well, removes the directory. */
void fixture_free(struct fixture *fixture);

/* Runs vmmsd and waits for READY=1; connects. */
void fixture_start(struct fixture *fixture);
/* Ends it with a signal and waits; returns the wait status. */
int fixture_end(struct fixture *fixture, int signal);
/* Kills it, and runs another. */
void fixture_restart(struct fixture *fixture);
/* Runs vmmsd, which is expected to fail, and returns its standard error; g_free. */
char *fixture_run_failing(struct fixture *fixture);

/* While it does not run: for the next one the host was booted in between. */
void fixture_pretend_boot(const struct fixture *fixture);

/* A client, connected; bounded calls. */
sd_bus *fixture_connect(const struct fixture *fixture);

/* Path of a new VM whose fake worker behaves so; g_free. */
char *fixture_define(struct fixture *fixture, const char *name, const char *behaviour);
/* members: more JSON, ", \"stopOrder\": 3" */
char *fixture_define_with(struct fixture *fixture, const char *name, const char *behaviour,
			  const char *members);

/* Calls a method that gives a job; path, g_free. */
char *fixture_run(struct fixture *fixture, const char *vm, const char *method);
char *fixture_shutdown(struct fixture *fixture, const char *vm, guint64 timeout_us, gboolean force);
/* Path of its job; g_free. */
char *fixture_stop_all(struct fixture *fixture);
/* Waits for JobFinished. Borrowed. */
const struct outcome *fixture_wait(struct fixture *fixture, const char *job);
/* Cancel, which has to be accepted. */
void fixture_cancel(struct fixture *fixture, const char *job);
/* It failed with that error (VMMS_ERROR_PREFIX name), and text is in its sentence. */
void fixture_expect_failed(const struct outcome *outcome, const char *error, const char *text);
/* fixture_run and fixture_wait, and the job must be done. */
void fixture_do(struct fixture *fixture, const char *vm, const char *method);

/* One turn of the client's loop: dispatches something, or waits for it. */
void fixture_turn(struct fixture *fixture);

char *fixture_get(struct fixture *fixture, const char *vm, const char *property);
/* The kept events with this name, or, for NULL, all of them. */
guint fixture_events_count(struct fixture *fixture, const char *wanted);
guint32 fixture_worker_pid(struct fixture *fixture, const char *vm);
/* Now; text is in its reason. */
void fixture_expect_state(struct fixture *fixture, const char *vm, const char *state,
			  const char *text);
void fixture_wait_state(struct fixture *fixture, const char *vm, const char *state);

/* The method must be refused with VMMS_ERROR_PREFIX name and a sentence that has text in it. */
void fixture_expect_error(struct fixture *fixture, const char *path, const char *interface,
			  const char *method, const char *error, const char *text,
			  const char *types, ...);
/* hvctl with these words has to end with that code, and to say text: on standard output or, when it
 * fails, in one line on standard error. */
void hvctl_expect(const struct fixture *f, int code, const char *text, const char *const *words);
#define HVCTL_EXPECT(code, text, ...) \
	hvctl_expect(f, code, text, (const char *const[]){__VA_ARGS__, NULL})
/* The same with the words of a line. */
void fixture_hvctl(const struct fixture *fixture, int code, const char *text, const char *line);

#define FIXTURE_WORKER	   "fake-vmworker"
#define FIXTURE_TRANSLATOR "fake-translator"
/* What a program answers from now on: name is PROGRAM.probe or PROGRAM.measure. */
void fixture_put_answer(const struct fixture *fixture, const char *name, const char *answer);
/* From now on there is an engine translate, a fake as well. */
void fixture_add_translator(const struct fixture *fixture);

#define fixture_refuses(fixture, vm, method, error, text) \
	fixture_expect_error(fixture, vm, VMMS_IFACE_VM, method, error, text, NULL)

#endif
