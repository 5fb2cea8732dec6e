/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host.h"

#include <sys/stat.h>

#include "device_access.h"
#include "host_file.h"
#include "host_internal.h"
#include "json_text.h"
#include "service_error.h"

/* The worker's line has some 30 capabilities; more than this did not come from it. */
#define PROBE_MAX_BYTES 65536u

static void kvm_clear(struct host_kvm *kvm)
{
	g_clear_pointer(&kvm->virtualization, g_free);
	g_clear_pointer(&kvm->reason, g_free);
	g_clear_pointer(&kvm->capabilities, json_object_put);
}

struct host *host_new(const char *sysfs_root, const char *proc_root, const char *kvm_device,
		      GError **error)
{
	g_autofree char *cpuinfo = host_file_read(proc_root, "cpuinfo");

	if (!cpuinfo) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED,
			    "%s/cpuinfo cannot be read: mount procfs", proc_root);
		return NULL;
	}
	struct host *host = g_new0(struct host, 1);
	host->sysfs_root = g_strdup(sysfs_root);
	host->proc_root = g_strdup(proc_root);
	host->kvm_device = g_strdup(kvm_device);
	host->kernel = host_file_read(proc_root, "sys/kernel/osrelease");
	host_processor_parse(&host->processor, cpuinfo);
	host_set_probe(host, NULL);
	host_set_translate_probe(host, NULL);
	return host;
}

void host_free(struct host *host)
{
	if (!host)
		return;
	kvm_clear(&host->kvm);
	g_free(host->translate.reason);
	g_free(host->translate.answer);
	host_processor_clear(&host->processor);
	g_free(host->kernel);
	g_free(host->sysfs_root);
	g_free(host->proc_root);
	g_free(host->kvm_device);
	g_free(host->kvm_stamp);
	g_free(host->worker_user);
	g_free(host->worker_group);
	g_free(host);
}

void host_set_worker(struct host *host, const char *user, const char *group)
{
	g_free(host->worker_user);
	g_free(host->worker_group);
	host->worker_user = g_strdup(user);
	host->worker_group = g_strdup(group);
}

/* ---- the device file --------------------------------------------------------------------------
 */

/* The time of its last change tells of access control lists, too. */
static char *stamp_device(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return g_strdup("absent");
	return g_strdup_printf("%ju %ju %o %u:%u %jd.%09ld", (uintmax_t)st.st_rdev,
			       (uintmax_t)st.st_ino, st.st_mode, st.st_uid, st.st_gid,
			       (intmax_t)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
}

/* Why the workers cannot open it; NULL: they can, or there is no such user, which their units will
 * say. */
static char *explain_denied(const struct host *host)
{
	g_autoptr(device_user_t) user =
		host->worker_user ? device_user_find(host->worker_user, host->worker_group) : NULL;

	return user ? device_access_explain(host->kvm_device, user, host->worker_group) : NULL;
}

void host_begin_probe(struct host *host)
{
	g_free(host->kvm_stamp);
	host->kvm_stamp = stamp_device(host->kvm_device);
}

gboolean host_is_stale(const struct host *host)
{
	g_autofree char *now = stamp_device(host->kvm_device), *denied = NULL;

	if (g_strcmp0(now, host->kvm_stamp) != 0)
		return TRUE;
	denied = host->kvm.denied ? explain_denied(host) : NULL;
	return host->kvm.denied && !denied;
}

void host_distrust(struct host *host)
{
	g_clear_pointer(&host->kvm_stamp, g_free);
}

/* ---- answers ----------------------------------------------------------------------------------
 */

static const char *text_or(struct json_object *probe, const char *name, const char *otherwise)
{
	struct json_object *value = json_object_object_get(probe, name);

	return json_object_is_type(value, json_type_string) ? json_object_get_string(value)
							    : otherwise;
}

static int64_t number(struct json_object *probe, const char *name)
{
	struct json_object *value = json_object_object_get(probe, name);

	return json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : 0;
}

static struct host_speed read_speed(struct json_object *probe)
{
	struct json_object *speed = json_object_object_get(probe, "speed");

	if (!json_object_is_type(speed, json_type_object))
		return (struct host_speed){0};
	return (struct host_speed){.kernel = MAX(number(speed, "kernel"), 0),
				   .user = MAX(number(speed, "user"), 0)};
}

static struct json_object *copy_capabilities(struct json_object *probe)
{
	struct json_object *given = json_object_object_get(probe, "capabilities");
	struct json_object *copy = json_object_new_object();

	if (!json_object_is_type(given, json_type_object))
		return copy;
	json_object_object_foreach (given, name, value) {
		if (json_object_is_type(value, json_type_int))
			(void)json_object_object_add(copy, name, json_object_get(value));
	}
	return copy;
}

static void set_unusable(struct host_kvm *kvm, const char *virtualization, const char *reason)
{
	gboolean lost = kvm->usable || kvm->lost;

	kvm_clear(kvm);
	*kvm = (struct host_kvm){
		.virtualization = g_strdup(virtualization),
		.reason = g_strdup(reason),
		.lost = lost,
		.capabilities = json_object_new_object(),
	};
}

static gboolean has_sysfs(const struct host *host, const char *name)
{
	g_autofree char *path = g_build_filename(host->sysfs_root, name, NULL);

	return g_file_test(path, G_FILE_TEST_EXISTS);
}

/* What the processor can do, the worker says; what of it the kernel found switched on, cpuinfo. */
static const char *explain_no_kvm(const struct host *host, const char *virtualization)
{
	const struct host_obstacle obstacle = {
		.svm = g_str_equal(virtualization, "amd-v"),
		.vmx = g_str_equal(virtualization, "vt-x"),
		.loaded = has_sysfs(host, "module/kvm_amd") || has_sysfs(host, "module/kvm_intel"),
	};

	return host_processor_explain_no_kvm(&host->processor, &obstacle);
}

static const char *find_virtualization(struct json_object *probe)
{
	static const char *const known[] = {"amd-v", "vt-x", "software", "none", NULL};
	const char *name = text_or(probe, "virtualization", "none");

	return g_strv_contains(known, name) ? name : "none";
}

void host_set_probe(struct host *host, const char *probe_json)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(json_value_t) probe =
		probe_json ? json_text_parse(probe_json, PROBE_MAX_BYTES, &error) : NULL;
	g_autofree char *denied = NULL;

	if (!json_object_is_type(probe, json_type_object)) {
		set_unusable(&host->kvm, "none",
			     probe_json
				     ? "vmworker --probe gave an answer that is not JSON: install "
				       "the vmworker that belongs to this vmmsd"
				     : "/dev/kvm was not looked at, since vmworker --probe did "
				       "not answer: see that vmworker is installed");
		return;
	}
	const char *virtualization = find_virtualization(probe);
	if (!json_object_get_boolean(json_object_object_get(probe, "usable"))) {
		const char *reason = text_or(probe, "reason", "");
		/* Its entry in sysfs says more reliably than a failed open that there is none. */
		if (!has_sysfs(host, "class/misc/kvm"))
			reason = explain_no_kvm(host, virtualization);
		else if (!*reason)
			reason = "/dev/kvm cannot be used and the kernel does not say why: look at "
				 "the kernel log";
		set_unusable(&host->kvm, virtualization, reason);
		return;
	}
	denied = explain_denied(host);
	if (denied) {
		set_unusable(&host->kvm, virtualization, denied);
		host->kvm.denied = TRUE;
		return;
	}
	kvm_clear(&host->kvm);
	host->kvm = (struct host_kvm){
		.virtualization = g_strdup(virtualization),
		.usable = TRUE,
		.reason = g_strdup(""),
		.api_version = number(probe, "apiVersion"),
		.max_vps = number(probe, "maxVps"),
		.capabilities = copy_capabilities(probe),
		.speed = read_speed(probe),
	};
}

void host_set_translate_probe(struct host *host, const char *probe_json)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(json_value_t) probe =
		probe_json ? json_text_parse(probe_json, PROBE_MAX_BYTES, &error) : NULL;
	gboolean answered = json_object_is_type(probe, json_type_object);
	const char *reason = answered ? text_or(probe, "reason", "") : "";

	if (!answered)
		reason = "vmworker-translate --probe gave no answer: install vmms with it, and "
			 "libvirt's QEMU driver";
	else if (!*reason)
		reason = "vmworker-translate does not say why: see its log";
	g_free(host->translate.reason);
	host->translate.usable =
		answered && json_object_get_boolean(json_object_object_get(probe, "usable"));
	host->translate.reason = g_strdup(host->translate.usable ? "" : reason);
	if (!host->translate.usable)
		return;
	/* Another QEMU is another speed. */
	g_autofree char *before = host->translate.answer;
	host->translate.answer = g_strchomp(g_strdup(probe_json));
	if (g_strcmp0(before, host->translate.answer) != 0)
		host->translate.speed = (struct host_speed){0};
}

void host_set_translate_speed(struct host *host, const char *answer)
{
	g_autoptr(json_value_t) speed = json_text_parse(answer, PROBE_MAX_BYTES, NULL);

	if (host->translate.usable && json_object_is_type(speed, json_type_object))
		host->translate.speed = read_speed(speed);
}

char *host_translate_stamp(const struct host *host)
{
	return host->translate.usable ? g_strdup_printf("%s %s", host->kernel ? host->kernel : "",
							host->translate.answer)
				      : NULL;
}

gboolean host_read_memory(const struct host *host, uint64_t *total, uint64_t *available)
{
	g_autofree char *meminfo = host_file_read(host->proc_root, "meminfo");

	*total = *available = 0;
	return meminfo && host_file_find_kb(meminfo, "MemTotal", total) &&
	       host_file_find_kb(meminfo, "MemAvailable", available);
}

gboolean host_check_memory(const struct host *host, uint64_t bytes, const char *vm, GError **error)
{
	uint64_t total, available;

	if (!host_read_memory(host, &total, &available)) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED,
			    "VM %s: %s/meminfo does not say how much memory is available: mount "
			    "procfs",
			    vm, host->proc_root);
		return FALSE;
	}
	if (bytes <= available)
		return TRUE;
	/* In MiB, rounded so that the two numbers never look equal. */
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_NO_MEMORY,
		    "VM %s needs %" G_GUINT64_FORMAT
		    " MiB of memory and the host can give %" G_GUINT64_FORMAT
		    " MiB now (it has %" G_GUINT64_FORMAT
		    " MiB): give the VM less, or stop another",
		    vm, (bytes >> 20) + ((bytes & 0xfffff) != 0), available >> 20, total >> 20);
	return FALSE;
}
