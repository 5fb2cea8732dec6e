/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A short helper program run beside the event loop: descriptors in, one bounded answer out, a
 * deadline after which it is killed. Main thread only.
 */
#ifndef SUBPROCESS_H
#define SUBPROCESS_H

#include <glib.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#define SUBPROCESS_OUTPUT_MAX 262144u /* of standard output; more is an error */
#define SUBPROCESS_ERROR_MAX  4096u   /* of standard error; the rest is dropped */

struct subprocess;

struct subprocess_result {
	int status;		/* exit status, or -signal; meaningless when timed_out */
	gboolean timed_out;	/* it was killed at its deadline */
	gboolean overflow;	/* it wrote more than SUBPROCESS_OUTPUT_MAX */
	const char *output;	/* NUL-terminated, borrowed for the call */
	const char *error_text; /* its standard error without the last newline; control characters
				   out */
};

typedef void subprocess_done(void *context, const struct subprocess_result *result);

/*
 * argv[0] is an absolute path. stdin_fd and extra_fd (at 3) are borrowed; -1: /dev/null, none.
 * done is called once, never from within this function; the subprocess is then gone.
 * NULL and FAILED when it cannot be run.
 */
struct subprocess *subprocess_run(sd_event *event, const char *const argv[], int stdin_fd,
				  int extra_fd, uint64_t deadline_us, subprocess_done *done,
				  void *context, GError **error);
/* Kills it; done is not called. NULL is fine. */
void subprocess_cancel(struct subprocess *process);

#endif
