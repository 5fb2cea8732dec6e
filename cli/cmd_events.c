// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "batch.h"
#include "interrupt.h"
#include "output.h"

struct options {
	const char *format, *since;
	struct number last, count;
	bool no_follow;
};

static const struct option_spec options[] = {
	{"output", 'o', OPTION_CHOICE, "table|json", "json: an object on each line",
	 offsetof(struct options, format)},
	{"last", 'n', OPTION_NUMBER, "N", "begin with the last N that vmmsd remembers",
	 offsetof(struct options, last)},
	{"since", 0, OPTION_TEXT, "TIME", "begin 90s, 10m, 2h, 3d ago, or at 'YYYY-MM-DD HH:MM'",
	 offsetof(struct options, since)},
	{"count", 0, OPTION_NUMBER, "N", "end after N events", offsetof(struct options, count)},
	{"no-follow", 0, OPTION_FLAG, NULL, "do not wait for new ones",
	 offsetof(struct options, no_follow)},
	{0},
};

struct follow {
	struct cli *cli;
	const struct options *options;
	uint64_t since, printed, lost;
	size_t width;
	const char *ellipsis;
};

static bool is_wanted(const struct follow *follow, const hvctl_event *event)
{
	const struct cli *cli = follow->cli;

	if (hvctl_event_time(event) < follow->since)
		return false;
	return cli->n_names == 0 ||
	       batch_has(cli, hvctl_event_name(event), hvctl_event_uuid(event));
}

static void print_json(const hvctl_event *event)
{
	const struct {
		const char *key, *value;
	} texts[] = {
		{"uuid", hvctl_event_uuid(event)},
		{"name", hvctl_event_name(event)},
		{"event", hvctl_event_kind(event)},
		{"detail", hvctl_event_detail(event)},
	};

	printf("{\"id\": %llu, \"time\": %llu", (unsigned long long)hvctl_event_id(event),
	       (unsigned long long)hvctl_event_time(event));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		printf(", \"%s\": ", texts[i].key);
		json_put_string(stdout, texts[i].value);
	}
	puts("}");
}

static void print_line(const struct follow *follow, const hvctl_event *event)
{
	char time[FORMAT_SIZE];
	char head[256];

	snprintf(head, sizeof(head), "%s  %-12s  %-10s  ",
		 format_time(time, hvctl_event_time(event)), hvctl_event_name(event),
		 hvctl_event_kind(event));
	text_print(stdout, head);
	const char *detail = hvctl_event_detail(event);
	size_t used = text_width(head), room = follow->width > used ? follow->width - used : 0;
	if (follow->width == 0 || text_width(detail) <= room) {
		text_print(stdout, detail);
	} else if (room > 1) {
		char *part = strndup(detail, text_bytes(detail, room - 1));
		text_print(stdout, part ? part : "");
		fputs(follow->ellipsis, stdout);
		free(part);
	}
	putchar('\n');
}

/* False when --count is reached or nobody reads. */
static bool print_event(struct follow *follow, const hvctl_event *event)
{
	if (strcmp(follow->options->format, "json") == 0)
		print_json(event);
	else
		print_line(follow, event);
	follow->printed++;
	return fflush(stdout) == 0 &&
	       (!follow->options->count.set || follow->printed < follow->options->count.value);
}

/* The last N wanted ones of the past, in a ring. Returns 1 to go on, 0 to end, or an error. */
static int print_past(struct follow *follow)
{
	uint64_t keep = follow->options->last.set ? follow->options->last.value : 4096;
	uint64_t n = 0;
	hvctl_event *event;
	bool more = true;
	int r;

	keep = keep < 4096 ? keep : 4096; /* the library remembers no more */
	hvctl_event **ring = calloc(keep + 1, sizeof(void *));
	if (!ring)
		return report(EXIT_FAILED, "out of memory") > 0 ? -HVCTL_ERROR_OUT_OF_MEMORY : 0;
	while ((r = hvctl_next_event(follow->cli->h, 0, &event)) > 0) {
		if (keep == 0 || !is_wanted(follow, event)) {
			hvctl_event_free(event);
			continue;
		}
		hvctl_event_free(ring[n % keep]);
		ring[n++ % keep] = event;
	}
	for (uint64_t i = n > keep ? n - keep : 0; i < n; i++) {
		if (more)
			more = print_event(follow, ring[i % keep]);
		hvctl_event_free(ring[i % keep]);
	}
	free(ring);
	return r < 0 ? r : more && !follow->options->no_follow;
}

static int follow_events(struct follow *follow)
{
	struct interrupt interrupt;
	hvctl *h = follow->cli->h;
	hvctl_event *event;
	bool more = true;
	int r = 0;

	interrupt_begin(&interrupt, h);
	while (more && (r = hvctl_next_event(h, HVCTL_FOREVER, &event)) > 0) {
		if (is_wanted(follow, event))
			more = print_event(follow, event);
		hvctl_event_free(event);
		if (hvctl_events_lost(h) != follow->lost) {
			follow->lost = hvctl_events_lost(h);
			report(0,
			       "%llu events were lost so far: they came faster than they could "
			       "be printed",
			       (unsigned long long)follow->lost);
		}
	}
	int signal = r == -HVCTL_ERROR_INTERRUPTED ? interrupt_take(&interrupt) : 0;
	interrupt_end(&interrupt, h);
	if (signal)
		return 128 + signal;
	return r < 0 ? report_error(h) : EXIT_DONE;
}

static int events(struct cli *cli, const struct options *o, uint64_t since)
{
	bool past = o->last.set || o->since || o->no_follow;
	struct follow follow = {.cli = cli,
				.options = o,
				.since = since,
				.width = output_width(),
				.ellipsis = output_ellipsis()};

	/* A name that is not there would be waited for in vain; one of the past may be deleted. */
	int r = past ? EXIT_DONE : batch_check_names(cli);
	if (r != EXIT_DONE)
		return r;
	if (hvctl_subscribe(cli->h, past ? 0 : UINT64_MAX) < 0)
		return report_error(cli->h);
	r = past ? print_past(&follow) : 1;
	if (r < 0)
		return report_error(cli->h);
	return r > 0 ? follow_events(&follow) : EXIT_DONE;
}

static int run(struct cli *cli, int argc, char **argv)
{
	struct options o = {.format = "table"};
	uint64_t since = 0;
	struct timespec ts;

	int r = options_parse(cli, &cmd_events, &o, argc, argv);
	if (r >= 0)
		return r;
	clock_gettime(CLOCK_REALTIME, &ts);
	if (o.since && !parse_since(o.since, (uint64_t)ts.tv_sec * 1000000u, &since))
		return report_usage(&cmd_events,
				    "--since needs a time like 10m, 2h or '2026-01-31 12:00', not "
				    "'%s'",
				    QUOTE(o.since));
	if (o.count.set && o.count.value == 0)
		return report_usage(&cmd_events, "--count needs a number greater than 0");
	r = cli_open(cli);
	return r < 0 ? events(cli, &o, since) : r;
}

const struct command cmd_events = {
	.name = "events",
	.arguments = "[NAME...]",
	.summary = "Follow what happens to virtual machines, until Ctrl-C",
	.details = "Without --last and --since only new events are printed. vmmsd remembers the\n"
		   "events since its start, up to a limit.",
	.example = "hvctl events --last 20\nhvctl events web1 --count 1 -o json",
	.options = options,
	.max_names = -1,
	.run = run,
};
