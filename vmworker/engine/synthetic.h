/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The synthetic side of a machine: VMBus over the hypervisor interface, the devices offered on it,
 * and the threads that serve them.
 *
 * It is made anew for every partition, since nothing of it outlives the guest's memory; what the
 * guest knows a device by (instance, relid) is the same each time. Threads are made when it starts,
 * which is after the sandbox closed: they are confined, too. Main thread.
 */
#ifndef SYNTHETIC_H
#define SYNTHETIC_H

#include <glib.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

#include "engine.h"
#include "hv.h"
#include "partition.h"
#include "state.h"

struct disk_set;
struct nic_cables;
struct guest;
struct synthetic;

struct synthetic_config {
	const char *vm_name; /* borrowed */
	uint32_t vp_count;
	struct nic_cables *cables;	     /* borrowed */
	struct hv *hv;			     /* borrowed */
	struct partition *partition;	     /* borrowed */
	struct disk_set *disks;		     /* borrowed; NULL: none */
	sd_event *event;		     /* borrowed; all outlive it */
	int vsock_fd;			     /* borrowed; -1: none */
	void (*press_button)(void *context); /* struct guest_config */
	void *button;
	struct engine_events events;
};

/* Before VPs run. NULL and a WORKER_ERROR. */
struct synthetic *synthetic_start(const struct synthetic_config *config, GError **error);
/* The answer to the event connect_host. Takes fd. */
void synthetic_host_connected(struct synthetic *synthetic, uint64_t number, int fd);
/* When no VP runs any more. NULL is fine. */
void synthetic_stop(struct synthetic *synthetic);

/*
 * Saved states, while no VP runs. Save holds all: nothing touches the guest's memory or interrupts
 * it any more, so it is the first part of a machine to be saved. On failure, with a WORKER_ERROR,
 * all goes on. Release: it is to go on although it was saved.
 */
bool synthetic_save(struct synthetic *synthetic, struct state_writer *writer, GError **error);
void synthetic_release(struct synthetic *synthetic);
/*
 * Just started, with its disks, over the memory of then and with the hypervisor interface restored;
 * before VPs run. All is held until synthetic_release. False, and told to the reader, or a
 * WORKER_ERROR: it is to be stopped.
 */
bool synthetic_restore(struct synthetic *synthetic, struct state_reader *reader, GError **error);

/* What serves its own drivers; NULL never. */
struct guest *synthetic_guest(struct synthetic *synthetic);
/* That the guest agreed on, major << 16 | minor; 0 before. */
uint32_t synthetic_vmbus_version(const struct synthetic *synthetic);

/* synthetic_nics.h; the cables, too. */
bool synthetic_attach_nic(struct synthetic *synthetic, const struct engine_nic *nic,
			  GError **error);
bool synthetic_detach_nic(struct synthetic *synthetic, const uint8_t mac[6], GError **error);

/* Calls back for every counter. */
void synthetic_statistics(struct synthetic *synthetic,
			  void (*visit)(void *context, const char *name, uint64_t value),
			  void *context);

#endif
