/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* NVSP messages: from bytes to a checked value, and what was agreed so far. Pure. */
#ifndef NVSP_H
#define NVSP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nvsp_wire.h"
#include "state.h"

/* What the guest and we agreed on. Zeros when the channel opens. */
struct nvsp {
	uint32_t version; /* 0: nothing yet */
	uint32_t ndis_major, ndis_minor;
	uint32_t mtu;	       /* payload of a frame, bytes; of NDIS_CONFIG, 1500 without */
	uint64_t capabilities; /* of NDIS_CONFIG */
};

#define NVSP_MTU_DEFAULT 1500u
#define NVSP_MTU_MIN	 68u
#define NVSP_MTU_MAX	 65521u

struct nvsp_message {
	enum nvsp_type type;
	union {
		struct nvsp_init init;
		struct nvsp_ndis_version ndis_version;
		struct nvsp_ndis_config ndis_config;
		struct nvsp_buffer buffer;
		struct nvsp_revoke revoke;
		struct nvsp_rndis_packet rndis_packet;
		struct nvsp_switch_data_path switch_data_path;
		struct nvsp_subchannel subchannel;
	};
};

/*
 * Takes a message that the guest sent. NULL when it is one of those that a guest may send in the
 * version agreed on and no shorter than its type needs, else what is wrong with it (static).
 */
const char *nvsp_parse(const struct nvsp *nvsp, const void *payload, size_t size,
		       struct nvsp_message *message);

/* Chooses the newest version of the range that is known. Returns the status for the guest. */
enum nvsp_status nvsp_negotiate(struct nvsp *nvsp, const struct nvsp_init *init);
/* Takes the MTU over, bounded. */
void nvsp_configure(struct nvsp *nvsp, const struct nvsp_ndis_config *config);

/* Fills the table that spreads what the guest sends over channels 0 to n - 1. */
void nvsp_indirection_table(struct nvsp_indirection_table *table, unsigned int n);

void nvsp_save(const struct nvsp *nvsp, struct state_writer *writer);
/* Zeros, and a fault, when it is nothing that could have been agreed on. */
void nvsp_restore(struct nvsp *nvsp, struct state_reader *reader);

#endif
