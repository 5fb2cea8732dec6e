/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hvsock_guid.h"

#include <string.h>
#include <sys/random.h>

static const uint8_t template[12] = {0xcb, 0xfa, 0xe6, 0x11, 0xbd, 0x58,
				     0x64, 0x00, 0x6a, 0x79, 0x86, 0xd3};

struct vmbus_guid hvsock_guid_of_port(uint32_t port)
{
	struct vmbus_guid guid = {{(uint8_t)port, (uint8_t)(port >> 8), (uint8_t)(port >> 16),
				   (uint8_t)(port >> 24)}};

	memcpy(guid.bytes + 4, template, sizeof(template));
	return guid;
}

bool hvsock_guid_port(const struct vmbus_guid *guid, uint32_t *port)
{
	const uint8_t *b = guid->bytes;

	*port = b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
	return memcmp(b + 4, template, sizeof(template)) == 0;
}

/* GLib's generator opens a file, and asks for what the sandbox kills for. The kernel's does not
 * fail for so few bytes. */
struct vmbus_guid hvsock_guid_random(void)
{
	struct vmbus_guid guid = {0};

	(void)!getrandom(guid.bytes, sizeof(guid.bytes), 0);
	guid.bytes[7] = (uint8_t)((guid.bytes[7] & 0x0f) | 0x40);
	guid.bytes[8] = (uint8_t)((guid.bytes[8] & 0x3f) | 0x80);
	return guid;
}
