/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Child processes by pidfd: spawn with exact descriptors, reap, signal. Main thread only. */
#ifndef PROCESS_H
#define PROCESS_H

#include <glib.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#define PROCESS_FDS_MAX 8

struct process_spec {
	const char *const *argv;  /* argv[0] is the absolute path of the program */
	int fds[PROCESS_FDS_MAX]; /* become 0, 1, 2, ... in the child; everything else is closed */
	int n_fds;		  /* at least 3 */
	gboolean new_session;	  /* setsid: it outlives the terminal and the service */
	gboolean listen;	  /* descriptor 3 is a listening socket: LISTEN_FDS=1 */
};

/* Close-on-exec pidfd, or -errno, that of a failing execve included. */
int process_spawn(const struct process_spec *spec, pid_t *ret_pid);

/* Of a process that has ended: exit status, -signal, or -ECHILD-like INT_MIN when it was not ours.
 */
int process_reap(int pidfd);

/* Takes pidfd and reaps the process whenever it ends, so that it is no zombie; for those that need
 * nothing else of us. */
void process_reap_later(sd_event *event, int pidfd);

/* "exited with status 3", "was killed by signal 9 (Killed)", "ended"; g_free. */
char *process_describe_end(int status);

#endif
