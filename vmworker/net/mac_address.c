/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mac_address.h"

#include <string.h>

#define RANGE_SIZE (1u << 24)

static const uint8_t range[3] = {0x56, 0x4d, 0x53};

G_DEFINE_QUARK(vmms_mac_address_error, mac_address_error)

static const char malformed[] =
	"MAC address '%.40s' is malformed: write six pairs of hexadecimal digits, such as "
	"56:4d:53:00:00:01, or leave it out to have one generated";

/* The text without its separators, or false. */
static bool mac_address_digits(const char *text, char digits[12])
{
	size_t length = strlen(text), n = 0;
	char separator = '\0';

	if (length == 17)
		separator = text[2];
	else if (length != 12)
		return false;
	if (separator != '\0' && separator != ':' && separator != '-')
		return false;
	for (size_t i = 0; i < length; i++) {
		if (separator != '\0' && i % 3 == 2) {
			if (text[i] != separator)
				return false;
			continue;
		}
		if (!g_ascii_isxdigit(text[i]))
			return false;
		digits[n++] = text[i];
	}
	return n == 12;
}

bool mac_address_parse(const char *text, struct mac_address *mac, GError **error)
{
	char digits[12];
	struct mac_address parsed;

	if (!mac_address_digits(text, digits)) {
		g_set_error(error, MAC_ADDRESS_ERROR, MAC_ADDRESS_ERROR_MALFORMED, malformed, text);
		return false;
	}
	for (size_t i = 0; i < MAC_ADDRESS_SIZE; i++)
		parsed.bytes[i] = (uint8_t)(g_ascii_xdigit_value(digits[2 * i]) << 4 |
					    g_ascii_xdigit_value(digits[2 * i + 1]));
	if (mac_address_is_multicast(&parsed)) {
		g_set_error(error, MAC_ADDRESS_ERROR, MAC_ADDRESS_ERROR_MULTICAST,
			    "MAC address '%s' is a multicast address, which no adapter can have: "
			    "make its first pair even, such as %02x",
			    text, parsed.bytes[0] & 0xfe);
		return false;
	}
	if (mac_address_is_zero(&parsed)) {
		g_set_error(
			error, MAC_ADDRESS_ERROR, MAC_ADDRESS_ERROR_ZERO,
			"MAC address '%s' is all zeros, which no adapter can have: leave it out "
			"to have one generated",
			text);
		return false;
	}
	*mac = parsed;
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

bool mac_address_is_multicast(const struct mac_address *mac)
{
	return mac->bytes[0] & 1;
}

bool mac_address_is_zero(const struct mac_address *mac)
{
	static const struct mac_address zero;

	return mac_address_equal(mac, &zero);
}

bool mac_address_check_free(const struct mac_address *mac, mac_address_owner owner, void *context,
			    GError **error)
{
	const char *other = owner(mac, context);
	char text[MAC_ADDRESS_TEXT];

	if (!other)
		return true;
	mac_address_format(mac, text);
	g_set_error(error, MAC_ADDRESS_ERROR, MAC_ADDRESS_ERROR_DUPLICATE,
		    "MAC address '%s' belongs to VM '%s' already: choose another, or leave it out "
		    "to have one generated",
		    text, other);
	return false;
}

/* FNV-1a, folded to 24 bits: any fixed function would do, it only has to spread. */
static uint32_t mac_address_hash(const uint8_t vm[16], uint32_t index)
{
	uint32_t hash = 2166136261u;

	for (unsigned int i = 0; i < 20; i++) {
		uint32_t byte = i < 16 ? vm[i] : index >> (8 * (i - 16)) & 0xff;

		hash = (hash ^ byte) * 16777619u;
	}
	return (hash >> 24 ^ hash) & (RANGE_SIZE - 1);
}

bool mac_address_generate(const uint8_t vm[16], uint32_t index, mac_address_owner owner,
			  void *context, struct mac_address *mac, GError **error)
{
	uint32_t start = mac_address_hash(vm, index);

	for (uint32_t i = 0; i < RANGE_SIZE; i++) {
		uint32_t low = (start + i) & (RANGE_SIZE - 1);
		struct mac_address candidate = {{range[0], range[1], range[2], (uint8_t)(low >> 16),
						 (uint8_t)(low >> 8), (uint8_t)low}};

		if (owner && owner(&candidate, context))
			continue;
		*mac = candidate;
		return true;
	}
	g_set_error(error, MAC_ADDRESS_ERROR, MAC_ADDRESS_ERROR_EXHAUSTED,
		    "No MAC address of the range %02x:%02x:%02x is free: give the adapter one with "
		    "mac=",
		    range[0], range[1], range[2]);
	return false;
}
