/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file in which a worker says how its VM ended: one JSON object, written once. */
#ifndef WORKER_RESULT_H
#define WORKER_RESULT_H

#include <glib.h>

#define WORKER_RESULT_MAX 4096u /* bytes of the file */

struct worker_result {
	gboolean crashed, saved; /* neither: off */
	char *reason;		 /* one line of valid UTF-8, not empty; g_free */
};

/*
 * {"state":"off"|"crashed"|"saved","reason":"...","how":"..."}. A file that is missing, empty,
 * longer than WORKER_RESULT_MAX or anything else gives FALSE: the worker did not say. The worker is
 * not trusted: the text is made valid UTF-8, bounded, without control characters.
 */
gboolean worker_result_read(int directory, struct worker_result *ret);
gboolean worker_result_parse(const char *text, struct worker_result *ret);

#endif
