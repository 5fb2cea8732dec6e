/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a worker process comes to be: by vmmsd itself, or as a unit of systemd. */
#ifndef WORKER_SPAWN_H
#define WORKER_SPAWN_H

#include <glib.h>
#include <sys/types.h>

struct vm;
struct worker;

/*
 * Listens on DIR/control and runs the worker in a session of its own with that socket: a pidfd, or
 * -errno. ret_link is connected already: the socket listens before the worker exists, so nothing
 * is waited for, and a worker that dies at once shows as the end of a process and not as a socket
 * that refuses.
 */
int worker_spawn(const struct worker *worker, pid_t *ret_pid, int *ret_link);

/* "vmworker@<uuid>.service", or that of the VM's other engine; g_free. */
char *worker_unit_name(const struct vm *vm);
char *worker_unit_of(const char *uuid, gboolean translates);

/* Whether the VM runs, or is to run, on the engine translate, whose worker is another program. */
gboolean worker_translates(const struct vm *vm);

#endif
