/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "systemd_unit.h"

#include "cleanup.h"
#include "duration.h"
#include "service_error.h"

#define SYSTEMD_NAME  "org.freedesktop.systemd1"
#define SYSTEMD_PATH  "/org/freedesktop/systemd1"
#define SYSTEMD_IFACE "org.freedesktop.systemd1.Manager"
#define UNIT_CALL_US  SECONDS(90) /* the longest that systemd may take for an answer */
#define SCOPE_TASKS   UINT64_C(2048)

struct systemd_units {
	sd_bus *bus;
	sd_bus_slot *removed, *files;
	void (*files_changed)(void *context);
	void *files_context;
	GHashTable *jobs; /* struct unit_job, borrowed: those that run */
};

struct unit_job {
	struct systemd_units *units;
	char *unit;
	char *path; /* of systemd's job, once known */
	sd_bus_slot *call;
	unit_done *done;
	void *context;
};

void unit_job_forget(struct unit_job *job)
{
	if (!job)
		return;
	g_hash_table_remove(job->units->jobs, job);
	sd_bus_slot_unref(job->call);
	g_free(job->unit);
	g_free(job->path);
	g_free(job);
}

static void unit_job_end(struct unit_job *job, const GError *error)
{
	unit_done *done = job->done;
	void *context = job->context;

	unit_job_forget(job);
	done(context, error);
}

static int on_job_removed(sd_bus_message *message, void *userdata, sd_bus_error *unused)
{
	struct systemd_units *units = userdata;
	const char *path, *unit, *result;
	GHashTableIter iter;
	void *key;

	(void)unused;
	if (sd_bus_message_read(message, "uoss", NULL, &path, &unit, &result) < 0)
		return 0;
	g_hash_table_iter_init(&iter, units->jobs);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		struct unit_job *job = key;
		g_autoptr(GError) error = NULL;

		if (g_strcmp0(job->path, path) != 0)
			continue;
		if (!g_str_equal(result, "done"))
			error = g_error_new(SERVICE_ERROR, SERVICE_ERROR_WORKER,
					    "systemd's job for %s ended with \"%s\"; see "
					    "journalctl -u %s",
					    job->unit, result, job->unit);
		unit_job_end(job, error); /* the iterator is not used after this */
		return 0;
	}
	return 0;
}

struct systemd_units *systemd_units_new(sd_bus *bus, GError **error)
{
	struct systemd_units *units = g_new0(struct systemd_units, 1);
	int r;

	units->bus = bus;
	units->jobs = g_hash_table_new(g_direct_hash, g_direct_equal);
	r = sd_bus_match_signal_async(bus, &units->removed, SYSTEMD_NAME, SYSTEMD_PATH,
				      SYSTEMD_IFACE, "JobRemoved", on_job_removed, NULL, units);
	if (r >= 0)
		r = sd_bus_call_method_async(bus, NULL, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_IFACE,
					     "Subscribe", NULL, NULL, NULL);
	if (r < 0) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED,
			    "systemd cannot be reached on the system bus: %s", g_strerror(-r));
		systemd_units_free(units);
		return NULL;
	}
	return units;
}

static int on_files_changed(sd_bus_message *message, void *userdata, sd_bus_error *unused)
{
	struct systemd_units *units = userdata;

	(void)message;
	(void)unused;
	units->files_changed(units->files_context);
	return 0;
}

int systemd_units_watch_files(struct systemd_units *units, void (*changed)(void *context),
			      void *context)
{
	units->files_changed = changed;
	units->files_context = context;
	return sd_bus_match_signal_async(units->bus, &units->files, SYSTEMD_NAME, SYSTEMD_PATH,
					 SYSTEMD_IFACE, "UnitFilesChanged", on_files_changed, NULL,
					 units);
}

void systemd_units_free(struct systemd_units *units)
{
	if (!units)
		return;
	sd_bus_slot_unref(units->removed);
	sd_bus_slot_unref(units->files);
	/* The jobs belong to those who asked, who are gone by now. */
	g_hash_table_unref(units->jobs);
	g_free(units);
}

static struct unit_job *unit_job_new(struct systemd_units *units, const char *unit, unit_done *done,
				     void *context)
{
	struct unit_job *job = g_new0(struct unit_job, 1);

	job->units = units;
	job->unit = g_strdup(unit);
	job->done = done;
	job->context = context;
	g_hash_table_add(units->jobs, job);
	return job;
}

static GError *reply_error(const struct unit_job *job, sd_bus_message *reply)
{
	const sd_bus_error *e = sd_bus_message_get_error(reply);

	return e ? g_error_new(SERVICE_ERROR, SERVICE_ERROR_WORKER, "systemd refused %s: %s",
			       job->unit, e->message ? e->message : e->name)
		 : NULL;
}

static int on_queued(sd_bus_message *reply, void *userdata, sd_bus_error *unused)
{
	struct unit_job *job = userdata;
	g_autoptr(GError) error = reply_error(job, reply);
	const char *path;

	(void)unused;
	job->call = sd_bus_slot_unref(job->call);
	if (!error && sd_bus_message_read(reply, "o", &path) < 0)
		error = g_error_new(SERVICE_ERROR, SERVICE_ERROR_WORKER,
				    "systemd gave no job for %s", job->unit);
	if (error)
		unit_job_end(job, error);
	else
		job->path = g_strdup(path); /* the end comes with JobRemoved */
	return 0;
}

static struct unit_job *unit_queue(struct systemd_units *units, const char *method,
				   const char *unit, unit_done *done, void *context)
{
	struct unit_job *job = unit_job_new(units, unit, done, context);

	if (sd_bus_call_method_async(units->bus, &job->call, SYSTEMD_NAME, SYSTEMD_PATH,
				     SYSTEMD_IFACE, method, on_queued, job, "ss", unit,
				     "replace") >= 0)
		return job;
	unit_job_forget(job);
	return NULL;
}

struct unit_job *systemd_unit_start(struct systemd_units *units, const char *unit, unit_done *done,
				    void *context)
{
	return unit_queue(units, "StartUnit", unit, done, context);
}

struct unit_job *systemd_unit_stop(struct systemd_units *units, const char *unit, unit_done *done,
				   void *context)
{
	return unit_queue(units, "StopUnit", unit, done, context);
}

/* As in vmworker@.service: that the worker has /dev/kvm at most, leave to split its cgroup, and
 * that at shutdown the guests are stopped in their order before systemd stops what is left. */
static int append_pids(sd_bus_message *call, const GArray *pids)
{
	G_STATIC_ASSERT(sizeof(pid_t) == sizeof(uint32_t));
	int r;

	if ((r = sd_bus_message_open_container(call, 'r', "sv")) < 0 ||
	    (r = sd_bus_message_append(call, "s", "PIDs")) < 0 ||
	    (r = sd_bus_message_open_container(call, 'v', "au")) < 0 ||
	    (r = sd_bus_message_append_array(call, 'u', pids->data, pids->len * sizeof(uint32_t))) <
		    0 ||
	    (r = sd_bus_message_close_container(call)) < 0)
		return r;
	return sd_bus_message_close_container(call);
}

static int scope_properties(sd_bus_message *call, const char *slice, const GArray *pids)
{
	int r;

	if ((r = sd_bus_message_append(call, "(sv)", "Slice", "s", slice)) < 0 ||
	    (r = append_pids(call, pids)) < 0 ||
	    (r = sd_bus_message_append(call, "(sv)", "Description", "s", "Virtual machine")) < 0 ||
	    (r = sd_bus_message_append(call, "(sv)", "CollectMode", "s", "inactive-or-failed")) <
		    0 ||
	    (r = sd_bus_message_append(call, "(sv)", "Before", "as", 1, "vmms-guests.service")) <
		    0 ||
	    (r = sd_bus_message_append(call, "(sv)", "TasksMax", "t", SCOPE_TASKS)) < 0 ||
	    (r = sd_bus_message_append(call, "(sv)", "DelegateControllers", "as", 2, "cpu",
				       "cpuset")) < 0 ||
	    (r = sd_bus_message_append(call, "(sv)", "DevicePolicy", "s", "closed")) < 0)
		return r;
	return sd_bus_message_append(call, "(sv)", "DeviceAllow", "a(ss)", 1, "/dev/kvm", "rw");
}

struct unit_job *systemd_scope_start(struct systemd_units *units, const char *scope,
				     const char *slice, const GArray *pids, unit_done *done,
				     void *context)
{
	struct unit_job *job = unit_job_new(units, scope, done, context);
	automsg call = NULL;

	if (sd_bus_message_new_method_call(units->bus, &call, SYSTEMD_NAME, SYSTEMD_PATH,
					   SYSTEMD_IFACE, "StartTransientUnit") >= 0 &&
	    sd_bus_message_append(call, "ss", scope, "fail") >= 0 &&
	    sd_bus_message_open_container(call, 'a', "(sv)") >= 0 &&
	    scope_properties(call, slice, pids) >= 0 && sd_bus_message_close_container(call) >= 0 &&
	    sd_bus_message_append(call, "a(sa(sv))", 0) >= 0 &&
	    sd_bus_call_async(units->bus, &job->call, call, on_queued, job, UNIT_CALL_US) >= 0)
		return job;
	unit_job_forget(job);
	return NULL;
}

static int on_enabled(sd_bus_message *reply, void *userdata, sd_bus_error *unused)
{
	struct unit_job *job = userdata;
	g_autoptr(GError) error = reply_error(job, reply);

	(void)unused;
	job->call = sd_bus_slot_unref(job->call);
	if (!error)
		(void)sd_bus_call_method_async(job->units->bus, NULL, SYSTEMD_NAME, SYSTEMD_PATH,
					       SYSTEMD_IFACE, "Reload", NULL, NULL, NULL);
	unit_job_end(job, error);
	return 0;
}

struct unit_job *systemd_unit_enable(struct systemd_units *units, const char *unit, gboolean enable,
				     unit_done *done, void *context)
{
	struct unit_job *job = unit_job_new(units, unit, done, context);
	automsg call = NULL;

	/* runtime = false; force (replacing a link of that name) = true */
	if (sd_bus_message_new_method_call(units->bus, &call, SYSTEMD_NAME, SYSTEMD_PATH,
					   SYSTEMD_IFACE,
					   enable ? "EnableUnitFiles" : "DisableUnitFiles") >= 0 &&
	    sd_bus_message_append(call, "as", 1, unit) >= 0 &&
	    sd_bus_message_append(call, enable ? "bb" : "b", 0, 1) >= 0 &&
	    sd_bus_call_async(units->bus, &job->call, call, on_enabled, job, UNIT_CALL_US) >= 0)
		return job;
	unit_job_forget(job);
	return NULL;
}
