// SPDX-License-Identifier: LGPL-2.1-or-later
#include "metrics_text.h"

#include <inttypes.h>
#include <string.h>

#include "vm_stats.h"

#define NS_PER_S UINT64_C(1000000000)

struct family {
	const char *name;
	bool counter;
	const char *unit; /* the last word of the name, or NULL */
	const char *help;
	/* Of one VM. member: where the number is in its statistics. */
	void (*put)(FILE *stream, const struct family *family, const struct metrics_vm *vm);
	const char *object, *member;
};

static struct json_object *member(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	if (json_object_is_type(object, json_type_object))
		json_object_object_get_ex(object, name, &value);
	return value;
}

/* A label's value with its quotes. */
static void put_quoted(FILE *stream, const char *text)
{
	fputc('"', stream);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', stream);
		if (*text == '\n')
			fputs("\\n", stream);
		else
			fputc(*text, stream);
	}
	fputc('"', stream);
}

/* NAME{vm="…",uuid="…" */
static void put_head(FILE *stream, const struct family *family, const struct metrics_vm *vm)
{
	fprintf(stream, "%s%s{vm=", family->name, family->counter ? "_total" : "");
	put_quoted(stream, vm->name);
	fputs(",uuid=", stream);
	put_quoted(stream, vm->uuid);
}

static void put_number(FILE *stream, uint64_t number)
{
	fprintf(stream, "} %" PRIu64 "\n", number);
}

/* Times are kept in ns and told in seconds. */
static void put_value(FILE *stream, const struct family *family, uint64_t value)
{
	if (family->unit && strcmp(family->unit, "seconds") == 0)
		fprintf(stream, "} %" PRIu64 ".%09" PRIu64 "\n", value / NS_PER_S,
			value % NS_PER_S);
	else
		put_number(stream, value);
}

static void put_running(FILE *stream, const struct family *family, const struct metrics_vm *vm)
{
	put_head(stream, family, vm);
	put_number(stream, strcmp(vm->state, "running") == 0);
}

static void put_vcpus(FILE *stream, const struct family *family, const struct metrics_vm *vm)
{
	put_head(stream, family, vm);
	put_number(stream, vm->vcpus);
}

static void put_memory(FILE *stream, const struct family *family, const struct metrics_vm *vm)
{
	put_head(stream, family, vm);
	put_number(stream, vm->memory);
}

static void put_started(FILE *stream, const struct family *family, const struct metrics_vm *vm)
{
	if (vm->started == 0)
		return;
	put_head(stream, family, vm);
	put_value(stream, family, vm->started * 1000);
}

static void put_of_vm(FILE *stream, const struct family *family, const struct metrics_vm *vm)
{
	struct amount amount = amount_of(
		family->object ? member(vm->stats, family->object) : vm->stats, family->member);

	if (!amount.known)
		return;
	put_head(stream, family, vm);
	put_value(stream, family, amount.value);
}

static struct json_object *vcpus_of(const struct metrics_vm *vm, size_t *n)
{
	struct json_object *vcpus = member(vm->stats, "vcpus");
	bool right = json_object_is_type(vcpus, json_type_array);

	*n = right ? json_object_array_length(vcpus) : 0;
	return vcpus;
}

static void put_of_vcpus(FILE *stream, const struct family *family, const struct metrics_vm *vm)
{
	size_t n;
	struct json_object *vcpus = vcpus_of(vm, &n);

	for (size_t i = 0; i < n; i++) {
		struct amount amount =
			amount_of(json_object_array_get_idx(vcpus, i), family->member);

		if (!amount.known)
			continue;
		put_head(stream, family, vm);
		fprintf(stream, ",vcpu=\"%zu\"", i);
		put_value(stream, family, amount.value);
	}
}

static void put_exits(FILE *stream, const struct family *family, const struct metrics_vm *vm)
{
	size_t n;
	struct json_object *vcpus = vcpus_of(vm, &n);

	for (size_t i = 0; i < n; i++) {
		struct json_object *exits =
			member(json_object_array_get_idx(vcpus, i), family->member);

		if (!json_object_is_type(exits, json_type_object))
			continue;
		json_object_object_foreach (exits, reason, count) {
			(void)count;
			struct amount amount = amount_of(exits, reason);

			if (!amount.known)
				continue;
			put_head(stream, family, vm);
			fprintf(stream, ",vcpu=\"%zu\",reason=", i);
			put_quoted(stream, reason);
			put_value(stream, family, amount.value);
		}
	}
}

static const struct family families[] = {
	{"vmms_vm_running", false, NULL, "1 when the VM runs.", put_running, NULL, NULL},
	{"vmms_vm_vcpus", false, NULL, "Virtual processors.", put_vcpus, NULL, NULL},
	{"vmms_vm_memory_bytes", false, "bytes", "Memory of the guest.", put_memory, NULL, NULL},
	{"vmms_vm_start_time_seconds", false, "seconds", "When it was started, since 1970.",
	 put_started, NULL, NULL},
	{"vmms_vcpu_used_seconds", true, "seconds", "Time on a CPU.", put_of_vcpus, NULL, "used"},
	{"vmms_vcpu_ready_seconds", true, "seconds", "Time that it could run and waited for a CPU.",
	 put_of_vcpus, NULL, "ready"},
	{"vmms_vcpu_halted_seconds", true, "seconds", "Time that it slept in the guest's halt.",
	 put_of_vcpus, NULL, "halted"},
	{"vmms_vcpu_slices", true, NULL, "How often it was given a CPU.", put_of_vcpus, NULL,
	 "slices"},
	{"vmms_vcpu_exits", true, NULL, "Exits from the guest.", put_exits, NULL, "exits"},
	{"vmms_vm_limit_periods", true, NULL, "Periods of the limit in which the VM ran.",
	 put_of_vm, "throttled", "periods"},
	{"vmms_vm_limit_throttled_periods", true, NULL, "Periods in which the limit held it.",
	 put_of_vm, "throttled", "throttledPeriods"},
	{"vmms_vm_limit_throttled_seconds", true, "seconds", "Time that the limit held it.",
	 put_of_vm, "throttled", "time"},
	{"vmms_vm_pressure_seconds", true, "seconds",
	 "Time in which a thread of it waited for a CPU.", put_of_vm, "pressure", "some"},
	{"vmms_vm_skew_seconds", false, "seconds",
	 "How much longer one processor waited for a CPU than another.", put_of_vm, NULL, "skew"},
	/* Not a counter: what ended threads used is not in it. */
	{"vmms_vm_devices_used_seconds", false, "seconds",
	 "Time on a CPU of the threads that serve devices.", put_of_vm, "others", "used"},
};

void metrics_print(FILE *stream, const struct metrics_vm *vms, size_t n)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		const struct family *family = &families[i];

		fprintf(stream, "# TYPE %s %s\n", family->name,
			family->counter ? "counter" : "gauge");
		if (family->unit)
			fprintf(stream, "# UNIT %s %s\n", family->name, family->unit);
		fprintf(stream, "# HELP %s %s\n", family->name, family->help);
		for (size_t k = 0; k < n; k++)
			family->put(stream, family, &vms[k]);
	}
	fputs("# EOF\n", stream);
}
