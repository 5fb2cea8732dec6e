/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The worker's one object: a virtual machine from Start to its end. It owns the files, the engine
 * and the result; control.c is its edge to D-Bus. Everything runs on the main thread.
 */
#ifndef WORKER_H
#define WORKER_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "engine.h"
#include "start_files.h"

struct worker;

enum worker_state { WORKER_IDLE, WORKER_RUNNING, WORKER_PAUSED, WORKER_ENDED, WORKER_STATE_N };

struct worker_events {
	/* State or Started has changed. */
	void (*changed)(void *context);
	/* Something that a user may want to know: "reset", "crash", "panic", "not-responding". */
	void (*guest_event)(void *context, const char *event, const char *detail);
	/* Asks the service for a connection to who serves a port of the host; the answer is
	 * worker_host_connected, perhaps before it returns. */
	void (*connect_host)(void *context, uint64_t number, uint32_t port);
	/* The process should end, with this exit code, after replies have been sent. Once. */
	void (*ended)(void *context, int exit_code);
	void *context;
};

struct worker_config {
	const char *uuid, *name; /* borrowed */
	/* Borrowed, for engines that need files of their own: the VM's directory, and one that all
	 * VMs of the host share (NULL: none). */
	const char *runtime_dir, *cache_dir;
	const struct engine_ops *engine;
	/* The process gives up what it does not need, between build and run; says how. */
	gboolean (*confine)(char **ret_steps, GError **error);
	sd_event *event; /* borrowed */
	uint32_t start_timeout_ms;
	struct worker_events events;
};

struct worker *worker_new(const struct worker_config *config, GError **error);
/* FALSE when a VP does not stop: then the process must leave by _exit. NULL is fine. */
gboolean worker_free(struct worker *worker);

const char *worker_uuid(const struct worker *worker);
enum worker_state worker_state(const struct worker *worker);
const char *worker_state_name(enum worker_state state);
uint64_t worker_started_us(const struct worker *worker); /* since the epoch; 0 before */

/*
 * Builds the VM, confines the process and lets the VM run. files is emptied in any case. After a
 * failure other than WRONG_STATE the worker has ended.
 */
gboolean worker_start(struct worker *worker, const char *definition, size_t size,
		      struct start_files *files, GError **error);

/* WRONG_STATE when the state does not allow it; asking for what already is, is fine. */
gboolean worker_pause(struct worker *worker, GError **error);
gboolean worker_resume(struct worker *worker, GError **error);
gboolean worker_reset(struct worker *worker, GError **error);
/* Writes the machine into an empty file (borrowed) and ends; after a failure it is as it was. */
gboolean worker_save(struct worker *worker, int fd, GError **error);
/*
 * device: vm_device_read. Its descriptors stay the caller's. A VM that runs or is paused; errors
 * are those of engine.h, INVALID_DEFINITION, INVALID_ARGUMENT.
 */
gboolean worker_attach(struct worker *worker, const char *device, size_t size,
		       const struct device_files *files, GError **error);
gboolean worker_detach_disk(struct worker *worker, uint32_t controller, uint32_t lun,
			    GError **error);
gboolean worker_suspend_disk(struct worker *worker, uint32_t controller, uint32_t lun,
			     GError **error);
gboolean worker_refresh_disk(struct worker *worker, uint32_t controller, uint32_t lun,
			     uint64_t *ret_size, GError **error);
gboolean worker_detach_nic(struct worker *worker, const char *mac, GError **error);
gboolean worker_power_button(struct worker *worker, GError **error);
/* Pulls the plug; an idle worker just ends. */
gboolean worker_stop(struct worker *worker, GError **error);
gboolean worker_console(struct worker *worker, uint32_t port, uint32_t flags, int *ret_fd,
			GError **error);
/* No counters before Start. */
void worker_statistics(struct worker *worker, engine_counter_visit visit, void *context);

/* Nothing before Start. */
void worker_describe(struct worker *worker, engine_word_visit visit, void *context);
/* WRONG_STATE unless it runs: a guest that stands still answers nothing. See engine.h. */
gboolean worker_type(struct worker *worker, const char *text, bool keys, GError **error);
gboolean worker_set_pair(struct worker *worker, const char *key, const char *value,
			 const struct engine_request *request, GError **error);
gboolean worker_copy(struct worker *worker, const struct engine_copy *copy, GError **error);
/* hold_us: 0, the default, or up to VMMS_FREEZE_MAX_US. */
gboolean worker_freeze(struct worker *worker, uint64_t hold_us,
		       const struct engine_request *request, GError **error);
gboolean worker_thaw(struct worker *worker, const struct engine_request *request, GError **error);
gboolean worker_reboot(struct worker *worker, const struct engine_request *request, GError **error);
gboolean worker_hibernate(struct worker *worker, const struct engine_request *request,
			  GError **error);
/* None under way is fine. */
gboolean worker_cancel_copy(struct worker *worker, GError **error);

/* The answer to connect_host; fd is taken, -1: nobody serves the port. */
void worker_host_connected(struct worker *worker, uint64_t number, int fd);

/* A signal asked the process to end: as if the plug was pulled. */
void worker_terminate(struct worker *worker, const char *signal_name);

#endif
