// SPDX-License-Identifier: LGPL-2.1-or-later
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"

struct options {
	struct wait_options wait;
	struct number timeout;
	bool force, as_defined;
};

static const struct option_spec options[] = {
	{"timeout", 0, OPTION_SECONDS, "SECONDS",
	 "how long the guest may take (its own stopTimeout)", offsetof(struct options, timeout)},
	{"force", 'f', OPTION_FLAG, NULL, "then turn it off, instead of failing",
	 offsetof(struct options, force)},
	{"as-defined", 0, OPTION_FLAG, NULL, "end it as at host shutdown: by its own stop action",
	 offsetof(struct options, as_defined)},
	{"wait", 0, OPTION_FLAG, NULL, "wait until it is off (the default)",
	 offsetof(struct options, wait.wait)},
	{"no-wait", 0, OPTION_FLAG, NULL, "return when vmmsd has accepted the request",
	 offsetof(struct options, wait.no_wait)},
	{0},
};

/* 1 when the definition says that the VM is ended by that action. */
static int stop_action_is(hvctl *h, const char *name, const char *wanted)
{
	struct json_object *document, *action = NULL;
	char *json = NULL;

	int r = hvctl_definition(h, name, &json);
	if (r < 0)
		return r;
	document = json_tokener_parse(json);
	free(json);
	json_object_object_get_ex(document, "stopAction", &action);
	const char *text = json_object_get_string(action);
	r = text && strcmp(text, wanted) == 0;
	json_object_put(document);
	return r;
}

/* Now, since what is not saved is shut down. */
static int save(hvctl *h, const char *name)
{
	hvctl_job *job = NULL;

	int r = hvctl_save(h, name, &job);
	if (r == 0)
		r = hvctl_job_wait(job, HVCTL_FOREVER);
	hvctl_job_free(job);
	if (r < 0 && r != -HVCTL_ERROR_WRONG_STATE)
		(void)report(EXIT_FAILED, "%s; it is shut down instead",
			     hvctl_error_message(hvctl_last_error(h)));
	return r;
}

static int begin(hvctl *h, const char *name, const void *context, hvctl_job **job)
{
	const struct options *o = context;

	if (o->as_defined) {
		int off = stop_action_is(h, name, "off");

		if (off != 0)
			return off < 0 ? off : hvctl_stop(h, name, job);
		if (stop_action_is(h, name, "save") > 0 && save(h, name) == 0)
			return 0;
	}
	return hvctl_shutdown(h, name, o->timeout.value, o->force || o->as_defined, job);
}

static int run(struct cli *cli, int argc, char **argv)
{
	struct options o = {0};

	int r = options_parse(cli, &cmd_shutdown, &o, argc, argv);
	if (r < 0 && o.wait.wait && o.wait.no_wait)
		r = report_usage(&cmd_shutdown, "--wait and --no-wait exclude each other");
	if (r < 0)
		r = cli_open(cli);
	/* vmmsd keeps the time: the job itself fails, or forces. */
	return r < 0 ? batch_jobs(cli, &o.wait, begin, &o) : r;
}

const struct command cmd_shutdown = {
	.name = "shutdown",
	.arguments = "NAME...",
	.summary = "Ask guests to shut down and wait until they are off",
	.details = "A guest that does not comply in time keeps running (exit code 6), unless\n"
		   "--force is given. With --as-defined the machine ends as it does at host\n"
		   "shutdown: by its stopAction, within its stopTimeout, and then in any case.",
	.example = "hvctl shutdown web1 --timeout 60 --force",
	.options = options,
	.min_names = 1,
	.max_names = -1,
	.run = run,
};
