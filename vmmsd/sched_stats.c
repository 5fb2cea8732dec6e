/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sched_stats.h"

#include <json-c/json.h>
#include <string.h>
#include <time.h>

#include "cgroup_dir.h"
#include "json_text.h"
#include "sched_internal.h"
#include "sched_threads.h"

#define COUNTERS_MAX 65536u /* more did not come from a worker of ours */
#define NAME_MAX_    128u

/* A reset gives a processor a new thread, whose times begin at 0: the ones before are kept, so
 * that what is told never falls. */
struct sched_vp_time {
	pid_t tid;
	struct sched_thread_time last; /* of tid */
	uint64_t used, ready, slices;  /* of the threads before */
};

static void add(struct json_object *object, const char *name, struct json_object *value)
{
	(void)json_object_object_add(object, name, value);
}

static void add_number(struct json_object *object, const char *name, uint64_t number)
{
	add(object, name, json_object_new_uint64(number));
}

/* The object in it of that name, made when it is not there. */
static struct json_object *sub_object(struct json_object *object, const char *name)
{
	struct json_object *sub = json_object_object_get(object, name);

	if (!sub) {
		sub = json_object_new_object();
		add(object, name, sub);
	}
	return sub;
}

/* ---- what the worker counts ------------------------------------------------------------------ */

/* "vp.3.exits.io" goes to vcpus[3].exits.io, "exits.io" to exits.io, the rest to counters. */
static void counter_put(struct json_object *root, struct json_object *vcpus, const char *name,
			uint64_t value)
{
	static const char *const groups[] = {"exits", "kvm"};
	struct json_object *target = root;
	const char *rest = name;
	char *end;

	if (g_str_has_prefix(name, "vp.")) {
		guint64 vp = g_ascii_strtoull(name + 3, &end, 10);

		if (end == name + 3 || *end != '.' || vp >= json_object_array_length(vcpus))
			return;
		target = json_object_array_get_idx(vcpus, (size_t)vp);
		rest = end + 1;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(groups); i++) {
		size_t length = strlen(groups[i]);

		if (strncmp(rest, groups[i], length) == 0 && rest[length] == '.') {
			add_number(sub_object(target, groups[i]), rest + length + 1, value);
			return;
		}
	}
	if (*rest)
		add_number(sub_object(target, "counters"), rest, value);
}

static gboolean counters_read(sd_bus_message *reply, struct json_object *root,
			      struct json_object *vcpus)
{
	const char *name;
	uint64_t value;
	int r = sd_bus_message_enter_container(reply, 'a', "{st}");

	for (unsigned n = 0; r >= 0; n++) {
		r = sd_bus_message_read(reply, "{st}", &name, &value);
		if (r <= 0)
			break;
		if (n == COUNTERS_MAX)
			return FALSE;
		if (strlen(name) <= NAME_MAX_)
			counter_put(root, vcpus, name, value);
	}
	return r >= 0;
}

/* What the worker does not count is null, as everything that is not known. */
static void put_missing(struct json_object *object, const char *name)
{
	if (!json_object_object_get_ex(object, name, NULL))
		add(object, name, NULL);
}

static void counters_complete(struct json_object *root, struct json_object *vcpus)
{
	static const char *const groups[] = {"exits", "kvm", "counters"};

	for (size_t i = 0; i < G_N_ELEMENTS(groups); i++)
		put_missing(root, groups[i]);
	for (size_t i = 0; i < json_object_array_length(vcpus); i++) {
		put_missing(json_object_array_get_idx(vcpus, i), "exits");
		put_missing(json_object_array_get_idx(vcpus, i), "kvm");
	}
}

/* KVM counts how long a processor was halted; QEMU does not. */
static void halted_put(struct json_object *vcpus)
{
	for (size_t i = 0; i < json_object_array_length(vcpus); i++) {
		struct json_object *vcpu = json_object_array_get_idx(vcpus, i), *kvm, *halted;

		if (json_object_object_get_ex(vcpu, "kvm", &kvm) &&
		    json_object_object_get_ex(kvm, "halt_wait_ns", &halted))
			add(vcpu, "halted", json_object_get(halted));
	}
}

/* ---- what the kernel counts ------------------------------------------------------------------ */

static void vp_time_add(struct sched_vp_time *time, pid_t tid, const struct sched_thread_time *now)
{
	if (time->tid != tid) {
		time->used += time->last.used;
		time->ready += time->last.ready;
		time->slices += time->last.slices;
	}
	time->tid = tid;
	time->last = *now;
}

static struct json_object *vcpu_new(uint32_t vp, const struct sched_vp_time *time)
{
	struct json_object *object = json_object_new_object();
	gboolean known = time->tid != 0;

	add_number(object, "vcpu", vp);
	add(object, "cpu",
	    known && time->last.cpu >= 0 ? json_object_new_int64(time->last.cpu) : NULL);
	add(object, "used", known ? json_object_new_uint64(time->used + time->last.used) : NULL);
	add(object, "ready", known ? json_object_new_uint64(time->ready + time->last.ready) : NULL);
	add(object, "slices",
	    known ? json_object_new_uint64(time->slices + time->last.slices) : NULL);
	add(object, "halted", NULL);
	return object;
}

/* The processors' times to entry->times, those of the other threads to others. */
static void times_read(struct sched_entry *entry, uint32_t vcpus, struct json_object *others)
{
	g_autoptr(GArray) threads = sched_threads_list(SCHED_PROC, entry->pid, vcpus);
	uint64_t used = 0, ready = 0, n = 0;

	for (guint i = 0; i < threads->len; i++) {
		const struct sched_thread *thread = &g_array_index(threads, struct sched_thread, i);
		struct sched_thread_time now;

		if (!sched_thread_read(SCHED_PROC, thread->pid, thread->tid, &now))
			continue;
		if (thread->vp != SCHED_THREADS_NO_VP) {
			vp_time_add(&entry->times[thread->vp], thread->tid, &now);
			continue;
		}
		used += now.used;
		ready += now.ready;
		n++;
	}
	add_number(others, "threads", n);
	add_number(others, "used", used);
	add_number(others, "ready", ready);
}

/* The digits that a text begins with. */
static gboolean parse_digits(const char *text, uint64_t *ret)
{
	char *end;

	*ret = g_ascii_strtoull(text, &end, 10);
	return end != text && g_ascii_isdigit(*text);
}

/* The number behind a word at the beginning of a line, of a file like cpu.stat. */
static gboolean find_number(const char *text, const char *word, uint64_t *ret)
{
	size_t length = strlen(word);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n' ? 1 : 0;
		if (strncmp(line, word, length) == 0 && line[length] == ' ')
			return parse_digits(line + length + 1, ret);
	}
	return FALSE;
}

/* Of the processors' sub-group when they are limited, else of the whole cgroup. */
static struct json_object *throttling(const struct sched_entry *entry)
{
	g_autofree char *vcpu =
		entry->split ? g_build_filename(entry->dir, CGROUP_VCPU, NULL) : NULL;
	g_autofree char *text =
		entry->dir ? cgroup_read(vcpu ? vcpu : entry->dir, "cpu.stat") : NULL;
	uint64_t periods, throttled, time_us;
	struct json_object *object;

	if (!text || !find_number(text, "nr_periods", &periods) ||
	    !find_number(text, "nr_throttled", &throttled) ||
	    !find_number(text, "throttled_usec", &time_us))
		return NULL;
	object = json_object_new_object();
	add_number(object, "periods", periods);
	add_number(object, "throttledPeriods", throttled);
	add_number(object, "time", time_us * 1000);
	return object;
}

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=12": the total is in us. */
static struct json_object *pressure(const struct sched_entry *entry)
{
	g_autofree char *text = entry->dir ? cgroup_read(entry->dir, "cpu.pressure") : NULL;
	const char *some = text && g_str_has_prefix(text, "some ") ? strstr(text, "total=") : NULL;
	struct json_object *object;
	uint64_t total_us;

	if (!some || !parse_digits(some + strlen("total="), &total_us))
		return NULL;
	object = json_object_new_object();
	add_number(object, "some", total_us * 1000);
	return object;
}

/* How much longer the processor that waited longest did than the one that waited least. */
static struct json_object *skew(const struct sched_entry *entry, uint32_t n)
{
	uint64_t least = UINT64_MAX, most = 0;
	uint32_t known = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct sched_vp_time *time = &entry->times[i];
		uint64_t ready = time->ready + time->last.ready;

		if (time->tid == 0)
			continue;
		least = MIN(least, ready);
		most = MAX(most, ready);
		known++;
	}
	return known > 1 ? json_object_new_uint64(most - least) : NULL;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

char *sched_stats_describe(struct sched *sched, const struct vm *vm, sd_bus_message *reply,
			   GError **error)
{
	struct sched_entry *entry = g_hash_table_lookup(sched->entries, vm);
	g_autoptr(json_value_t) root = json_object_new_object();
	struct json_object *vcpus = json_object_new_array(), *others = json_object_new_object();
	uint32_t n = vm->definition->cpus;

	add(root, "name", json_object_new_string(vm->definition->name));
	add(root, "uuid", json_object_new_string(vm->definition->uuid));
	add_number(root, "time", now_ns());
	add(root, "vcpus", vcpus);
	add(root, "others", others);
	add(root, "throttled", entry ? throttling(entry) : NULL);
	add(root, "pressure", entry ? pressure(entry) : NULL);
	if (entry && !entry->times)
		entry->times = g_new0(struct sched_vp_time, n);
	if (entry)
		times_read(entry, n, others);
	add(root, "skew", entry ? skew(entry, n) : NULL);
	for (uint32_t i = 0; i < n; i++) {
		const struct sched_vp_time none = {0};

		(void)json_object_array_add(vcpus, vcpu_new(i, entry ? &entry->times[i] : &none));
	}
	if (counters_read(reply, root, vcpus)) {
		halted_put(vcpus);
		counters_complete(root, vcpus);
		return json_text_print(root);
	}
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_WORKER,
		    "VM %s: the counters of its worker make no sense: end and start the VM",
		    vm->definition->name);
	return NULL;
}
