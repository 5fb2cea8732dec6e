/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line of vmworker. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <glib.h>
#include <stdint.h>

enum options_mode { OPTIONS_RUN, OPTIONS_PROBE, OPTIONS_MEASURE, OPTIONS_VERSION, OPTIONS_HELP };

struct options {
	enum options_mode mode;
	/* The rest counts for OPTIONS_RUN only; the strings are argv's. */
	const char *uuid;	   /* lower case, checked */
	const char *name;	   /* 1..VMMS_NAME_MAX bytes */
	const char *runtime_dir;   /* absolute */
	const char *cache_dir;	   /* absolute, or NULL */
	uint32_t start_timeout_ms; /* how long to wait for Start; default 10,000 */
};

/* WORKER_ERROR INVALID_ARGUMENT names the option, the fault and the remedy. */
gboolean options_parse(int argc, char **argv, struct options *ret, GError **error);

/* Static. */
const char *options_help(void);

#endif
