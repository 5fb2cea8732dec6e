/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What can be done to a VM and takes time. Each operation checks, records its intent in the store
 * and opens a job, which is returned borrowed and may have finished already. NULL: nothing has
 * changed, and error says why. Main thread only.
 */
#ifndef OPERATION_H
#define OPERATION_H

#include "definition_plug.h"
#include "service.h"
#include "worker.h"

/* Of a saved VM: goes on from its saved state. */
struct job *vm_start(struct service *service, struct vm *vm, GError **error);
/* Pulls the plug. Takes the place of a running start, shutdown, pause, resume, reset or save. */
struct job *vm_stop(struct service *service, struct vm *vm, GError **error);
/* timeout_us 0: the definition's stopTimeout. */
struct job *vm_shutdown(struct service *service, struct vm *vm, uint64_t timeout_us, gboolean force,
			GError **error);
/* timeout_us is at most a day. INVALID_ARGUMENT. */
gboolean vm_check_timeout(const struct vm *vm, uint64_t timeout_us, GError **error);
/* The guest's own driver is asked; timeout_us as of vm_shutdown, and then the job fails. A reboot
 * is done when the guest has reset itself, a hibernation when it is off. */
struct job *vm_reboot(struct service *service, struct vm *vm, uint64_t timeout_us, GError **error);
struct job *vm_hibernate(struct service *service, struct vm *vm, uint64_t timeout_us,
			 GError **error);
/* The worker says that the guest began anew by itself, perhaps because it crashed. */
void vm_began_anew(struct vm *vm, gboolean crashed, const char *detail);
struct job *vm_pause(struct service *service, struct vm *vm, GError **error);
/* Of a saved VM it is a start. */
struct job *vm_resume(struct service *service, struct vm *vm, GError **error);
struct job *vm_reset(struct service *service, struct vm *vm, GError **error);
/* Into a file; its worker ends. Before an error the VM went on as it was. */
struct job *vm_save(struct service *service, struct vm *vm, GError **error);
/* Forgets the saved state. */
struct job *vm_discard(struct service *service, struct vm *vm, GError **error);
/* Of a file (borrowed) to a path in the guest. */
struct job *vm_copy(struct service *service, struct vm *vm, int fd, const char *path,
		    gboolean overwrite, GError **error);
/* The guest's file systems; timeout in µs, 0: the default. */
struct job *vm_freeze(struct service *service, struct vm *vm, uint64_t timeout, GError **error);
struct job *vm_thaw(struct service *service, struct vm *vm, GError **error);
/* A device, an object as in a definition, comes to a VM that runs or is paused, or goes from it;
 * the definition has it from then on, or no more. which: definition_find_disk, definition_find_nic.
 */
struct job *vm_attach(struct service *service, struct vm *vm, enum plug_list list,
		      const char *device, GError **error);
struct job *vm_detach(struct service *service, struct vm *vm, enum plug_list list,
		      const char *which, GError **error);
/* size in bytes; 0: as large as the image is by now. force: also smaller. */
struct job *vm_resize(struct service *service, struct vm *vm, const char *which, uint64_t size,
		      gboolean force, GError **error);
/* What ends the VM in order does not wait for a job that yields: ends it in favour of "a shutdown".
 */
gboolean vm_job_yields(const struct vm *vm);
void vm_yield(struct vm *vm, const char *by);
/* The worker says how far it is, 0-100. */
void vm_copy_progress(struct vm *vm, uint32_t percent);
/* Every VM that runs, by its own stopAction, highest stopOrder first. */
struct job *stop_all(struct service *service, GError **error);

/* How every worker that the operations launch or adopt reports (vm_end.c). */
extern const struct worker_owner vm_worker_owner;
/* The worker is up: goes on with the start that waits for it (vm_start.c). */
void vm_start_launched(struct worker *worker);

/* The event that is told of a start: "started", or of a saved VM "restored"; or of its failure. */
const char *vm_start_name(enum vm_state before, gboolean started);

/* What a stop comes to: the VM is off, or, of a restore whose guest has not run yet, saved. reason
 * is static. */
enum vm_event vm_stop_event(const struct vm *vm, gboolean ran, const char **reason);
/* Ends what the store calls active but no worker runs: as vm_worker_owner.gone, without one. */
void vm_ended_unseen(struct service *service, struct vm *vm);

/* Starts a crashed VM again when its onCrash says so and it does not crash all the time. */
void vm_restart_crashed(struct service *service, struct vm *vm);
/* Asks the workers that the store knows of for the truth (adopt.c); service_settled for each. */
void adopt_all(struct service *service);

/* "VM web1: <message>", with error's code; the caller's. */
GError *vm_error(const struct vm *vm, const GError *error);

/* An event of the VM: into the ring, to the clients, into the log. */
void vm_tell(struct service *service, const struct vm *vm, const char *event, const char *detail);

#endif
