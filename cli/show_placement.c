// SPDX-License-Identifier: LGPL-2.1-or-later
#include "show_placement.h"

#include <stdlib.h>

#include "batch.h"
#include "output.h"
#include "placement_map.h"

/* NULL when it was reported, with the exit code in *ret. */
static struct json_object *map_of_host(struct cli *cli, int *ret)
{
	char *text;

	if (hvctl_host(cli->h, &text) < 0) {
		*ret = report_error(cli->h);
		return NULL;
	}
	struct json_object *host = json_tokener_parse(text);
	struct json_object *map = placement_map_new(host);
	json_object_put(host);
	free(text);
	if (!map)
		*ret = report(EXIT_FAILED, "this host does not tell its CPUs; see 'hvctl host'");
	return map;
}

/* One that does not run is nowhere. */
static int add_one(struct cli *cli, const char *name, const void *context)
{
	struct json_object *map = *(struct json_object *const *)context, *description;
	struct json_object *statistics = NULL, *state;
	char *text;

	if (hvctl_describe(cli->h, name, &text) < 0)
		return report_error(cli->h);
	description = json_tokener_parse(text);
	free(text);
	if (json_object_is_type(description, json_type_object) &&
	    json_object_object_get_ex(description, "workerPid", &state) && state) {
		if (hvctl_statistics(cli->h, name, &text) >= 0) {
			statistics = json_tokener_parse(text);
			free(text);
		}
		placement_map_add(map, description, statistics);
	}
	json_object_put(statistics);
	json_object_put(description);
	return EXIT_DONE;
}

int show_placement(struct cli *cli, bool json)
{
	int r = EXIT_DONE;
	struct json_object *map = map_of_host(cli, &r);

	if (!map)
		return r;
	r = cli->n_names > 0 ? batch_calls(cli, add_one, &map) : batch_running(cli, add_one, &map);
	if (json) {
		json_put_document(stdout, map, 0);
		putchar('\n');
	} else if (!placement_map_print(map)) {
		r = report(EXIT_FAILED, "out of memory");
	}
	json_object_put(map);
	return r;
}
