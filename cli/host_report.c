/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host_report.h"

#include <inttypes.h>
#include <string.h>

#include "output.h"

/* The member, or NULL; NULL has no members. */
static struct json_object *member(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	if (json_object_is_type(object, json_type_object))
		json_object_object_get_ex(object, name, &value);
	return value;
}

static int64_t number(struct json_object *object, const char *name)
{
	return json_object_get_int64(member(object, name));
}

static void put_text(FILE *stream, struct json_object *value)
{
	const char *text = value ? json_object_get_string(value) : NULL;

	text_print(stream, text && text[0] ? text : "-");
}

static void put_label(FILE *stream, const char *label)
{
	fprintf(stream, "%-17s", label);
}

static void put_line(FILE *stream, const char *label, struct json_object *value)
{
	put_label(stream, label);
	put_text(stream, value);
	fputc('\n', stream);
}

/* Words from `column` on, broken at the terminal's width with that indentation. */
static void put_wrapped(FILE *stream, const char *text, size_t column, size_t indent)
{
	size_t width = output_width();

	for (const char *word = text; *word;) {
		char one[512];
		size_t n = strcspn(word, " ");
		size_t shown = n < sizeof(one) ? n : sizeof(one) - 1;

		memcpy(one, word, shown);
		one[shown] = '\0';
		if (width > 0 && column > indent && column + text_width(one) > width) {
			fprintf(stream, "\n%*s", (int)indent, "");
			column = indent;
		}
		text_print(stream, one);
		column += text_width(one) + 1;
		word += n;
		word += strspn(word, " ");
		if (*word)
			fputc(' ', stream);
	}
	fputc('\n', stream);
}

static const char *virtualization_name(const char *virtualization)
{
	static const char *const names[][2] = {
		{"amd-v", "AMD-V"},
		{"vt-x", "VT-x"},
		{"software", "software KVM (the processor offers neither AMD-V nor VT-x)"},
		{"none", "none"},
	};

	for (size_t i = 0; virtualization && i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(virtualization, names[i][0]) == 0)
			return names[i][1];
	}
	return "-";
}

static void put_processor(FILE *stream, struct json_object *host)
{
	struct json_object *processor = member(host, "processor");

	put_label(stream, "Processor:");
	put_text(stream, member(processor, "model"));
	fputs(" (", stream);
	put_text(stream, member(processor, "vendor"));
	fputs(json_object_get_boolean(member(processor, "guest")) ? ", itself a guest)\n" : ")\n",
	      stream);
	put_label(stream, "Virtualization:");
	fprintf(stream, "%s\n",
		virtualization_name(json_object_get_string(member(host, "virtualization"))));
}

static void put_count(FILE *stream, int64_t n, const char *noun)
{
	fprintf(stream, "%" PRId64 " %s%s", n, noun, n == 1 ? "" : "s");
}

static void put_topology(FILE *stream, struct json_object *topology)
{
	struct json_object *cpus = member(topology, "cpus");
	struct json_object *offline = member(topology, "offline");

	put_label(stream, "Topology:");
	put_count(stream, number(topology, "sockets"), "socket");
	fputs(", ", stream);
	put_count(stream, number(topology, "cores"), "core");
	fputs(", ", stream);
	put_count(stream, number(topology, "threads"), "thread");
	fputs("; online ", stream);
	put_text(stream, member(topology, "online"));
	if (offline && json_object_get_string_len(offline) > 0) {
		fputs(", offline ", stream);
		put_text(stream, offline);
	}
	fputs("\n  CPU   SOCKET   CORE   NODE   SIBLINGS\n", stream);
	for (size_t i = 0; cpus && i < json_object_array_length(cpus); i++) {
		struct json_object *cpu = json_object_array_get_idx(cpus, i);
		static const char *const names[] = {"cpu", "socket", "core", "node"};
		static const int widths[] = {5, 9, 7, 7};

		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
			const char *text = json_object_get_string(member(cpu, names[k]));

			fprintf(stream, "%*s", widths[k], text ? text : "-");
		}
		fputs("   ", stream);
		put_text(stream, member(cpu, "siblings"));
		fputc('\n', stream);
	}
}

static void put_scheduling(FILE *stream, struct json_object *scheduling)
{
	static const char *const keys[][2] = {{"mechanism", "note"},
					      {"coreScheduling", "coreSchedulingReason"}};
	static const char *const labels[] = {"Scheduling by:", "Core scheduling:"};

	for (size_t i = 0; scheduling && i < sizeof(labels) / sizeof(labels[0]); i++) {
		struct json_object *value = member(scheduling, keys[i][0]);
		const char *why = json_object_get_string(member(scheduling, keys[i][1]));
		const char *what = json_object_get_string(value);
		char text[768];

		if (json_object_is_type(value, json_type_boolean))
			what = json_object_get_boolean(value) ? "available" : "no";
		snprintf(text, sizeof(text), "%s%s%s", what ? what : "-", why && why[0] ? ": " : "",
			 why ? why : "");
		put_label(stream, labels[i]);
		put_wrapped(stream, text, 17, 17);
	}
}

/* "0.8 to 3.4 GHz, now 2.1 (CPUs 0-3)", a line for each group of CPUs with one frequency. */
static void put_frequency(FILE *stream, struct json_object *one)
{
	struct json_object *now = member(one, "current");
	struct json_object *min = member(one, "min"), *max = member(one, "max");
	const char *cpus = json_object_get_string(member(one, "cpus"));

	if (min && max)
		fprintf(stream, "%.1f to %.1f GHz, ", json_object_get_double(min) / 1e6,
			json_object_get_double(max) / 1e6);
	if (now)
		fprintf(stream, "now %.1f GHz (CPU ", json_object_get_double(now) / 1e6);
	else
		fputs("now unknown (CPU ", stream);
	text_print(stream, cpus ? cpus : "-");
	fputs(")\n", stream);
}

static void put_power(FILE *stream, struct json_object *power)
{
	struct json_object *frequencies = member(power, "frequencies");
	const char *policy = json_object_get_string(member(power, "policy"));
	const char *note = json_object_get_string(member(power, "note"));
	const char *reason = json_object_get_string(member(power, "reason"));
	char text[768];

	if (!power)
		return;
	put_label(stream, "Power policy:");
	snprintf(text, sizeof(text), "%s%s%s", policy ? policy : "-", note && note[0] ? ": " : "",
		 note ? note : "");
	put_wrapped(stream, text, 17, 17);
	put_label(stream, "Frequency:");
	if (reason && reason[0])
		put_wrapped(stream, reason, 17, 17);
	for (size_t i = 0; frequencies && i < json_object_array_length(frequencies); i++) {
		if (i > 0)
			put_label(stream, "");
		put_frequency(stream, json_object_array_get_idx(frequencies, i));
	}
	if (!frequencies || (json_object_array_length(frequencies) == 0 && !(reason && reason[0])))
		fputs("-\n", stream);
}

static void put_memory(FILE *stream, struct json_object *memory)
{
	char total[FORMAT_SIZE], available[FORMAT_SIZE];

	put_label(stream, "Memory:");
	fprintf(stream, "%s, %s available\n", format_size(total, (uint64_t)number(memory, "total")),
		format_size(available, (uint64_t)number(memory, "available")));
}

static void put_kvm(FILE *stream, struct json_object *kvm)
{
	struct json_object *capabilities = member(kvm, "capabilities");
	const char *reason = json_object_get_string(member(kvm, "reason"));

	put_label(stream, "KVM:");
	if (!json_object_get_boolean(member(kvm, "usable"))) {
		put_wrapped(stream, reason && reason[0] ? reason : "not usable", 17, 17);
		return;
	}
	fprintf(stream, "usable, API version %" PRId64 ", at most %" PRId64 " processors per VM\n",
		number(kvm, "apiVersion"), number(kvm, "maxVps"));
	if (!capabilities)
		return;
	fputs("  Capabilities (0: absent)\n", stream);
	json_object_object_foreach (capabilities, name, value) {
		fprintf(stream, "    %-32s %" PRId64 "\n", name, json_object_get_int64(value));
	}
}

/* "0.7", "2300" or "-", in millions. */
static void put_speed(FILE *stream, struct json_object *speed)
{
	double millions = json_object_get_double(speed) / 1e6;

	if (speed)
		fprintf(stream, "%.*f", millions < 10 ? 1 : 0, millions);
	else
		fputc('-', stream);
}

static void put_speeds(FILE *stream, struct json_object *speeds)
{
	fprintf(stream, "%18sMinsn/s: kernel mode ", "");
	put_speed(stream, member(speeds, "kernel"));
	fputs(", user mode ", stream);
	put_speed(stream, member(speeds, "user"));
	fputc('\n', stream);
}

static void put_engines(FILE *stream, struct json_object *host)
{
	struct json_object *engines = member(host, "engines");
	struct json_object *automatic = member(host, "auto");
	const char *engine = json_object_get_string(member(automatic, "engine"));
	const char *reason = json_object_get_string(member(automatic, "reason"));

	fputs("Engines:\n", stream);
	for (size_t i = 0; engines && i < json_object_array_length(engines); i++) {
		struct json_object *one = json_object_array_get_idx(engines, i);
		const char *name = json_object_get_string(member(one, "name"));
		const char *why = json_object_get_string(member(one, "reason"));

		fprintf(stream, "  %-10s %-4s ", name ? name : "-",
			json_object_get_boolean(member(one, "available")) ? "yes" : "no");
		put_wrapped(stream, why ? why : "-", 18, 18);
		put_speeds(stream, member(one, "speed"));
	}
	put_label(stream, "auto takes:");
	fprintf(stream, "%s: ", engine ? engine : "none");
	put_wrapped(stream, reason ? reason : "-", 19 + strlen(engine ? engine : "none"), 17);
}

void host_report_print(FILE *stream, struct json_object *host)
{
	put_processor(stream, host);
	put_topology(stream, member(host, "topology"));
	put_scheduling(stream, member(host, "scheduling"));
	put_power(stream, member(host, "power"));
	put_memory(stream, member(host, "memory"));
	put_line(stream, "Kernel:", member(host, "kernel"));
	put_line(stream, "Launch policy:", member(host, "launch"));
	put_engines(stream, host);
	put_kvm(stream, member(host, "kvm"));
}
