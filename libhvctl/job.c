// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Jobs. The signal JobFinished is subscribed to before the first job is asked for, and signals are
 * only dispatched by connection_run(), after the reply with the job's path has been taken: no end
 * of a job can be missed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"

struct hvctl_job {
	hvctl *h; /* a reference; its bus may be gone */
	struct hvctl_job *next;
	char *path;
	bool linked; /* in h->jobs */
	bool finished, lost;
	char *error_name, *error_message; /* when it failed */
};

static void job_unlink(struct hvctl_job *job)
{
	if (!job->linked)
		return;
	struct hvctl_job **p = &job->h->jobs;
	while (*p != job)
		p = &(*p)->next;
	*p = job->next;
	job->linked = false;
}

static void job_finish(struct hvctl_job *job, const char *state, const char *name,
		       const char *message)
{
	job->finished = true;
	job_unlink(job);
	if (strcmp(state, "done") == 0)
		return;
	bool canceled = strcmp(state, "canceled") == 0;
	/* Out of memory leaves the name NULL; hvctl_job_wait() says so then. */
	job->error_name = strdup(name[0]    ? name
				 : canceled ? VMMS_ERROR_PREFIX "Canceled"
					    : VMMS_ERROR_PREFIX "Failed");
	job->error_message = strdup(message[0] ? message
				    : canceled ? "the job was canceled"
					       : "the job failed without a reason");
	job->lost = !job->error_name;
}

static int on_job_finished(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
	const char *path, *vm, *state, *error, *message;
	hvctl *h = userdata;

	(void)ret_error;
	if (sd_bus_message_read(m, "oosss", &path, &vm, &state, &error, &message) < 0)
		return 0;
	for (struct hvctl_job *job = h->jobs; job; job = job->next) {
		if (strcmp(job->path, path) == 0) {
			job_finish(job, state, error, message);
			break;
		}
	}
	return 0;
}

int jobs_watch(hvctl *h)
{
	int r = connection_check(h);

	if (r < 0 || h->watching_jobs)
		return r;
	r = connection_watch_owner(h);
	if (r < 0)
		return r;
	r = sd_bus_match_signal_async(h->bus, NULL, connection_destination(h), VMMS_ROOT_PATH,
				      VMMS_IFACE_MANAGER, "JobFinished", on_job_finished, NULL, h);
	if (r < 0)
		return error_set_errno(h, r, "watching for the end of jobs");
	h->watching_jobs = true;
	return 0;
}

void jobs_disconnect(hvctl *h)
{
	while (h->jobs) {
		h->jobs->lost = true;
		job_unlink(h->jobs);
	}
}

int job_begin(hvctl *h, sd_bus_message *reply, hvctl_job **ret)
{
	const char *path;

	int r = sd_bus_message_read_basic(reply, 'o', &path);
	if (r <= 0)
		return error_set_errno(h, r < 0 ? r : -EBADMSG, "beginning a job");
	struct hvctl_job *job = calloc(1, sizeof(*job));
	if (job)
		job->path = strdup(path);
	if (!job || !job->path) {
		free(job);
		return error_set_oom(h);
	}
	job->h = connection_ref(h);
	job->next = h->jobs;
	h->jobs = job;
	job->linked = true;
	*ret = job;
	return 0;
}

HVCTL_PUBLIC void hvctl_job_free(hvctl_job *job)
{
	if (!job)
		return;
	job_unlink(job);
	connection_unref(job->h);
	free(job->path);
	free(job->error_name);
	free(job->error_message);
	free(job);
}

HVCTL_PUBLIC const char *hvctl_job_path(const hvctl_job *job)
{
	return job->path;
}

HVCTL_PUBLIC bool hvctl_job_finished(const hvctl_job *job)
{
	return job->finished;
}

static bool job_is_over(const void *context)
{
	const struct hvctl_job *job = context;

	return job->finished || job->lost;
}

HVCTL_PUBLIC int hvctl_job_wait(hvctl_job *job, uint64_t timeout)
{
	hvctl *h = job->h;

	if (!job_is_over(job)) {
		int r = connection_run(h, job_is_over, job, deadline_in(timeout));
		if (r < 0)
			return r;
		if (r == 0)
			return error_set(h, HVCTL_ERROR_TIMED_OUT,
					 "job %s has not ended in time; it goes on", job->path);
	}
	if (job->lost && !job->finished)
		return error_set(h, HVCTL_ERROR_UNREACHABLE,
				 "the connection was closed while job %s ran", job->path);
	if (job->lost)
		return error_set_oom(h);
	if (!job->error_name)
		return 0;
	return error_set_bus(h, job->error_name, job->error_message);
}

HVCTL_PUBLIC int hvctl_job_progress(hvctl_job *job, unsigned *ret_percent)
{
	AUTO_MESSAGE sd_bus_message *reply = NULL;
	uint32_t percent;

	int r = call_get_property(job->h, job->path, VMMS_IFACE_JOB, "Progress", &reply, "u");
	if (r < 0)
		return r;
	r = sd_bus_message_read_basic(reply, 'u', &percent);
	if (r <= 0)
		return error_set_errno(job->h, r < 0 ? r : -EBADMSG, "Progress");
	*ret_percent = percent;
	return 0;
}

HVCTL_PUBLIC int hvctl_job_cancel(hvctl_job *job)
{
	return call_method(job->h, job->path, VMMS_IFACE_JOB, "Cancel", NULL, NULL);
}

/* Of the methods that take nothing and return a job. */
static int vm_job(hvctl *h, const char *name, const char *member, hvctl_job **ret)
{
	AUTO_MESSAGE sd_bus_message *reply = NULL;

	int r = ret ? jobs_watch(h) : 0;
	if (r < 0)
		return r;
	r = call_vm(h, name, member, &reply, NULL);
	return r < 0 || !ret ? r : job_begin(h, reply, ret);
}

HVCTL_PUBLIC int hvctl_start(hvctl *h, const char *name, hvctl_job **ret)
{
	return vm_job(h, name, "Start", ret);
}

HVCTL_PUBLIC int hvctl_stop(hvctl *h, const char *name, hvctl_job **ret)
{
	return vm_job(h, name, "Stop", ret);
}

HVCTL_PUBLIC int hvctl_pause(hvctl *h, const char *name, hvctl_job **ret)
{
	return vm_job(h, name, "Pause", ret);
}

HVCTL_PUBLIC int hvctl_resume(hvctl *h, const char *name, hvctl_job **ret)
{
	return vm_job(h, name, "Resume", ret);
}

HVCTL_PUBLIC int hvctl_reset(hvctl *h, const char *name, hvctl_job **ret)
{
	return vm_job(h, name, "Reset", ret);
}

HVCTL_PUBLIC int hvctl_save(hvctl *h, const char *name, hvctl_job **ret)
{
	return vm_job(h, name, "Save", ret);
}

HVCTL_PUBLIC int hvctl_discard(hvctl *h, const char *name, hvctl_job **ret)
{
	return vm_job(h, name, "Discard", ret);
}

HVCTL_PUBLIC int hvctl_shutdown(hvctl *h, const char *name, uint64_t timeout, bool force,
				hvctl_job **ret)
{
	AUTO_MESSAGE sd_bus_message *reply = NULL;

	int r = ret ? jobs_watch(h) : 0;
	if (r < 0)
		return r;
	r = call_vm(h, name, "Shutdown", &reply, "tb", timeout, (int)force);
	return r < 0 || !ret ? r : job_begin(h, reply, ret);
}

/* Of the methods that take a time only. */
static int vm_timed_job(hvctl *h, const char *name, const char *member, uint64_t usec,
			hvctl_job **ret)
{
	AUTO_MESSAGE sd_bus_message *reply = NULL;

	int r = ret ? jobs_watch(h) : 0;
	if (r < 0)
		return r;
	r = call_vm(h, name, member, &reply, "t", usec);
	return r < 0 || !ret ? r : job_begin(h, reply, ret);
}

HVCTL_PUBLIC int hvctl_reboot(hvctl *h, const char *name, uint64_t timeout, hvctl_job **ret)
{
	return vm_timed_job(h, name, "Reboot", timeout, ret);
}

HVCTL_PUBLIC int hvctl_hibernate(hvctl *h, const char *name, uint64_t timeout, hvctl_job **ret)
{
	return vm_timed_job(h, name, "Hibernate", timeout, ret);
}

HVCTL_PUBLIC int hvctl_freeze(hvctl *h, const char *name, uint64_t hold, hvctl_job **ret)
{
	return vm_timed_job(h, name, "Freeze", hold, ret);
}

HVCTL_PUBLIC int hvctl_thaw(hvctl *h, const char *name, hvctl_job **ret)
{
	return vm_job(h, name, "Thaw", ret);
}

HVCTL_PUBLIC int hvctl_copy(hvctl *h, const char *name, int fd, const char *path, bool overwrite,
			    hvctl_job **ret)
{
	AUTO_MESSAGE sd_bus_message *reply = NULL;

	int r = call_check_text(h, "path", path);
	if (r >= 0 && ret)
		r = jobs_watch(h);
	if (r < 0)
		return r;
	r = call_vm(h, name, "Copy", &reply, "hsb", fd, path, (int)overwrite);
	return r < 0 || !ret ? r : job_begin(h, reply, ret);
}

/* Of the methods that take the JSON or the name of a device. */
static int vm_device_job(hvctl *h, const char *name, const char *member, const char *text,
			 hvctl_job **ret)
{
	AUTO_MESSAGE sd_bus_message *reply = NULL;

	if (strlen(text) > VMMS_MAX_MESSAGE)
		return error_set(h, HVCTL_ERROR_INVALID_ARGUMENT,
				 "the device has %zu bytes; at most %u are taken", strlen(text),
				 VMMS_MAX_MESSAGE);
	int r = ret ? jobs_watch(h) : 0;
	if (r < 0)
		return r;
	r = call_vm(h, name, member, &reply, "s", text);
	return r < 0 || !ret ? r : job_begin(h, reply, ret);
}

HVCTL_PUBLIC int hvctl_attach_disk(hvctl *h, const char *name, const char *disk, hvctl_job **ret)
{
	return vm_device_job(h, name, "AttachDisk", disk, ret);
}

HVCTL_PUBLIC int hvctl_attach_nic(hvctl *h, const char *name, const char *nic, hvctl_job **ret)
{
	return vm_device_job(h, name, "AttachNic", nic, ret);
}

HVCTL_PUBLIC int hvctl_detach_disk(hvctl *h, const char *name, const char *disk, hvctl_job **ret)
{
	return vm_device_job(h, name, "DetachDisk", disk, ret);
}

HVCTL_PUBLIC int hvctl_detach_nic(hvctl *h, const char *name, const char *nic, hvctl_job **ret)
{
	return vm_device_job(h, name, "DetachNic", nic, ret);
}

HVCTL_PUBLIC int hvctl_resize_disk(hvctl *h, const char *name, const char *disk, uint64_t size,
				   bool force, hvctl_job **ret)
{
	AUTO_MESSAGE sd_bus_message *reply = NULL;

	int r = call_check_text(h, "disk", disk);
	if (r >= 0 && ret)
		r = jobs_watch(h);
	if (r < 0)
		return r;
	r = call_vm(h, name, "ResizeDisk", &reply, "stb", disk, size, (int)force);
	return r < 0 || !ret ? r : job_begin(h, reply, ret);
}

HVCTL_PUBLIC int hvctl_stop_all(hvctl *h, hvctl_job **ret)
{
	AUTO_MESSAGE sd_bus_message *reply = NULL;

	int r = ret ? jobs_watch(h) : 0;
	if (r < 0)
		return r;
	r = call_method(h, VMMS_ROOT_PATH, VMMS_IFACE_MANAGER, "StopAll", &reply, NULL);
	return r < 0 || !ret ? r : job_begin(h, reply, ret);
}
