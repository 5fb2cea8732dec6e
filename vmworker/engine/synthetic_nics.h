/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The network adapters of a machine, in two lives. Cables are what descriptors lead to: made before
 * the sandbox closes, kept over resets. Adapters are what the guest sees: made with the bus of each
 * partition and plugged into the cables. Main thread.
 */
#ifndef SYNTHETIC_NICS_H
#define SYNTHETIC_NICS_H

#include <glib.h>
#include <stdbool.h>

#include "engine.h"
#include "vmbus.h"

struct nic_cables;
struct synthetic_nics;

/* Duplicates the descriptors of config->devices. NULL and FAILED, "VM web1: …". */
struct nic_cables *nic_cables_new(const struct engine_config *config, GError **error);
/* No adapter uses them any more. NULL is fine. */
void nic_cables_free(struct nic_cables *cables);
/* Their addresses, in the order of the definition; how many. */
unsigned int nic_cables_macs(const struct nic_cables *cables, uint8_t macs[VMMS_MAX_NICS][6]);

/* Offers every adapter, served by a thread of their own. cables are borrowed. NULL and an error. */
struct synthetic_nics *synthetic_nics_start(struct nic_cables *cables, struct vmbus *bus,
					    uint32_t vp_count, GError **error);
/* Takes them from the guest; before the bus goes. NULL is fine. */
void synthetic_nics_stop(struct synthetic_nics *nics);

/*
 * While the machine runs: one comes or goes, for the guest that is there (nics NULL: none is) and
 * for those after it. Its descriptors are duplicated; what was behind one that goes is hung up when
 * it returns. INVALID_ARGUMENT, FAILED.
 */
bool synthetic_nics_attach(struct nic_cables *cables, struct synthetic_nics *nics,
			   const struct engine_nic *nic, GError **error);
bool synthetic_nics_detach(struct nic_cables *cables, struct synthetic_nics *nics,
			   const uint8_t mac[6], GError **error);

/* "nic.0.sent" and so on, of this partition. NULL is fine. */
void synthetic_nics_statistics(struct synthetic_nics *nics, engine_counter_visit visit,
			       void *context);

#endif
