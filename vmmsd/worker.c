/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "worker.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "duration.h"
#include "process.h"
#include "service.h"
#include "socket_at.h"
#include "systemd_unit.h"
#include "vm_serve.h"
#include "worker_dir.h"
#include "worker_host.h"
#include "worker_link.h"
#include "worker_spawn.h"

#define STOP_CALL_US	 SECONDS(5)  /* for the answer to Stop, then for the end */
#define GREETING_US	 SECONDS(20) /* from the process to its first word */
#define HANGUP_GRACE_US	 SECONDS(10) /* from the broken link to the end of the process */
#define GUEST_TOKENS_MAX 20u	     /* GuestEvents taken at once ... */
#define GUEST_REFILL_US	 500000	     /* ... and then one per this time */
#define WORKER_LOG_MAX	 ((off_t)1024 * 1024)
/* After the link, so that what a worker said before it ended is heard before its end. */
#define EXIT_PRIORITY (SD_EVENT_PRIORITY_NORMAL + 10)

static struct worker *worker_alloc(struct service *service, struct vm *vm,
				   const struct worker_owner *owner)
{
	struct worker *worker = g_new0(struct worker, 1);

	worker->service = service;
	worker->vm = vm;
	worker->owner = owner;
	worker->directory = -1;
	worker->pidfd = -1;
	worker->guest_tokens = GUEST_TOKENS_MAX;
	return worker;
}

void worker_free(struct worker *worker)
{
	if (!worker)
		return;
	vm_serve_cancel(worker->serve);
	unit_job_forget(worker->unit_job);
	sd_bus_slot_unref(worker->stop_call);
	sd_bus_slot_unref(worker->query);
	sd_bus_close_unref(worker->link);
	sd_event_source_disable_unref(worker->timer);
	sd_event_source_disable_unref(worker->hangup);
	sd_event_source_disable_unref(worker->exit);
	fd_close(worker->pidfd);
	fd_close(worker->directory);
	g_clear_error(&worker->failure);
	g_free(worker->unserved);
	g_free(worker);
}

struct worker *worker_new(struct service *service, struct vm *vm, const struct worker_owner *owner,
			  GError **error)
{
	struct worker *worker = worker_alloc(service, vm, owner);
	const char *uuid = vm->definition->uuid;
	autofd int stale = -1;

	worker->directory = worker_dir_make(service->options->runtime_dir, uuid);
	if (worker->directory < 0) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED,
			    "the runtime directory %s/%s cannot be made: %s",
			    service->options->runtime_dir, uuid, g_strerror(-worker->directory));
		worker_free(worker);
		return NULL;
	}
	stale = socket_connect_at(worker->directory, WORKER_DIR_CONTROL);
	if (stale >= 0) {
		g_set_error(
			error, SERVICE_ERROR, SERVICE_ERROR_WORKER,
			"a worker that vmmsd does not know still serves %s/%s/control; end that "
			"process first",
			service->options->runtime_dir, uuid);
		worker_free(worker);
		return NULL;
	}
	worker_dir_clean(worker->directory);
	return worker;
}

static void worker_set_timer(struct worker *worker, uint64_t usec, sd_event_time_handler_t handler)
{
	/* The default accuracy would let a timer of 0 wait for a quarter of a second. */
	worker->timer = sd_event_source_disable_unref(worker->timer);
	(void)sd_event_add_time_relative(worker->service->event, &worker->timer, CLOCK_MONOTONIC,
					 usec, usec == 0 ? 1 : 0, handler, worker);
}

/* The last words of every worker. */
static void worker_gone(struct worker *worker)
{
	worker->timer = sd_event_source_disable_unref(worker->timer);
	worker->hangup = sd_event_source_disable_unref(worker->hangup);
	worker->exit = sd_event_source_disable_unref(worker->exit);
	worker->stop_call = sd_bus_slot_unref(worker->stop_call);
	worker->query = sd_bus_slot_unref(worker->query);
	worker->link = sd_bus_close_unref(worker->link);
	worker->pid = 0;
	worker->pidfd = fd_close(worker->pidfd);
	worker->owner->gone(worker);
}

static int on_exit_of(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct worker *worker = userdata;

	(void)source;
	(void)revents;
	worker->status = process_reap(fd);
	worker_gone(worker);
	return 0;
}

static int on_gone_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	worker_gone(userdata);
	return 0;
}

static int on_still_there(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct worker *worker = userdata;

	(void)source;
	(void)usec;
	log_vm(worker->service->log, LOG_ERR, worker->vm,
	       "the killed worker (pid %d) has not ended: it is stuck in the kernel", worker->pid);
	return 0;
}

static void on_unit_stopped(void *context, const GError *error)
{
	struct worker *worker = context;

	worker->unit_job = NULL;
	if (error)
		log_vm(worker->service->log, LOG_WARNING, worker->vm, "stopping its unit: %s",
		       error->message);
	worker_gone(worker);
}

static void worker_kill(struct worker *worker)
{
	worker->ending = TRUE;
	worker->stop_call = sd_bus_slot_unref(worker->stop_call);
	if (worker->pidfd >= 0) {
		(void)pidfd_send_signal(worker->pidfd, SIGKILL, NULL, 0);
		worker_set_timer(worker, 2 * STOP_CALL_US, on_still_there);
		return;
	}
	if (worker->service->units) {
		g_autofree char *unit = worker_unit_name(worker->vm);

		unit_job_forget(worker->unit_job);
		worker->unit_job =
			systemd_unit_stop(worker->service->units, unit, on_unit_stopped, worker);
		if (worker->unit_job)
			return;
	}
	/* There is no process yet, or none any more. */
	worker_set_timer(worker, 0, on_gone_time);
}

void worker_fail(struct worker *worker, GError *failure)
{
	if (worker->failure)
		g_error_free(failure);
	else
		worker->failure = failure;
	worker_kill(worker);
}

static int on_stop_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct worker *worker = userdata;

	(void)source;
	(void)usec;
	log_vm(worker->service->log, LOG_WARNING, worker->vm,
	       "the worker (pid %d) did not end when asked: it is killed", worker->pid);
	worker_kill(worker);
	return 0;
}

static int on_stop_reply(sd_bus_message *reply, void *userdata, sd_bus_error *unused)
{
	struct worker *worker = userdata;
	g_autoptr(GError) error = NULL;

	(void)unused;
	worker->stop_call = sd_bus_slot_unref(worker->stop_call);
	switch (worker_link_check_reply(reply, "Stop", &error)) {
	case WORKER_REPLY_OK:
		worker_set_timer(worker, STOP_CALL_US, on_stop_time);
		break;
	case WORKER_REPLY_ERROR:
	case WORKER_REPLY_TIMED_OUT:
		log_vm(worker->service->log, LOG_WARNING, worker->vm, "%s: it is killed",
		       error->message);
		worker_kill(worker);
		break;
	case WORKER_REPLY_GONE: /* on_hangup has set the timer */
		break;
	}
	return 0;
}

void worker_stop(struct worker *worker)
{
	g_autoptr(GError) error = NULL;

	worker->ending = TRUE;
	if (worker->stop_call)
		return;
	if (!worker->link || !worker_link_call(worker->link, "Stop", STOP_CALL_US, on_stop_reply,
					       worker, &worker->stop_call, &error))
		worker_kill(worker);
}

static int on_hangup_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct worker *worker = userdata;

	(void)source;
	(void)usec;
	worker_fail(worker, g_error_new_literal(SERVICE_ERROR, SERVICE_ERROR_WORKER,
						"the worker closed its control link without ending "
						"and was killed"));
	return 0;
}

/* A worker whose link broke is about to end, and its end tells more than the link does. */
static void worker_await_end(struct worker *worker)
{
	if (!worker->hangup)
		(void)sd_event_add_time_relative(worker->service->event, &worker->hangup,
						 CLOCK_MONOTONIC, HANGUP_GRACE_US, 0,
						 on_hangup_time, worker);
}

static gboolean worker_take_guest_token(struct worker *worker)
{
	gint64 now = g_get_monotonic_time();
	gint64 refill = (now - worker->guest_refilled_us) / GUEST_REFILL_US;

	if (refill > 0) {
		worker->guest_tokens =
			(guint)MIN(refill + worker->guest_tokens, (gint64)GUEST_TOKENS_MAX);
		worker->guest_refilled_us = now;
	}
	if (worker->guest_tokens == 0) {
		worker->guest_dropped++;
		return FALSE;
	}
	worker->guest_tokens--;
	if (worker->guest_dropped) {
		log_vm(worker->service->log, LOG_NOTICE, worker->vm,
		       "%u events of the guest were dropped: they came too fast",
		       worker->guest_dropped);
		worker->guest_dropped = 0;
	}
	return TRUE;
}

static int on_link_message(sd_bus_message *message, void *userdata, sd_bus_error *unused)
{
	struct worker *worker = userdata;
	const char *event, *detail;
	uint32_t percent;

	(void)unused;
	if (sd_bus_message_is_signal(message, "org.freedesktop.DBus.Local", "Disconnected") > 0) {
		worker_await_end(worker);
		return 0;
	}
	if (sd_bus_message_is_signal(message, "org.freedesktop.DBus.Local", "Connected") > 0) {
		if (worker->launching && !worker->ending) {
			worker->launching = FALSE;
			worker->timer = sd_event_source_disable_unref(worker->timer);
			worker->owner->launched(worker);
		}
		return 0;
	}
	if (worker_host_answer(message, worker->directory) > 0)
		return 1;
	if (sd_bus_message_is_signal(message, VMMS_IFACE_WORKER, "GuestEvent") > 0 &&
	    sd_bus_message_read(message, "ss", &event, &detail) >= 0 &&
	    (g_str_equal(event, VMMS_GUEST_EVENT_DISK) || worker_take_guest_token(worker)))
		worker->owner->guest_event(worker, event, detail);
	if (sd_bus_message_is_signal(message, VMMS_IFACE_WORKER, "CopyProgress") > 0 &&
	    sd_bus_message_read(message, "u", &percent) >= 0)
		worker->owner->copy_progress(worker, percent);
	return 0;
}

/* Sets up what tells of the end. Takes pidfd. */
static int worker_watch(struct worker *worker, pid_t pid, int pidfd)
{
	int r;

	worker->pid = pid;
	worker->pidfd = pidfd;
	r = sd_event_add_io(worker->service->event, &worker->exit, pidfd, EPOLLIN, on_exit_of,
			    worker);
	return r < 0 ? r : sd_event_source_set_priority(worker->exit, EXIT_PRIORITY);
}

/* The process that listens there: process.c, child_run, makes it the worker itself. */
static int worker_watch_peer(struct worker *worker, int fd)
{
	struct ucred peer = {0};
	socklen_t size = sizeof(peer);
	int pidfd;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return -errno;
	pidfd = pidfd_open(peer.pid, 0);
	return pidfd < 0 ? -errno : worker_watch(worker, peer.pid, pidfd);
}

/* Takes fd. */
static gboolean worker_link_up(struct worker *worker, int fd, GError **error)
{
	int r = worker->pidfd < 0 ? worker_watch_peer(worker, fd) : 0;

	if (r < 0) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_WORKER,
			    "the worker cannot be watched: %s", g_strerror(-r));
		fd_close(fd);
		return FALSE;
	}
	worker->link = worker_link_open(worker->service->event, fd, on_link_message, worker, error);
	return worker->link != NULL;
}

gboolean worker_relink(struct worker *worker, GError **error)
{
	int fd = socket_connect_at(worker->directory, WORKER_DIR_CONTROL);

	worker->hangup = sd_event_source_disable_unref(worker->hangup);
	worker->link = sd_bus_close_unref(worker->link);
	if (fd >= 0)
		return worker_link_up(worker, fd, error);
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_WORKER,
		    "the worker's control socket cannot be reached: %s", g_strerror(-fd));
	return FALSE;
}

static int on_greeting_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	worker_fail(userdata, g_error_new(SERVICE_ERROR, SERVICE_ERROR_WORKER,
					  "the worker did not answer within %d s",
					  (int)(GREETING_US / G_USEC_PER_SEC)));
	return 0;
}

/* Links up with a worker that was just launched. Takes fd. */
static void worker_greet(struct worker *worker, int fd)
{
	GError *error = NULL;

	if (worker_link_up(worker, fd, &error)) {
		worker_set_timer(worker, GREETING_US, on_greeting_time);
	} else if (worker->exit) {
		g_error_free(error);
		worker_await_end(worker);
	} else {
		worker_fail(worker, error);
	}
}

static gboolean worker_launch_process(struct worker *worker, GError **error)
{
	pid_t pid = 0;
	int link = -1;
	int r = worker_spawn(worker, &pid, &link);

	if (r >= 0)
		r = worker_watch(worker, pid, r);
	if (r < 0) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_WORKER,
			    "the worker %s cannot be run: %s", worker->service->options->worker,
			    g_strerror(-r));
		fd_close(link);
		return FALSE;
	}
	worker_greet(worker, link);
	return TRUE;
}

static void on_unit_started(void *context, const GError *error)
{
	struct worker *worker = context;
	int fd;

	worker->unit_job = NULL;
	if (error) {
		worker_fail(worker, g_error_copy(error));
		return;
	}
	fd = socket_connect_at(worker->directory, WORKER_DIR_CONTROL);
	if (fd < 0)
		worker_fail(worker, g_error_new(SERVICE_ERROR, SERVICE_ERROR_WORKER,
						"the worker's control socket cannot be reached: %s",
						g_strerror(-fd)));
	else
		worker_greet(worker, fd);
}

static gboolean worker_launch_unit(struct worker *worker, GError **error)
{
	g_autofree char *unit = worker_unit_name(worker->vm);

	worker->unit_job =
		systemd_unit_start(worker->service->units, unit, on_unit_started, worker);
	if (worker->unit_job)
		return TRUE;
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_WORKER,
		    "systemd cannot be asked to start %s", unit);
	return FALSE;
}

void worker_launch(struct worker *worker)
{
	GError *error = NULL;

	worker->launching = TRUE;
	if (worker->service->units ? !worker_launch_unit(worker, &error)
				   : !worker_launch_process(worker, &error))
		worker_fail(worker, error);
}

gboolean worker_adopt(struct service *service, struct vm *vm, const struct worker_owner *owner,
		      struct worker **ret_worker, GError **error)
{
	struct worker *worker = NULL;
	int directory, fd;

	*ret_worker = NULL;
	directory = worker_dir_open(service->options->runtime_dir, vm->definition->uuid);
	if (directory < 0)
		return TRUE;
	fd = socket_connect_at(directory, WORKER_DIR_CONTROL);
	if (fd < 0) {
		fd_close(directory);
		return TRUE;
	}
	worker = worker_alloc(service, vm, owner);
	worker->directory = directory;
	worker->adopted_us = g_get_monotonic_time();
	vm_set_engine(vm,
		      definition_engine_name(worker_dir_translates(directory) ? ENGINE_TRANSLATE
									      : ENGINE_DIRECT),
		      "it was started with it");
	if (!worker_link_up(worker, fd, error)) {
		worker_free(worker);
		return FALSE;
	}
	*ret_worker = worker;
	return TRUE;
}

void worker_bound_log(struct worker *worker)
{
	struct stat st;
	autofd int fd = openat(worker->directory, WORKER_DIR_LOG,
			       O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	/* The worker appends, so that it goes on at the new end. */
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > WORKER_LOG_MAX)
		(void)!ftruncate(fd, 0);
}
