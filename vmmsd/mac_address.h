/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MAC addresses of network adapters: text, our range, and what no adapter can have. Pure. */
#ifndef MAC_ADDRESS_H
#define MAC_ADDRESS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define MAC_ADDRESS_SIZE 6u
#define MAC_ADDRESS_TEXT 18u /* "56:4d:53:00:00:01" and its NUL */

struct mac_address {
	uint8_t bytes[MAC_ADDRESS_SIZE];
};

/* Who has which address already. */
struct mac_owners {
	/* The name of the VM that has it, borrowed until the next call, or NULL. */
	const char *(*find)(void *context, const struct mac_address *mac);
	void *context;
};

/*
 * Six pairs of hexadecimal digits, all separated by ':' or all by '-', of a unicast address that is
 * not zero. false: *fault says what is wrong and what to do, as the end of a sentence.
 */
bool mac_address_parse(const char *text, struct mac_address *ret, const char **fault);
/* Lower case, with colons. */
void mac_address_format(const struct mac_address *mac, char text[MAC_ADDRESS_TEXT]);
bool mac_address_equal(const struct mac_address *a, const struct mac_address *b);
/* As a number, for a key. */
uint64_t mac_address_key(const struct mac_address *mac);

/*
 * An address of our range, 56:4d:53 (locally administered, unicast), for the adapter with this
 * index of the VM with this uuid: always the same one unless it has an owner; then the next one
 * that has none. false: all 2^24 have.
 */
bool mac_address_generate(const char *uuid, uint32_t index, const struct mac_owners *owners,
			  struct mac_address *ret);

#endif
