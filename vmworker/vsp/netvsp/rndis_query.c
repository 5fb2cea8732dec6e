/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* OIDs that a guest may ask for. */
#include <string.h>

#include "rndis_adapter.h"

#define VENDOR "vmms synthetic network adapter"

/* What fits into the driver's own largest packet: 64 KiB with the headers. */
#define LARGE_SEND_MAX 62768u

#define MAC_OPTION_8021P 0x40u
#define MAC_OPTION_VLAN	 0x200u

enum rndis_number { /* how an OID of 32 bits is computed, when it is no constant */
		    NUMBER_CONSTANT,
		    NUMBER_MTU,
		    NUMBER_FRAME,
		    NUMBER_SPEED,
		    NUMBER_FILTER,
		    NUMBER_LINK,
		    NUMBER_SENT,
		    NUMBER_RECEIVED,
		    NUMBER_SEND_ERRORS,
		    NUMBER_RECEIVE_ERRORS,
		    NUMBER_NO_BUFFER,
};

static const struct rndis_number_oid {
	uint32_t oid;
	enum rndis_number number;
	uint32_t constant;
} numbers[] = {
	{OID_GEN_HARDWARE_STATUS, NUMBER_CONSTANT, 0}, /* ready */
	{OID_GEN_MEDIA_SUPPORTED, NUMBER_CONSTANT, 0}, /* 802.3 */
	{OID_GEN_MEDIA_IN_USE, NUMBER_CONSTANT, 0},
	{OID_GEN_MAXIMUM_LOOKAHEAD, NUMBER_MTU, 0},
	{OID_GEN_CURRENT_LOOKAHEAD, NUMBER_MTU, 0},
	{OID_GEN_MAXIMUM_FRAME_SIZE, NUMBER_MTU, 0},
	{OID_GEN_LINK_SPEED, NUMBER_SPEED, 0},
	{OID_GEN_TRANSMIT_BLOCK_SIZE, NUMBER_CONSTANT, 1},
	{OID_GEN_RECEIVE_BLOCK_SIZE, NUMBER_CONSTANT, 1},
	{OID_GEN_VENDOR_ID, NUMBER_CONSTANT, 0xffffff}, /* none assigned */
	{OID_GEN_CURRENT_PACKET_FILTER, NUMBER_FILTER, 0},
	{OID_GEN_MAXIMUM_TOTAL_SIZE, NUMBER_FRAME, 0},
	{OID_GEN_MAC_OPTIONS, NUMBER_CONSTANT, MAC_OPTION_8021P | MAC_OPTION_VLAN},
	{OID_GEN_MEDIA_CONNECT_STATUS, NUMBER_LINK, 0},
	{OID_GEN_MAXIMUM_SEND_PACKETS, NUMBER_CONSTANT, RNDIS_PACKETS_MAX},
	{OID_GEN_VENDOR_DRIVER_VERSION, NUMBER_CONSTANT, 0x10000},
	{OID_GEN_XMIT_OK, NUMBER_SENT, 0},
	{OID_GEN_RCV_OK, NUMBER_RECEIVED, 0},
	{OID_GEN_XMIT_ERROR, NUMBER_SEND_ERRORS, 0},
	{OID_GEN_RCV_ERROR, NUMBER_RECEIVE_ERRORS, 0},
	{OID_GEN_RCV_NO_BUFFER, NUMBER_NO_BUFFER, 0},
	{OID_802_3_MAXIMUM_LIST_SIZE, NUMBER_CONSTANT, RNDIS_MULTICAST_MAX},
	{OID_802_3_RCV_ERROR_ALIGNMENT, NUMBER_CONSTANT, 0},
	{OID_802_3_XMIT_ONE_COLLISION, NUMBER_CONSTANT, 0},
	{OID_802_3_XMIT_MORE_COLLISIONS, NUMBER_CONSTANT, 0},
};
#define N_NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

static uint32_t rndis_number(const struct rndis_adapter *adapter,
			     const struct rndis_number_oid *oid)
{
	uint64_t speed = adapter->link_speed / 100; /* the unit of NDIS */

	switch (oid->number) {
	case NUMBER_CONSTANT:
		return oid->constant;
	case NUMBER_MTU:
		return adapter->mtu;
	case NUMBER_FRAME:
		return adapter->mtu + FRAME_ETHERNET;
	case NUMBER_SPEED:
		return speed > UINT32_MAX ? UINT32_MAX : (uint32_t)speed;
	case NUMBER_FILTER:
		return adapter->filter;
	case NUMBER_LINK:
		return adapter->link_up ? 0 : 1;
	case NUMBER_SENT:
		return (uint32_t)adapter->sent;
	case NUMBER_RECEIVED:
		return (uint32_t)adapter->received;
	case NUMBER_SEND_ERRORS:
		return (uint32_t)adapter->send_errors;
	case NUMBER_RECEIVE_ERRORS:
		return (uint32_t)adapter->receive_errors;
	case NUMBER_NO_BUFFER:
		return (uint32_t)adapter->no_buffer;
	}
	return 0;
}

static uint32_t rndis_give(uint8_t *value, size_t most, size_t *size, const void *from, size_t n)
{
	if (n > most)
		return RNDIS_STATUS_INVALID_LENGTH;
	memcpy(value, from, n);
	*size = n;
	return RNDIS_STATUS_SUCCESS;
}

/* The guest says in the object that it sends which revision it knows, by its size. */
static uint32_t rndis_query_offload(const struct rndis_adapter *adapter, const uint8_t *input,
				    size_t input_size, uint8_t *value, size_t most, size_t *size)
{
	struct ndis_offload offload = {
		.header = {NDIS_OBJECT_OFFLOAD, 3, sizeof(offload)},
		.tx4_encapsulation = NDIS_ENCAPSULATION_8023,
		.tx4 = NDIS_CHECKSUM_TX4,
		.rx4_encapsulation = NDIS_ENCAPSULATION_8023,
		.rx4 = NDIS_CHECKSUM_TX4,
		.tx6_encapsulation = NDIS_ENCAPSULATION_8023,
		.tx6 = NDIS_CHECKSUM_TX6,
		.rx6_encapsulation = NDIS_ENCAPSULATION_8023,
		.rx6 = NDIS_CHECKSUM_TX6,
		.lso4_encapsulation = NDIS_ENCAPSULATION_8023,
		.lso4_size = LARGE_SEND_MAX,
		.lso4_segments = 2,
		.lso6_encapsulation = NDIS_ENCAPSULATION_8023,
		.lso6_size = LARGE_SEND_MAX,
		.lso6_segments = 2,
		.lso6_options = NDIS_LARGE_SEND_V6,
		.rsc4 = adapter->can_large_receive,
		.rsc6 = adapter->can_large_receive,
	};
	struct ndis_object known = {0};

	if (input_size >= sizeof(known))
		memcpy(&known, input, sizeof(known));
	if (known.size >= NDIS_OFFLOAD_SIZE_60 && known.size < sizeof(offload)) {
		offload.header.size = known.size < NDIS_OFFLOAD_SIZE_61 ? NDIS_OFFLOAD_SIZE_60
									: NDIS_OFFLOAD_SIZE_61;
		offload.header.revision = known.size < NDIS_OFFLOAD_SIZE_61 ? 1 : 2;
	}
	return rndis_give(value, most, size, &offload, offload.header.size);
}

static uint32_t rndis_query_rss(const struct rndis_adapter *adapter, uint8_t *value, size_t most,
				size_t *size)
{
	struct ndis_rss_capabilities capabilities = {
		.header = {NDIS_OBJECT_RSS_CAPABILITIES, 2, sizeof(capabilities)},
		.flags = NDIS_RSS_CAPABILITIES_TCP4 | NDIS_RSS_CAPABILITIES_TCP6 |
			 NDIS_HASH_TOEPLITZ,
		.n_messages = adapter->n_channels,
		.n_queues = adapter->n_channels,
		.n_entries = RSS_ENTRIES_MAX,
	};

	if (adapter->n_channels < 2)
		return RNDIS_STATUS_NOT_SUPPORTED;
	return rndis_give(value, most, size, &capabilities, sizeof(capabilities));
}

static uint32_t rndis_query_list(uint8_t *value, size_t most, size_t *size)
{
	static const uint32_t others[] = {
		OID_GEN_SUPPORTED_LIST,		  OID_GEN_VENDOR_DESCRIPTION,
		OID_GEN_DRIVER_VERSION,		  OID_GEN_RECEIVE_SCALE_CAPABILITIES,
		OID_GEN_RECEIVE_SCALE_PARAMETERS, OID_GEN_RNDIS_CONFIG_PARAMETER,
		OID_802_3_PERMANENT_ADDRESS,	  OID_802_3_CURRENT_ADDRESS,
		OID_802_3_MULTICAST_LIST,	  OID_TCP_OFFLOAD_CURRENT_CONFIG,
		OID_TCP_OFFLOAD_PARAMETERS,	  OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES};
	uint32_t list[N_NUMBERS + sizeof(others) / sizeof(others[0])];

	memcpy(list, others, sizeof(others));
	for (size_t i = 0; i < N_NUMBERS; i++)
		list[sizeof(others) / sizeof(others[0]) + i] = numbers[i].oid;
	return rndis_give(value, most, size, list, sizeof(list));
}

uint32_t rndis_adapter_query(const struct rndis_adapter *adapter, uint32_t oid,
			     const uint8_t *input, size_t input_size, uint8_t *value, size_t most,
			     size_t *size)
{
	static const uint16_t ndis_version = 0x061e;

	switch (oid) {
	case OID_GEN_SUPPORTED_LIST:
		return rndis_query_list(value, most, size);
	case OID_GEN_VENDOR_DESCRIPTION:
		return rndis_give(value, most, size, VENDOR, sizeof(VENDOR));
	case OID_GEN_DRIVER_VERSION:
		return rndis_give(value, most, size, &ndis_version, sizeof(ndis_version));
	case OID_802_3_PERMANENT_ADDRESS:
		return rndis_give(value, most, size, adapter->permanent_mac, 6);
	case OID_802_3_CURRENT_ADDRESS:
		return rndis_give(value, most, size, adapter->mac, 6);
	case OID_802_3_MULTICAST_LIST:
		return rndis_give(value, most, size, adapter->multicast,
				  6 * (size_t)adapter->n_multicast);
	case OID_GEN_RECEIVE_SCALE_CAPABILITIES:
		return rndis_query_rss(adapter, value, most, size);
	case OID_TCP_OFFLOAD_CURRENT_CONFIG:
	case OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES:
		return rndis_query_offload(adapter, input, input_size, value, most, size);
	default:
		break;
	}
	for (size_t i = 0; i < N_NUMBERS; i++) {
		uint32_t number;

		if (numbers[i].oid != oid)
			continue;
		number = rndis_number(adapter, &numbers[i]);
		return rndis_give(value, most, size, &number, sizeof(number));
	}
	return RNDIS_STATUS_NOT_SUPPORTED;
}
