/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rndis_adapter.h"

#include <string.h>

#define OUTER sizeof(struct rndis_header)

void rndis_adapter_reset(struct rndis_adapter *adapter)
{
	adapter->initialized = false;
	memcpy(adapter->mac, adapter->permanent_mac, 6);
	adapter->filter = 0;
	adapter->n_multicast = 0;
	adapter->offloads = (struct rndis_offloads){.rx = true};
	adapter->rss.enabled = false;
	adapter->rss.types = 0;
	adapter->rss.n_entries = 0;
}

static size_t rndis_answer(uint8_t *answer, uint32_t type, const void *body, size_t size)
{
	struct rndis_header header = {.type = type | RNDIS_COMPLETE,
				      .size = (uint32_t)(OUTER + size)};

	memcpy(answer, &header, OUTER);
	memcpy(answer + OUTER, body, size);
	return OUTER + size;
}

static size_t rndis_control_init(struct rndis_adapter *adapter, const uint8_t *body, size_t size,
				 uint8_t *answer)
{
	struct rndis_init init;
	struct rndis_init_complete complete = {.major = 1,
					       .minor = 0,
					       .device_flags = 1, /* connectionless */
					       .max_packets = RNDIS_PACKETS_MAX,
					       .max_transfer = 0x10000 + RNDIS_CONTROL_MAX,
					       .packet_alignment = RNDIS_ALIGN_SHIFT};

	if (size < sizeof(init))
		return 0;
	memcpy(&init, body, sizeof(init));
	complete.request = init.request;
	if (init.major != 1)
		complete.status = RNDIS_STATUS_NOT_SUPPORTED;
	else
		adapter->initialized = true;
	return rndis_answer(answer, RNDIS_INIT, &complete, sizeof(complete));
}

static size_t rndis_control_halt(struct rndis_adapter *adapter, const uint8_t *body, size_t size,
				 uint8_t *answer)
{
	(void)body;
	(void)size;
	(void)answer;
	rndis_adapter_reset(adapter);
	return 0;
}

/* The buffer that came with a QUERY or a SET; false when it lies outside. */
static bool rndis_control_buffer(const struct rndis_query *query, const uint8_t *body, size_t size,
				 const uint8_t **buffer)
{
	*buffer = body;
	if (query->size == 0)
		return true;
	if (query->offset < sizeof(*query) || query->offset > size ||
	    query->size > size - query->offset)
		return false;
	*buffer = body + query->offset;
	return true;
}

static size_t rndis_control_query(struct rndis_adapter *adapter, const uint8_t *body, size_t size,
				  uint8_t *answer)
{
	uint8_t *value = answer + OUTER + sizeof(struct rndis_query_complete);
	size_t most = RNDIS_CONTROL_MAX - OUTER - sizeof(struct rndis_query_complete), n = 0;
	struct rndis_query_complete complete = {.offset = sizeof(complete)};
	struct rndis_query query;
	const uint8_t *input;

	if (size < sizeof(query))
		return 0;
	memcpy(&query, body, sizeof(query));
	complete.request = query.request;
	if (rndis_control_buffer(&query, body, size, &input))
		complete.status =
			rndis_adapter_query(adapter, query.oid, input, query.size, value, most, &n);
	else
		complete.status = RNDIS_STATUS_INVALID_DATA;
	complete.size = complete.status == RNDIS_STATUS_SUCCESS ? (uint32_t)n : 0;
	rndis_answer(answer, RNDIS_QUERY, &complete, sizeof(complete));
	size = OUTER + sizeof(complete) + complete.size;
	memcpy(answer + 4, &(uint32_t){(uint32_t)size}, 4);
	return size;
}

static size_t rndis_control_set(struct rndis_adapter *adapter, const uint8_t *body, size_t size,
				uint8_t *answer)
{
	struct rndis_status_complete complete = {.status = RNDIS_STATUS_INVALID_DATA};
	struct rndis_query set;
	const uint8_t *value;

	if (size < sizeof(set))
		return 0;
	memcpy(&set, body, sizeof(set));
	complete.request = set.request;
	if (rndis_control_buffer(&set, body, size, &value))
		complete.status = rndis_adapter_set(adapter, set.oid, value, set.size);
	return rndis_answer(answer, RNDIS_SET, &complete, sizeof(complete));
}

static size_t rndis_control_reset(struct rndis_adapter *adapter, const uint8_t *body, size_t size,
				  uint8_t *answer)
{
	struct rndis_reset_complete complete = {.addressing_reset = 1};

	(void)body;
	(void)size;
	adapter->filter = 0;
	adapter->n_multicast = 0;
	return rndis_answer(answer, RNDIS_RESET, &complete, sizeof(complete));
}

static size_t rndis_control_keepalive(struct rndis_adapter *adapter, const uint8_t *body,
				      size_t size, uint8_t *answer)
{
	struct rndis_status_complete complete = {0};

	(void)adapter;
	if (size < sizeof(complete.request))
		return 0;
	memcpy(&complete.request, body, sizeof(complete.request));
	return rndis_answer(answer, RNDIS_KEEPALIVE, &complete, sizeof(complete));
}

static const struct {
	uint32_t type, size; /* least size of what follows the header */
	size_t (*handle)(struct rndis_adapter *adapter, const uint8_t *body, size_t size,
			 uint8_t *answer);
} controls[] = {
	{RNDIS_INIT, sizeof(struct rndis_init), rndis_control_init},
	{RNDIS_HALT, 0, rndis_control_halt},
	{RNDIS_QUERY, sizeof(struct rndis_query), rndis_control_query},
	{RNDIS_SET, sizeof(struct rndis_query), rndis_control_set},
	{RNDIS_RESET, 0, rndis_control_reset},
	{RNDIS_KEEPALIVE, 4, rndis_control_keepalive},
};

size_t rndis_adapter_control(struct rndis_adapter *adapter, const uint8_t *message, size_t size,
			     uint8_t answer[RNDIS_CONTROL_MAX], const char **wrong)
{
	struct rndis_header header;

	*wrong = NULL;
	if (size < OUTER || size > RNDIS_CONTROL_MAX) {
		*wrong = "an RNDIS control message of impossible size";
		return 0;
	}
	memcpy(&header, message, OUTER);
	for (size_t i = 0; i < sizeof(controls) / sizeof(controls[0]); i++) {
		if (controls[i].type != header.type)
			continue;
		if (size - OUTER < controls[i].size) {
			*wrong = "an RNDIS control message shorter than its type needs";
			return 0;
		}
		return controls[i].handle(adapter, message + OUTER, size - OUTER, answer);
	}
	*wrong = "an RNDIS control message of unknown type";
	return 0;
}

bool rndis_adapter_accepts(const struct rndis_adapter *adapter, const uint8_t *data)
{
	static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	uint32_t filter = adapter->filter;

	if (filter & NDIS_FILTER_PROMISCUOUS)
		return true;
	if (!(data[0] & 1))
		return filter & NDIS_FILTER_DIRECTED && memcmp(data, adapter->mac, 6) == 0;
	if (memcmp(data, broadcast, 6) == 0)
		return filter & NDIS_FILTER_BROADCAST;
	if (filter & NDIS_FILTER_ALL_MULTICAST)
		return true;
	if (!(filter & NDIS_FILTER_MULTICAST))
		return false;
	for (uint32_t i = 0; i < adapter->n_multicast; i++)
		if (memcmp(data, adapter->multicast[i], 6) == 0)
			return true;
	return false;
}
