// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/param.h>
#include <time.h>
#include <unistd.h>

#include "batch.h"
#include "interrupt.h"
#include "output.h"
#include "terminal.h"
#include "top_keys.h"
#include "top_view.h"

#define USEC	     UINT64_C(1000000)
#define INTERVAL_MIN (USEC / 10)
#define INTERVAL_MAX (3600 * USEC)
#define LINES_AROUND 5 /* what a screen has besides the rows */

struct options {
	const char *sort;
	struct number interval;
	bool once;
};

static const struct option_spec options[] = {
	{"sort", 's', OPTION_CHOICE, "cpu|ready|limit|exits|name", "what comes first",
	 offsetof(struct options, sort)},
	{"interval", 'i', OPTION_SECONDS, "SECONDS", "between two looks (2; with --once 1)",
	 offsetof(struct options, interval)},
	{"once", '1', OPTION_FLAG, NULL, "print one table, of one interval, and end",
	 offsetof(struct options, once)},
	{0},
};

struct top {
	struct cli *cli;
	enum top_sort sort;
	uint64_t interval; /* us */
	struct top_rows now;
	size_t first; /* row on the screen */
	struct top_keys keys;
};

/* ---- a look ---------------------------------------------------------------------------------- */

static bool is_wanted(const struct cli *cli, const hvctl_vm *vm)
{
	return cli->n_names > 0 ? batch_has(cli, hvctl_vm_name(vm), hvctl_vm_uuid(vm))
				: hvctl_vm_worker_pid(vm) != 0;
}

/* 0, or what the call returned when there is no going on. A VM that cannot be asked now keeps its
 * row, with nothing known. */
static int row_ask(struct cli *cli, struct top_row *row)
{
	char *text;
	int r = hvctl_statistics(cli->h, row->uuid, &text);

	if (r < 0) {
		enum hvctl_code code = (enum hvctl_code) - r;
		return code == HVCTL_ERROR_INTERRUPTED || exit_code_of(code) == EXIT_UNREACHABLE
			       ? r
			       : 0;
	}
	struct json_object *document = json_tokener_parse(text);
	free(text);
	vm_stats_read(document, &row->stats);
	json_object_put(document);
	return 0;
}

static int rows_add(struct cli *cli, struct top_rows *rows, const hvctl_vm *vm)
{
	struct top_row *row = top_rows_add(rows);

	if (!row)
		return -HVCTL_ERROR_OUT_OF_MEMORY;
	row->uuid = strdup(hvctl_vm_uuid(vm));
	row->name = strdup(hvctl_vm_name(vm));
	row->state = strdup(hvctl_vm_state(vm));
	row->vcpus = hvctl_vm_cpus(vm);
	if (!row->uuid || !row->name || !row->state) {
		row->name = row->name ? row->name : strdup("");
		return -HVCTL_ERROR_OUT_OF_MEMORY;
	}
	return hvctl_vm_worker_pid(vm) != 0 ? row_ask(cli, row) : 0;
}

static int look(struct top *top)
{
	struct top_rows rows = {0};
	hvctl_list *list;
	int r = hvctl_list_vms(top->cli->h, &list);

	if (r < 0)
		return r;
	for (size_t i = 0; i < hvctl_list_size(list) && r >= 0; i++) {
		const hvctl_vm *vm = hvctl_list_at(list, i);

		if (is_wanted(top->cli, vm))
			r = rows_add(top->cli, &rows, vm);
	}
	hvctl_list_free(list);
	if (r < 0) {
		top_rows_clear(&rows);
		return r;
	}
	top_rows_compare(&rows, &top->now);
	top_rows_clear(&top->now);
	top->now = rows;
	return 0;
}

static int look_failed(struct top *top, int r)
{
	return r == -HVCTL_ERROR_OUT_OF_MEMORY ? report(EXIT_FAILED, "out of memory")
					       : report_error(top->cli->h);
}

/* ---- one table ------------------------------------------------------------------------------- */

static int once(struct top *top)
{
	const struct timespec interval = {.tv_sec = (time_t)(top->interval / USEC),
					  .tv_nsec = (long)(top->interval % USEC) * 1000};
	char hint[256];

	int r = look(top);
	if (r >= 0) {
		nanosleep(&interval, NULL);
		r = look(top);
	}
	if (r < 0)
		return look_failed(top, r);
	top_rows_sort(&top->now, top->sort);
	if (!top_print_table(&top->now, 0, SIZE_MAX))
		return report(EXIT_FAILED, "out of memory");
	top_hint(&top->now, hint, sizeof(hint));
	if (hint[0]) {
		text_print(stdout, hint);
		putchar('\n');
	}
	return EXIT_DONE;
}

/* ---- live ------------------------------------------------------------------------------------ */

static size_t screen_rows(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row : 24;
}

static size_t room_for_rows(void)
{
	size_t screen = screen_rows();

	return screen > LINES_AROUND + 1 ? screen - LINES_AROUND : 1;
}

static void put_line(const char *text)
{
	char part[512];

	snprintf(part, sizeof(part), "%s", text);
	part[text_bytes(part, output_width())] = '\0';
	text_print(stdout, part);
	putchar('\n');
}

/* Never more than the screen has: a line too many would move everything. */
static bool draw(struct top *top)
{
	size_t room = room_for_rows(), n = top->now.n;
	char text[320], part[64] = "";

	top_rows_sort(&top->now, top->sort);
	fputs("\033[H\033[J", stdout);
	if (top->first > n - MIN(n, room))
		top->first = n - MIN(n, room);
	if (n > room)
		snprintf(part, sizeof(part), ", %zu to %zu of them here", top->first + 1,
			 top->first + room);
	snprintf(text, sizeof(text), "%zu VM%s, every %.1f s, by %s%s", n, n == 1 ? "" : "s",
		 (double)top->interval / USEC, top_sort_name(top->sort), part);
	put_line(text);
	if (!top_print_table(&top->now, top->first, room))
		return false;
	top_hint(&top->now, text, sizeof(text));
	put_line(text);
	put_line("q quit  c CPU  r ready  l limit  e exits  n name  + slower  - faster  arrows");
	return fflush(stdout) == 0;
}

/* draw() brings top->first back to what there is. */
static void scroll(struct top *top, int key)
{
	size_t page = room_for_rows(), up = key == TOP_KEY_UP ? 1 : page;

	switch (key) {
	case TOP_KEY_UP:
	case TOP_KEY_PAGE_UP:
		top->first -= MIN(top->first, up);
		break;
	case TOP_KEY_DOWN:
		top->first++;
		break;
	case TOP_KEY_PAGE_DOWN:
		top->first += page;
		break;
	case TOP_KEY_FIRST:
		top->first = 0;
		break;
	default:
		top->first = top->now.n;
		break;
	}
}

/* False: to the end of it. */
static bool key_take(struct top *top, char byte)
{
	int key = top_keys_take(&top->keys, byte);

	if (key == TOP_KEY_NONE || key == TOP_KEY_QUIT)
		return key == TOP_KEY_NONE;
	if (key >= TOP_KEY_SORT)
		top->sort = (enum top_sort)(key - TOP_KEY_SORT);
	else if (key == TOP_KEY_SLOWER)
		top->interval = MIN(top->interval * 2, INTERVAL_MAX);
	else if (key == TOP_KEY_FASTER)
		top->interval = MAX(top->interval / 2, INTERVAL_MIN);
	else
		scroll(top, key);
	return draw(top);
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * USEC + (uint64_t)t.tv_nsec / 1000;
}

/* Until the interval is over: 0; false in *more when a key, a signal or the terminal's end came. */
static int wait_keys(struct top *top, const struct interrupt *interrupt, bool *more)
{
	uint64_t began = now_us(), passed;

	while (*more && (passed = now_us() - began) < top->interval) {
		struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
				       {.fd = interrupt->fd, .events = POLLIN}};
		int n = poll(fds, 2, (int)((top->interval - passed) / 1000) + 1);
		char key;

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n <= 0)
			continue;
		if (fds[1].revents || read(STDIN_FILENO, &key, 1) != 1)
			*more = false;
		else
			*more = key_take(top, key);
	}
	return 0;
}

static int live(struct top *top)
{
	struct interrupt interrupt;
	bool more = true;
	int r = terminal_open(STDIN_FILENO);

	if (r >= 0)
		r = terminal_keys();
	if (r < 0)
		return report(EXIT_FAILED, "the terminal cannot be set up: %s", strerror(-r));
	interrupt_begin(&interrupt, top->cli->h);
	while (more && (r = look(top)) >= 0) {
		more = draw(top);
		if (more)
			r = wait_keys(top, &interrupt, &more);
	}
	int signal = interrupt_take(&interrupt);
	interrupt_end(&interrupt, top->cli->h);
	terminal_restore();
	/* Ctrl-C is one more way to leave. */
	if (signal)
		return signal == SIGINT ? EXIT_DONE : 128 + signal;
	return r < 0 ? look_failed(top, r) : EXIT_DONE;
}

/* ---- the verb -------------------------------------------------------------------------------- */

static int check_options(const struct options *o)
{
	const char *term = getenv("TERM");

	if (o->interval.set &&
	    (o->interval.value < INTERVAL_MIN || o->interval.value > INTERVAL_MAX))
		return report_usage(&cmd_top, "--interval needs 0.1 to 3600 seconds");
	if (!o->once && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) ||
			 (term && strcmp(term, "dumb") == 0)))
		return report_usage(&cmd_top,
				    "this needs a terminal; 'hvctl top --once' needs none");
	return -1;
}

static int run(struct cli *cli, int argc, char **argv)
{
	struct options o = {.sort = "cpu"};
	struct top top = {.cli = cli};

	int r = options_parse(cli, &cmd_top, &o, argc, argv);
	if (r < 0)
		r = check_options(&o);
	if (r < 0)
		r = cli_open(cli);
	if (r >= 0)
		return r;
	top.sort = (enum top_sort)top_sort_find(o.sort);
	top.interval = o.interval.set ? o.interval.value : o.once ? USEC : 2 * USEC;
	r = batch_check_names(cli);
	if (r == EXIT_DONE)
		r = o.once ? once(&top) : live(&top);
	top_rows_clear(&top.now);
	return r;
}

const struct command cmd_top = {
	.name = "top",
	.arguments = "[NAME...]",
	.summary = "Watch what running VMs use and wait for",
	.details = "CPU%, LIMIT% (held by the limit) and DEV% (devices) are of one CPU; READY% is\n"
		   "the part of its time that it waited for a CPU. '-' is not known (yet).",
	.example = "hvctl top\nhvctl top --once --sort ready",
	.options = options,
	.max_names = -1,
	.run = run,
};
