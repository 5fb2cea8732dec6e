/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The messages of the key/value exchange. Strings are UTF-16 with a NUL, sizes in bytes with it. */
#ifndef KVP_WIRE_H
#define KVP_WIRE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

enum kvp_operation {
	KVP_GET = 0,
	KVP_SET = 1,
	KVP_DELETE = 2,
	KVP_ENUMERATE = 3,
	KVP_GET_IP_INFO = 4,
	KVP_SET_IP_INFO = 5,
};

#define KVP_TYPE_STRING 1u
#define KVP_TYPE_U32	4u
#define KVP_TYPE_U64	8u

#define KVP_KEY_BYTES	512u
#define KVP_VALUE_BYTES 2048u

struct kvp_wire_value {
	uint32_t type, key_size, value_size;
	uint8_t key[KVP_KEY_BYTES];
	uint8_t value[KVP_VALUE_BYTES]; /* or a number at its start */
};

struct kvp_wire_exchange {
	uint8_t operation, pool;
	uint16_t reserved;
	union {
		struct kvp_wire_value set;
		struct {
			uint32_t index;
			struct kvp_wire_value value;
		} enumerate;
		struct {
			uint32_t key_size;
			uint8_t key[KVP_KEY_BYTES];
		} delete;
		uint8_t room[7426]; /* every message has the size of the largest */
	};
};
static_assert(offsetof(struct kvp_wire_exchange, enumerate.value) == 8, "wire");
static_assert(sizeof(struct kvp_wire_value) == 2572, "wire");
static_assert(offsetof(struct kvp_wire_exchange, room) + 7426 == 7430, "wire");

/* Of KVP_GET_IP_INFO: no padding after its two first bytes. */
struct kvp_wire_ip {
	uint8_t operation, pool;
	uint8_t adapter_id[256]; /* the MAC as text, in capitals: that is what Linux looks for */
	uint8_t family, dhcp;
	uint8_t addresses[2048];
	uint8_t masks[2048];
	uint8_t gateways[1024];
	uint8_t dns[2048];
};
static_assert(sizeof(struct kvp_wire_ip) == 7428, "wire");

union kvp_wire {
	struct kvp_wire_exchange exchange;
	struct kvp_wire_ip ip;
};

#define KVP_WIRE_SIZE 7430u /* what is sent of it; Linux wants no less of any */
static_assert(sizeof(union kvp_wire) >= KVP_WIRE_SIZE, "wire");

#endif
