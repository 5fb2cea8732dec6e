/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the direct*.c files share. */
#ifndef DIRECT_PRIVATE_H
#define DIRECT_PRIVATE_H

#include "direct.h"
#include "disk_set.h"
#include "guest.h"
#include "guest_interface.h"
#include "machine.h"
#include "mailbox.h"
#include "partition.h"
#include "synthetic.h"
#include "synthetic_nics.h"
#include "vp_group.h"

/* The parts, in the order in which they are built; teardown is the reverse. */
struct engine {
	struct engine_config config;
	int hypervisor_fd, pages_fd; /* a reset needs them when nothing can be opened any more */
	struct mailbox *mailbox;
	struct machine *machine;
	struct guest_interface *interface;
	struct disk_set *disks; /* NULL without SynIC, by which they come */
	struct nic_cables *cables;
	/* What a reset makes anew: */
	struct partition *partition; /* NULL while there is none */
	struct vp **vps;	     /* owned by the partition */
	struct vp_group *group;
	struct synthetic *synthetic; /* NULL without SynIC, and before it runs */
	struct vp_statistics *past;  /* per VP, of the partitions before this one */
	uint64_t past_msr_faults;
	struct direct_saved
		*saved; /* what the machine is to begin from, until it runs; NULL: its kernel */
};

/* direct.c: the operation. */
gboolean direct_pause(struct engine *engine, GError **error);

/* direct_save.c: the operation, and the steps of a machine that begins from a saved state. Each
 * does nothing without one, but for load. */
gboolean direct_save(struct engine *engine, int fd, GError **error);
gboolean direct_saved_open(struct engine *engine, GError **error);
/* Memory, VPs and what is around them, in boot's stead: the VPs exist, devices are new. */
gboolean direct_saved_load(struct engine *engine, GError **error);
/* VMBus, which has just started and is held: nothing has been done when this or the VPs' start
 * fails. */
gboolean direct_saved_run(struct engine *engine, GError **error);
/* The VPs run: so does all else. */
void direct_saved_release(struct engine *engine);
void direct_saved_free(struct direct_saved *saved); /* NULL is fine */

/* direct_guest.c: operations of struct engine_ops, and the guest, NULL before it runs. */
struct guest *direct_guest(struct engine *engine);
void direct_describe(struct engine *engine, engine_word_visit visit, void *context);
gboolean direct_type(struct engine *engine, const char *text, bool keys, GError **error);
gboolean direct_set_pair(struct engine *engine, const char *key, const char *value,
			 const struct engine_request *request, GError **error);
gboolean direct_copy(struct engine *engine, const struct engine_copy *copy, GError **error);
void direct_cancel_copy(struct engine *engine);
gboolean direct_freeze(struct engine *engine, uint64_t hold_us,
		       const struct engine_request *request, GError **error);
gboolean direct_thaw(struct engine *engine, const struct engine_request *request, GError **error);
gboolean direct_reboot(struct engine *engine, const struct engine_request *request, GError **error);
gboolean direct_hibernate(struct engine *engine, const struct engine_request *request,
			  GError **error);
void direct_sync_time(struct engine *engine);
void direct_host_connected(struct engine *engine, uint64_t number, int fd);

#endif
