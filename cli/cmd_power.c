// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "output.h"

struct options {
	const char *format, *governor, *epp;
	struct number latency;
};

static const struct option_spec options[] = {
	{"governor", 0, OPTION_TEXT, "NAME", "custom: of cpufreq",
	 offsetof(struct options, governor)},
	{"epp", 0, OPTION_TEXT, "NAME", "custom: the energy preference",
	 offsetof(struct options, epp)},
	{"latency", 0, OPTION_NUMBER, "US", "custom: microseconds to wake up from idle",
	 offsetof(struct options, latency)},
	{"output", 'o', OPTION_CHOICE, "table|json", "how to print it",
	 offsetof(struct options, format)},
	{0},
};

static int show(struct cli *cli, const char *format)
{
	struct json_object *host, *power;
	char *text;
	int r = EXIT_DONE;

	if (hvctl_host(cli->h, &text) < 0)
		return report_error(cli->h);
	host = json_tokener_parse(text);
	free(text);
	power = json_object_object_get(host, "power");
	if (!json_object_is_type(power, json_type_object)) {
		r = report(EXIT_FAILED,
			   "vmmsd says nothing of power; use the same version of hvctl "
			   "and vmmsd");
	} else if (strcmp(format, "json") == 0) {
		json_put_document(stdout, power, 0);
		putchar('\n');
	} else {
		json_render(stdout, power);
	}
	json_object_put(host);
	return r;
}

/* What the service refuses it refuses with a sentence of its own. */
static int set(struct cli *cli, const struct options *o)
{
	struct json_object *policy = json_object_new_object();

	json_object_object_add(policy, "policy", json_object_new_string(cli->names[0]));
	if (o->governor)
		json_object_object_add(policy, "governor", json_object_new_string(o->governor));
	if (o->epp)
		json_object_object_add(policy, "epp", json_object_new_string(o->epp));
	if (o->latency.set)
		json_object_object_add(policy, "latency", json_object_new_uint64(o->latency.value));
	int r = hvctl_set_power(cli->h, json_object_to_json_string(policy));
	json_object_put(policy);
	return r < 0 ? report_error(cli->h) : EXIT_DONE;
}

static int run(struct cli *cli, int argc, char **argv)
{
	struct options o = {.format = "table"};

	int r = options_parse(cli, &cmd_power, &o, argc, argv);
	if (r < 0 && cli->n_names == 0 && (o.governor || o.epp || o.latency.set))
		r = report_usage(&cmd_power,
				 "--governor, --epp and --latency belong to the policy custom");
	if (r < 0)
		r = cli_open(cli);
	if (r >= 0)
		return r;
	return cli->n_names > 0 ? set(cli, &o) : show(cli, o.format);
}

const struct command cmd_power = {
	.name = "power",
	.arguments = "[host|performance|balanced|saver|custom]",
	.summary = "Show or set the power policy of this host",
	.details = "'host' is what the host had before; that comes back when vmmsd ends, too.",
	.example = "hvctl power\nhvctl power performance\n"
		   "hvctl power custom --governor schedutil --latency 50",
	.options = options,
	.max_names = 1,
	.run = run,
};
