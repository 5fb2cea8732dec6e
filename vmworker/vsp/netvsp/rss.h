/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Receive side scaling: which channel a frame goes to. Pure. */
#ifndef RSS_H
#define RSS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"
#include "state.h"

#define RSS_ENTRIES_MAX 128u
#define RSS_KEY_SIZE	40u
#define RSS_INPUT_MAX	36u /* two IPv6 addresses and ports */

/* Types of OID_GEN_RECEIVE_SCALE_PARAMETERS */
#define RSS_HASH_IP4  0x0100u
#define RSS_HASH_TCP4 0x0200u
#define RSS_HASH_IP6  0x0400u
#define RSS_HASH_TCP6 0x1000u

struct rss {
	bool enabled;
	uint32_t types;	    /* RSS_HASH_* */
	uint32_t n_entries; /* a power of two when enabled */
	uint16_t entries[RSS_ENTRIES_MAX];
	uint8_t key[RSS_KEY_SIZE];
	/* The hash of each half byte of the input alone: a hash is the XOR of them. */
	uint32_t halves[2 * RSS_INPUT_MAX][16];
};

/* Takes the key and computes the halves. */
void rss_set_key(struct rss *rss, const uint8_t key[RSS_KEY_SIZE]);
/* The Toeplitz hash of at most RSS_INPUT_MAX bytes. */
uint32_t rss_toeplitz(const struct rss *rss, const uint8_t *input, size_t size);
/* data: the headers that frame describes, `size` bytes. False: it is not spread. */
bool rss_hash(const struct rss *rss, const uint8_t *data, size_t size, const struct frame *frame,
	      uint32_t *hash);
uint16_t rss_channel(const struct rss *rss, uint32_t hash);

/* An OID_GEN_RECEIVE_SCALE_PARAMETERS buffer, whose channels must be below n_channels. Alters rss
 * only when all of it is right. Returns an RNDIS status. */
uint32_t rss_configure(struct rss *rss, const uint8_t *buffer, size_t size,
		       unsigned int n_channels);

void rss_save(const struct rss *rss, struct state_writer *writer);
/* Alters rss only when all of it is right. */
void rss_restore(struct rss *rss, struct state_reader *reader, unsigned int n_channels);

#endif
