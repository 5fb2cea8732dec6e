/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vmmsd: the management service. See vmmsd --help and docs/architecture.md. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "log.h"
#include "options.h"
#include "service.h"

#define EXIT_USAGE 2

/* Every client, worker and console is a descriptor. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int main(int argc, char **argv)
{
	struct options options = {0};
	g_autoptr(GError) error = NULL;
	struct log *log;
	int status;

	(void)setlocale(LC_CTYPE, "");
	/* Never looser than the administrator set it. */
	(void)umask(umask(0) | S_IWGRP | S_IWOTH);
	if (!options_parse(&options, &argc, &argv, &error)) {
		(void)fprintf(stderr, "vmmsd: %s\n", error->message);
		options_clear(&options);
		return EXIT_USAGE;
	}
	if (options.exit_now) {
		options_clear(&options);
		return EXIT_SUCCESS;
	}
	raise_descriptor_limit();
	log = log_new(options.log_level);
	status = service_run(&options, log);
	log_free(log);
	options_clear(&options);
	return status;
}
