/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libhvctl: the client side of vmmsd, the virtual machine management service.
 *
 * Conventions
 *   - Handles are opaque. Every hvctl_..._free() takes NULL.
 *   - A function that returns int returns a negative enum hvctl_code when it fails; the sentence to
 *     show is then hvctl_error_message(hvctl_last_error(h)). Values >= 0 are success.
 *   - Strings returned through a `char **` belong to the caller: free(). A `const char *` belongs
 *     to the object that it came from.
 *   - A VM is named by its name or its uuid.
 *   - Times are microseconds; HVCTL_FOREVER as a timeout waits without limit.
 *
 * Threads
 *   A connection and everything made from it may be used by one thread at a time. Threads that work
 *   at once open a connection each. There is no state outside the handles.
 */
#ifndef HVCTL_H
#define HVCTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HVCTL_FOREVER UINT64_MAX

/* Numbers are part of the ABI: never reuse or renumber one. */
enum hvctl_code {
	HVCTL_ERROR_FAILED = 1,
	HVCTL_ERROR_NO_SUCH_VM = 2,
	HVCTL_ERROR_NO_SUCH_JOB = 3,
	HVCTL_ERROR_NAME_EXISTS = 4,
	HVCTL_ERROR_INVALID_NAME = 5,
	HVCTL_ERROR_INVALID_DEFINITION = 6,
	HVCTL_ERROR_INVALID_ARGUMENT = 7,
	HVCTL_ERROR_WRONG_STATE = 8,
	HVCTL_ERROR_BUSY = 9, /* another job runs on this VM */
	HVCTL_ERROR_DENIED = 10,
	HVCTL_ERROR_TIMED_OUT = 11,
	HVCTL_ERROR_CANCELED = 12,
	HVCTL_ERROR_NOT_SUPPORTED = 13,
	HVCTL_ERROR_NO_MEMORY = 14, /* the host cannot give the VM its memory */
	HVCTL_ERROR_NO_HYPERVISOR = 15,
	HVCTL_ERROR_INVALID_IMAGE = 16,
	HVCTL_ERROR_STORE = 17,
	HVCTL_ERROR_WORKER = 18,
	HVCTL_ERROR_NO_CPU = 19, /* the host cannot give the VM its CPUs or their time */
	HVCTL_ERROR_NO_SUCH_GROUP = 20,
	/* The codes below are made on this side of the connection. */
	HVCTL_ERROR_UNREACHABLE = 64,	/* no service there, or it went away */
	HVCTL_ERROR_INTERRUPTED = 65,	/* hvctl_set_interrupt_fd() */
	HVCTL_ERROR_OUT_OF_MEMORY = 66, /* this process */
	HVCTL_ERROR_PROTOCOL = 67,	/* an answer that does not follow the contract */
};

typedef struct hvctl hvctl;		/* a connection */
typedef struct hvctl_error hvctl_error; /* how the last call on a connection failed */
typedef struct hvctl_list hvctl_list;	/* a snapshot of VMs */
typedef struct hvctl_vm hvctl_vm;	/* one VM of a snapshot */
typedef struct hvctl_job hvctl_job;	/* a long operation in the service */
typedef struct hvctl_event hvctl_event; /* something that happened to a VM */

/* -- connection -- */

/* A handle without a connection. Fails with HVCTL_ERROR_OUT_OF_MEMORY only. */
int hvctl_new(hvctl **ret);
/* Closes. Jobs made from it stay valid memory, but can no longer be waited for. */
void hvctl_free(hvctl *h);

/*
 * Connects, and has authenticated when it returns 0. `address` is one of
 *   "system", "session"      that message bus, where the service has the name org.vmms1
 *   a directory              the private directory of `vmmsd --private DIRECTORY`
 *   another path             a private socket
 *   "unix:path=..."          the same as a D-Bus address; any D-Bus address without a broker
 *   NULL                     $HVCTL_BUS if set (any of the above); else the system bus if the
 *                            service is or can be started there; else $XDG_RUNTIME_DIR/vmms
 * HVCTL_ERROR_UNREACHABLE says what was tried and how to start the service; HVCTL_ERROR_DENIED when
 * the socket is there but not for this user. On an open handle the old connection is closed first.
 */
int hvctl_open(hvctl *h, const char *address);

/* The address in use, for messages; "" before hvctl_open(). */
const char *hvctl_address(const hvctl *h);

/* Valid until the next call on `h`; never NULL. Code 0 and empty strings when nothing failed yet.
 */
const hvctl_error *hvctl_last_error(const hvctl *h);
enum hvctl_code hvctl_error_code(const hvctl_error *error);
const char *hvctl_error_name(const hvctl_error *error);	   /* the D-Bus name, or "" */
const char *hvctl_error_message(const hvctl_error *error); /* one sentence, UTF-8 */

/* How long one call may take (default 25 s); waiting for jobs and events has its own limits. */
void hvctl_set_call_timeout(hvctl *h, uint64_t usec);
/* Whether a call may have the bus start the service (by default it may). Without, a service that
 * does not run is HVCTL_ERROR_UNREACHABLE: for those who only watch. */
void hvctl_set_activation(hvctl *h, int allowed);
/* When `fd` (borrowed; -1: none) is readable, hvctl_job_wait() and hvctl_next_event() return
 * HVCTL_ERROR_INTERRUPTED. The library never reads from it. */
void hvctl_set_interrupt_fd(hvctl *h, int fd);

/* Version of the service, and "system", "session" or "private". Either may be NULL. */
int hvctl_service(hvctl *h, char **ret_version, char **ret_mode);
/* The host as JSON (docs/json.md). */
int hvctl_host(hvctl *h, char **ret_json);

/* The host's power policy: schemas/json/power.schema.json. */
int hvctl_set_power(hvctl *h, const char *policy);
/* Whether VMs are started on this host: "auto", or "off"; those that run run on. */
int hvctl_set_launch(hvctl *h, const char *policy);

/* -- virtual machines -- */

int hvctl_list_vms(hvctl *h, hvctl_list **ret);		     /* all, sorted by name */
int hvctl_get(hvctl *h, const char *name, hvctl_list **ret); /* a list of one */
void hvctl_list_free(hvctl_list *list);			     /* may outlive the connection */
size_t hvctl_list_size(const hvctl_list *list);
const hvctl_vm *hvctl_list_at(const hvctl_list *list, size_t index); /* NULL beyond the end */

const char *hvctl_vm_uuid(const hvctl_vm *vm);
const char *hvctl_vm_name(const hvctl_vm *vm);
const char *hvctl_vm_state(const hvctl_vm *vm); /* off, starting, running, pausing, paused, ... */
const char *hvctl_vm_reason(const hvctl_vm *vm);
const char *hvctl_vm_engine(const hvctl_vm *vm); /* "" until it is decided */
const char *hvctl_vm_engine_reason(const hvctl_vm *vm);
uint32_t hvctl_vm_cpus(const hvctl_vm *vm);
uint64_t hvctl_vm_memory(const hvctl_vm *vm);	  /* bytes */
uint64_t hvctl_vm_started(const hvctl_vm *vm);	  /* realtime clock; 0 when it does not run */
uint32_t hvctl_vm_worker_pid(const hvctl_vm *vm); /* 0 when it does not run */
bool hvctl_vm_autostart(const hvctl_vm *vm);
/* Of a saved VM in a list of hvctl_get(): when it was saved (realtime clock), and the bytes that
 * its state takes. Else 0. */
uint64_t hvctl_vm_saved_at(const hvctl_vm *vm);
uint64_t hvctl_vm_saved_size(const hvctl_vm *vm);

int hvctl_lookup(hvctl *h, const char *name, char **ret_uuid);
int hvctl_describe(hvctl *h, const char *name, char **ret_json);   /* docs/json.md */
int hvctl_definition(hvctl *h, const char *name, char **ret_json); /* as stored */
int hvctl_statistics(hvctl *h, const char *name, char **ret_json); /* of one that runs */

/* Stores a definition (JSON); ret_uuid may be NULL. It is durable on return. */
int hvctl_define(hvctl *h, const char *definition, char **ret_uuid);
/* An RFC 7396 merge patch of the definition. */
int hvctl_edit(hvctl *h, const char *name, const char *patch);
int hvctl_rename(hvctl *h, const char *name, const char *new_name);
int hvctl_delete(hvctl *h, const char *name);
int hvctl_set_autostart(hvctl *h, const char *name, bool enabled);

/* -- CPU groups: schemas/json/cpu-group.schema.json -- */

int hvctl_groups(hvctl *h, char **ret_json); /* all, with their members: docs/json.md */
int hvctl_define_group(hvctl *h, const char *definition);
/* An RFC 7396 merge patch; in force on VMs that run when it returns. */
int hvctl_edit_group(hvctl *h, const char *name, const char *patch);
int hvctl_delete_group(hvctl *h, const char *name);

/* -- long operations --
 * Each returns when the service has accepted the job; hvctl_job_wait() says how it ended. With
 * `ret` NULL nobody waits. The job goes on when its handle is freed or the connection closed.
 */
int hvctl_start(hvctl *h, const char *name, hvctl_job **ret);
/* Asks the guest. `timeout` 0: the definition's; afterwards TIMED_OUT, or power-off if `force`. */
int hvctl_shutdown(hvctl *h, const char *name, uint64_t timeout, bool force, hvctl_job **ret);
/* Asks the guest's own driver, NOT_SUPPORTED without one: to restart, done when it has begun to; to
 * write its memory to its disk, done when it is off. `timeout` as above, then TIMED_OUT. */
int hvctl_reboot(hvctl *h, const char *name, uint64_t timeout, hvctl_job **ret);
int hvctl_hibernate(hvctl *h, const char *name, uint64_t timeout, hvctl_job **ret);
int hvctl_stop(hvctl *h, const char *name, hvctl_job **ret); /* pulls the plug */
int hvctl_pause(hvctl *h, const char *name, hvctl_job **ret);
int hvctl_resume(hvctl *h, const char *name, hvctl_job **ret);
int hvctl_reset(hvctl *h, const char *name, hvctl_job **ret);
/* Into a file; hvctl_start() and hvctl_resume() go on from there, hvctl_discard() forgets it. */
int hvctl_save(hvctl *h, const char *name, hvctl_job **ret);
int hvctl_discard(hvctl *h, const char *name, hvctl_job **ret);
int hvctl_stop_all(hvctl *h, hvctl_job **ret); /* every VM by its own stop action */

/* Freezes the guest's file systems, for `hold` µs at most (0: a minute), so that what its disks
 * hold is consistent; and thaws them, which fails if they did not stay frozen until then. */
int hvctl_freeze(hvctl *h, const char *name, uint64_t hold, hvctl_job **ret);
int hvctl_thaw(hvctl *h, const char *name, hvctl_job **ret);

/* The contents of `fd` (a regular file open for reading; borrowed) to an absolute path in the
 * guest. Cancelling the job removes what was copied. */
int hvctl_copy(hvctl *h, const char *name, int fd, const char *path, bool overwrite,
	       hvctl_job **ret);

/* A disk or adapter, JSON as an element of `disks` or `nics` of a definition, comes to a VM that
 * runs or is paused; or goes: a disk by its absolute path or "CONTROLLER:LUN", an adapter by its
 * MAC address or index. The definition follows. */
int hvctl_attach_disk(hvctl *h, const char *name, const char *disk, hvctl_job **ret);
int hvctl_attach_nic(hvctl *h, const char *name, const char *nic, hvctl_job **ret);
int hvctl_detach_disk(hvctl *h, const char *name, const char *disk, hvctl_job **ret);
int hvctl_detach_nic(hvctl *h, const char *name, const char *nic, hvctl_job **ret);
/* Gives a raw image `size` bytes, fewer than it has only with `force`, and tells the guest; 0:
 * tells it what the image has by now. */
int hvctl_resize_disk(hvctl *h, const char *name, const char *disk, uint64_t size, bool force,
		      hvctl_job **ret);

/* The D-Bus path. */
const char *hvctl_job_path(const hvctl_job *job);
/* 0 when it is done; the job's own error when it failed; HVCTL_ERROR_CANCELED, or
 * HVCTL_ERROR_TIMED_OUT and HVCTL_ERROR_INTERRUPTED with the job still going on (then
 * hvctl_job_finished() is false and it may be waited for again). */
int hvctl_job_wait(hvctl_job *job, uint64_t timeout);
bool hvctl_job_finished(const hvctl_job *job);
int hvctl_job_progress(hvctl_job *job, unsigned *ret_percent);
int hvctl_job_cancel(hvctl_job *job);
void hvctl_job_free(hvctl_job *job);

/* -- console -- */

#define HVCTL_CONSOLE_REPLAY	1u /* begin with the scroll-back */
#define HVCTL_CONSOLE_LOG_ONLY	2u /* the scroll-back, then end of file */
#define HVCTL_CONSOLE_READ_ONLY 4u /* what is written is ignored */

/* *ret_fd is a connected stream socket (close-on-exec) to serial port 0 or 1; close() it. End of
 * file means that the VM has ended. */
int hvctl_open_console(hvctl *h, const char *name, unsigned port, unsigned flags, int *ret_fd);

/* -- the guest -- */

/* Presses the keys that type `text` on the guest's keyboard (US layout; at most 4096 bytes), or,
 * with `keys`, those that it names, together: "ctrl-alt-del". NOT_SUPPORTED without a driver. */
int hvctl_type(hvctl *h, const char *name, const char *text, bool keys);
/* Sets a key-value pair in the guest; `value` NULL deletes it. */
int hvctl_set_pair(hvctl *h, const char *name, const char *key, const char *value);

/* -- events -- */

/* Begins to collect events. Those that the service still remembers with an id greater than `after`
 * come first; UINT64_MAX: none of them. */
int hvctl_subscribe(hvctl *h, uint64_t after);
/* 1 and *ret (the caller's, hvctl_event_free()); 0 when `timeout` has passed. */
int hvctl_next_event(hvctl *h, uint64_t timeout, hvctl_event **ret);
/* For a poll loop: when hvctl_poll_fd() has hvctl_poll_events(), or after hvctl_poll_timeout() has
 * passed (an absolute CLOCK_MONOTONIC time, or HVCTL_FOREVER), call hvctl_next_event() with
 * timeout 0 until it returns 0. */
int hvctl_poll_fd(hvctl *h);
int hvctl_poll_events(hvctl *h);
int hvctl_poll_timeout(hvctl *h, uint64_t *ret_usec);
/* How many events were thrown away because nobody fetched them (the queue holds 4096). */
uint64_t hvctl_events_lost(const hvctl *h);

void hvctl_event_free(hvctl_event *event);
uint64_t hvctl_event_id(const hvctl_event *event);
uint64_t hvctl_event_time(const hvctl_event *event); /* realtime clock */
const char *hvctl_event_uuid(const hvctl_event *event);
const char *hvctl_event_name(const hvctl_event *event); /* of the VM */
const char *hvctl_event_kind(const hvctl_event *event); /* "started", ... */
const char *hvctl_event_detail(const hvctl_event *event);

/* Version of the library, e.g. "0.1.0". */
const char *hvctl_library_version(void);

#ifdef __cplusplus
}
#endif

#endif
