/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mac_address.h"

#include <string.h>

#define RANGE_SIZE (1u << 24)

static const uint8_t range[3] = {0x56, 0x4d, 0x53}; /* "VMS" */

bool mac_address_parse(const char *text, struct mac_address *ret, const char **fault)
{
	static const char *const malformed =
		"is not a MAC address; give six pairs of hexadecimal digits, such as "
		"56:4d:53:00:00:01, or leave it out to get one";
	struct mac_address mac = {0}, zero = {0};

	*fault = malformed;
	if (strlen(text) != MAC_ADDRESS_TEXT - 1 || (text[2] != ':' && text[2] != '-'))
		return false;
	for (size_t i = 0; i < MAC_ADDRESS_SIZE; i++) {
		int high = g_ascii_xdigit_value(text[3 * i]);
		int low = g_ascii_xdigit_value(text[3 * i + 1]);
		if (high < 0 || low < 0 || (i > 0 && text[3 * i - 1] != text[2]))
			return false;
		mac.bytes[i] = (uint8_t)(high << 4 | low);
	}
	if (mac.bytes[0] & 1) {
		*fault = "is a multicast address, which no adapter can have; give one whose first "
			 "pair is even, or leave it out to get one";
		return false;
	}
	if (mac_address_equal(&mac, &zero)) {
		*fault = "is all zeros, which no adapter can have; leave it out to get an address";
		return false;
	}
	*ret = mac;
	return true;
}

void mac_address_format(const struct mac_address *mac, char text[MAC_ADDRESS_TEXT])
{
	const uint8_t *b = mac->bytes;

	g_snprintf(text, MAC_ADDRESS_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3],
		   b[4], b[5]);
}

bool mac_address_equal(const struct mac_address *a, const struct mac_address *b)
{
	return memcmp(a->bytes, b->bytes, MAC_ADDRESS_SIZE) == 0;
}

uint64_t mac_address_key(const struct mac_address *mac)
{
	uint64_t key = 0;

	for (size_t i = 0; i < MAC_ADDRESS_SIZE; i++)
		key = key << 8 | mac->bytes[i];
	return key;
}

/* FNV-1a, folded to 24 bits: it only has to spread, and never to change. */
static uint32_t range_start(const char *uuid, uint32_t index)
{
	uint32_t hash = 2166136261u;

	for (const char *c = uuid; *c; c++)
		hash = (hash ^ (uint8_t)*c) * 16777619u;
	hash = (hash ^ index) * 16777619u;
	return (hash >> 24 ^ hash) & (RANGE_SIZE - 1);
}

bool mac_address_generate(const char *uuid, uint32_t index, const struct mac_owners *owners,
			  struct mac_address *ret)
{
	uint32_t start = range_start(uuid, index);

	for (uint32_t i = 0; i < RANGE_SIZE; i++) {
		uint32_t low = (start + i) % RANGE_SIZE;
		const struct mac_address mac = {{range[0], range[1], range[2], (uint8_t)(low >> 16),
						 (uint8_t)(low >> 8), (uint8_t)low}};
		if (!owners->find(owners->context, &mac)) {
			*ret = mac;
			return true;
		}
	}
	return false;
}
