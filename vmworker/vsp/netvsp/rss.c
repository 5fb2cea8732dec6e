/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rss.h"

#include <string.h>

#include "rndis_wire.h"

/* 32 bits of the key from bit `at` on. */
static uint32_t rss_window(const uint8_t *key, size_t at)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < 5; i++)
		bits = bits << 8 | key[at / 8 + i];
	return (uint32_t)(bits >> (8 - at % 8));
}

void rss_set_key(struct rss *rss, const uint8_t key[RSS_KEY_SIZE])
{
	memmove(rss->key, key, RSS_KEY_SIZE);
	for (size_t half = 0; half < sizeof(rss->halves) / sizeof(rss->halves[0]); half++) {
		for (unsigned int value = 0; value < 16; value++) {
			uint32_t hash = 0;

			for (unsigned int bit = 0; bit < 4; bit++)
				if (value & 8u >> bit)
					hash ^= rss_window(rss->key, 4 * half + bit);
			rss->halves[half][value] = hash;
		}
	}
}

uint32_t rss_toeplitz(const struct rss *rss, const uint8_t *input, size_t size)
{
	uint32_t hash = 0;

	for (size_t i = 0; i < size; i++)
		hash ^= rss->halves[2 * i][input[i] >> 4] ^ rss->halves[2 * i + 1][input[i] & 15];
	return hash;
}

bool rss_hash(const struct rss *rss, const uint8_t *data, size_t size, const struct frame *frame,
	      uint32_t *hash)
{
	uint32_t tcp = frame->ip == 4 ? RSS_HASH_TCP4 : RSS_HASH_TCP6;
	uint32_t ip = frame->ip == 4 ? RSS_HASH_IP4 : RSS_HASH_IP6;
	size_t addresses = frame->ip == 4 ? 8 : 32;
	uint8_t input[RSS_INPUT_MAX];

	if (!rss->enabled || frame->ip == 0)
		return false;
	memcpy(input, data + frame->l3 + (frame->ip == 4 ? 12 : 8), addresses);
	if (rss->types & tcp && frame->protocol == FRAME_TCP && !frame->fragment &&
	    frame->l4 != 0 && (size_t)frame->l4 + 4 <= size) {
		memcpy(input + addresses, data + frame->l4, 4);
		*hash = rss_toeplitz(rss, input, addresses + 4);
		return true;
	}
	if (!(rss->types & ip))
		return false;
	*hash = rss_toeplitz(rss, input, addresses);
	return true;
}

uint16_t rss_channel(const struct rss *rss, uint32_t hash)
{
	return rss->entries[hash & (rss->n_entries - 1)];
}

static bool rss_read_table(struct rss *rss, const struct ndis_rss_parameters *parameters,
			   const uint8_t *buffer, size_t size, unsigned int n_channels)
{
	uint32_t n = parameters->table_size / 4;

	if (parameters->table_size % 4 != 0 || n == 0 || n > RSS_ENTRIES_MAX || (n & (n - 1)) ||
	    parameters->table_offset > size || size - parameters->table_offset < 4 * (size_t)n)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t channel;

		memcpy(&channel, buffer + parameters->table_offset + 4 * (size_t)i, 4);
		if (channel >= n_channels)
			return false;
		rss->entries[i] = (uint16_t)channel;
	}
	rss->n_entries = n;
	return true;
}

static bool rss_read_key(struct rss *rss, const struct ndis_rss_parameters *parameters,
			 const uint8_t *buffer, size_t size)
{
	if (parameters->key_size != RSS_KEY_SIZE || parameters->key_offset > size ||
	    size - parameters->key_offset < RSS_KEY_SIZE)
		return false;
	rss_set_key(rss, buffer + parameters->key_offset);
	return true;
}

uint32_t rss_configure(struct rss *rss, const uint8_t *buffer, size_t size, unsigned int n_channels)
{
	struct ndis_rss_parameters parameters;
	struct rss wanted = *rss;

	if (size < sizeof(parameters))
		return RNDIS_STATUS_INVALID_LENGTH;
	memcpy(&parameters, buffer, sizeof(parameters));
	if (parameters.header.type != NDIS_OBJECT_RSS_PARAMETERS)
		return RNDIS_STATUS_INVALID_DATA;
	if (parameters.flags & NDIS_RSS_DISABLE) {
		rss->enabled = false;
		return RNDIS_STATUS_SUCCESS;
	}
	if (!(parameters.flags & NDIS_RSS_HASH_UNCHANGED)) {
		if (parameters.hash != 0 && (parameters.hash & 0xff) != NDIS_HASH_TOEPLITZ)
			return RNDIS_STATUS_INVALID_DATA;
		wanted.types = parameters.hash & ~0xffu;
	}
	if (!(parameters.flags & NDIS_RSS_TABLE_UNCHANGED) &&
	    !rss_read_table(&wanted, &parameters, buffer, size, n_channels))
		return RNDIS_STATUS_INVALID_DATA;
	if (!(parameters.flags & NDIS_RSS_KEY_UNCHANGED) &&
	    !rss_read_key(&wanted, &parameters, buffer, size))
		return RNDIS_STATUS_INVALID_DATA;
	wanted.enabled = wanted.types != 0 && wanted.n_entries != 0;
	*rss = wanted;
	return RNDIS_STATUS_SUCCESS;
}

void rss_save(const struct rss *rss, struct state_writer *writer)
{
	state_put_bool(writer, rss->enabled);
	state_put_u32(writer, rss->types);
	state_put_u32(writer, rss->n_entries);
	for (uint32_t i = 0; i < rss->n_entries; i++)
		state_put_u16(writer, rss->entries[i]);
	state_put_bytes(writer, rss->key, sizeof(rss->key));
}

void rss_restore(struct rss *rss, struct state_reader *reader, unsigned int n_channels)
{
	struct rss saved = {0};
	uint8_t key[RSS_KEY_SIZE];

	saved.enabled = state_get_bool(reader);
	saved.types = state_get_u32(reader);
	saved.n_entries = state_get_count(reader, RSS_ENTRIES_MAX);
	if (saved.n_entries & (saved.n_entries - 1))
		state_fail(reader, "an RSS table of odd size");
	for (uint32_t i = 0; i < saved.n_entries; i++) {
		saved.entries[i] = state_get_u16(reader);
		if (saved.entries[i] >= n_channels)
			state_fail(reader, "RSS to a channel that there is not");
	}
	state_get_bytes(reader, key, sizeof(key));
	if (saved.enabled && (saved.types == 0 || saved.n_entries == 0))
		state_fail(reader, "RSS without a table");
	if (!state_ok(reader))
		return;
	rss_set_key(&saved, key);
	*rss = saved;
}
