/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The adapter as RNDIS describes it: what may be asked (OIDs) and what the guest set. Pure: control
 * messages in, answers out; the device looks at the members afterwards.
 */
#ifndef RNDIS_ADAPTER_H
#define RNDIS_ADAPTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rndis_wire.h"
#include "rss.h"

#define RNDIS_MULTICAST_MAX 64u
#define RNDIS_CONTROL_MAX   4096u /* bytes of a control message, either way */
#define RNDIS_PACKETS_MAX   8u	  /* in one transfer, as the guest is told */
#define RNDIS_ALIGN_SHIFT   3u

struct rndis_offloads {	    /* what the guest switched on */
	bool rx;	    /* the guest wants to be told of good checksums */
	bool large_receive; /* pieces of one frame may come */
};

struct rndis_adapter {
	/* Set by the device. */
	uint8_t permanent_mac[6];
	uint32_t mtu;
	uint64_t link_speed; /* bits per second */
	bool link_up;
	bool fixed_mac;		 /* the guest may not change its address */
	bool can_large_receive;	 /* the protocol version has it */
	unsigned int n_channels; /* at most; RSS is offered when more than 1 */
	uint64_t sent, received, send_errors, receive_errors, no_buffer; /* statistics */

	/* Set by the guest; rndis_adapter_reset brings back what they were. */
	bool initialized;
	uint8_t mac[6];
	uint32_t filter; /* NDIS_FILTER_*; 0: receives nothing */
	uint32_t n_multicast;
	uint8_t multicast[RNDIS_MULTICAST_MAX][6];
	struct rndis_offloads offloads;
	struct rss rss;
};

void rndis_adapter_reset(struct rndis_adapter *adapter);

/* What the guest set, and the link as it was told. What was set by the device has to be there when
 * it is read; what is wrong leaves the adapter as rndis_adapter_reset does. */
void rndis_adapter_save(const struct rndis_adapter *adapter, struct state_writer *writer);
void rndis_adapter_restore(struct rndis_adapter *adapter, struct state_reader *reader);

/*
 * A control message of exactly `size` bytes (at most RNDIS_CONTROL_MAX), private to us. Writes the
 * answer and returns its size; 0: none is due. wrong: set to what was not understood, or NULL.
 */
size_t rndis_adapter_control(struct rndis_adapter *adapter, const uint8_t *message, size_t size,
			     uint8_t answer[RNDIS_CONTROL_MAX], const char **wrong);

/* The guest wants this frame. data: at least its first 14 bytes. */
bool rndis_adapter_accepts(const struct rndis_adapter *adapter, const uint8_t *data);

/* The guest may take this address. */
bool rndis_adapter_may_have(const struct rndis_adapter *adapter, const uint8_t mac[6]);

/* rndis_query.c, rndis_set.c: the value of an OID, at most `most` bytes. Returns an RNDIS status.
 * input: what came with the question. */
uint32_t rndis_adapter_query(const struct rndis_adapter *adapter, uint32_t oid,
			     const uint8_t *input, size_t input_size, uint8_t *value, size_t most,
			     size_t *size);
uint32_t rndis_adapter_set(struct rndis_adapter *adapter, uint32_t oid, const uint8_t *value,
			   size_t size);

#endif
