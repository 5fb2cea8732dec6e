/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Addresses of network adapters: text, our range, and what is refused. Pure, with GLib only, so
 * that the management service can build this file too. Any thread.
 */
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

#define MAC_ADDRESS_ERROR (mac_address_error_quark())
GQuark mac_address_error_quark(void);
enum mac_address_error {
	MAC_ADDRESS_ERROR_MALFORMED,
	MAC_ADDRESS_ERROR_MULTICAST,
	MAC_ADDRESS_ERROR_ZERO,
	MAC_ADDRESS_ERROR_DUPLICATE,
	MAC_ADDRESS_ERROR_EXHAUSTED,
};

/* Six pairs of hexadecimal digits separated by ':' or all by '-', or twelve digits. Refuses what no
 * adapter can have: a multicast address or zeros. */
bool mac_address_parse(const char *text, struct mac_address *mac, GError **error);
void mac_address_format(const struct mac_address *mac, char text[MAC_ADDRESS_TEXT]);
bool mac_address_equal(const struct mac_address *a, const struct mac_address *b);
bool mac_address_is_multicast(const struct mac_address *mac); /* broadcast as well */
bool mac_address_is_zero(const struct mac_address *mac);

/* The VM that has the address already, NULL when none has. The string is borrowed. */
typedef const char *(*mac_address_owner)(const struct mac_address *mac, void *context);

/* Fails when another VM has it: the message names it. */
bool mac_address_check_free(const struct mac_address *mac, mac_address_owner owner, void *context,
			    GError **error);

/*
 * An address of our range, 56:4d:53 (locally administered, unicast), for adapter `index` of the VM:
 * always the same one as long as no other VM took it; then the next. owner may be NULL. Fails when
 * the whole range is taken.
 */
bool mac_address_generate(const uint8_t vm[16], uint32_t index, mac_address_owner owner,
			  void *context, struct mac_address *mac, GError **error);

#endif
