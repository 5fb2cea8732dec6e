/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What vmworker and vmworker-translate have in common: all but the engine. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "engine.h"
#include "options.h"
#include "speed.h"

struct program_spec {
	const char *name;
	const struct engine_ops *engine;
	/* What has to be before there is a thread; NULL: nothing. */
	gboolean (*prepare)(const struct options *options, GError **error);
	/* As worker_config.confine. */
	gboolean (*confine)(char **ret_steps, GError **error);
	/* What this host offers the engine, one line of JSON; g_free. */
	char *(*probe)(void);
	/* How fast it runs guest code. */
	void (*measure)(struct speed *ret);
};

/* main, and its exit code. */
int program_main(const struct program_spec *spec, int argc, char **argv);

#endif
