// SPDX-License-Identifier: LGPL-2.1-or-later
#include "stats_hint.h"

#include <stdarg.h>
#include <stdio.h>

#include "vm_stats.h"

/* From these parts of its time on waiting is worth a sentence, */
#define READY_HIGH 0.2
#define LIMIT_PART 0.5 /* of it: then it was the limit */
#define SKEW_HIGH  0.2
/* and not before it was so long, in ns. */
#define WAIT_SOME 1000000000u

__attribute__((format(printf, 2, 3))) static void add(struct json_object *hints, const char *format,
						      ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	json_object_array_add(hints, json_object_new_string(text));
}

/* Of the processors of which both are known. */
struct times {
	double used, ready;
	size_t n;
};

static struct times times_read(struct json_object *document)
{
	struct json_object *vcpus = json_object_object_get(document, "vcpus");
	struct times times = {0};

	for (size_t i = 0; vcpus && i < json_object_array_length(vcpus); i++) {
		struct json_object *vcpu = json_object_array_get_idx(vcpus, i);
		struct amount used = amount_of(vcpu, "used"), ready = amount_of(vcpu, "ready");

		if (!used.known || !ready.known)
			continue;
		times.used += (double)used.value;
		times.ready += (double)ready.value;
		times.n++;
	}
	return times;
}

static void hint_ready(const char *name, const struct times *times, struct json_object *document,
		       struct json_object *hints)
{
	const struct amount throttled =
		amount_of(json_object_object_get(document, "throttled"), "time");
	double all = times->used + times->ready;
	double part = all > 0 ? times->ready / all : 0;

	if (part < READY_HIGH || times->ready < WAIT_SOME)
		return;
	/* A group's cap throttles, too, and is not seen here. */
	if (throttled.known && (double)throttled.value >= LIMIT_PART * times->ready)
		add(hints,
		    "%s: its processors waited %.0f%% of the time that they could run, held by its "
		    "limit: raise --limit",
		    name, part * 100);
	else if (vm_stats_only_affinity(document))
		add(hints,
		    "%s: its processors waited %.0f%% of the time that they could run, since others "
		    "used the CPUs: give it others by --affinity; nothing else is weighed on this "
		    "host, see 'hvctl host'",
		    name, part * 100);
	else
		add(hints,
		    "%s: its processors waited %.0f%% of the time that they could run, since others "
		    "used the CPUs or the cap of its group held them: see 'hvctl show %s', and give "
		    "it more --weight, a --reserve or --affinity",
		    name, part * 100, name);
}

static void hint_skew(const char *name, const struct times *times, struct amount skew,
		      struct json_object *hints)
{
	double each = times->n > 0 ? (times->used + times->ready) / (double)times->n : 0;

	if (!skew.known || skew.value < WAIT_SOME || (double)skew.value < SKEW_HIGH * each)
		return;
	add(hints,
	    "%s: one of its processors waited %.1f s longer than another, which stalls a guest whose "
	    "processors wait for each other: give it at least as many CPUs as processors",
	    name, (double)skew.value / 1e9);
}

void stats_hints_add(struct json_object *document, struct json_object *hints)
{
	struct json_object *label = json_object_object_get(document, "name");
	const char *name = label ? json_object_get_string(label) : "-";
	const struct times times = times_read(document);

	hint_ready(name, &times, document, hints);
	hint_skew(name, &times, amount_of(document, "skew"), hints);
}
