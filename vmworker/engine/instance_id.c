/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "instance_id.h"

#include <glib.h>
#include <string.h>

void instance_id_make(const uint8_t vm_uuid[16], const char *kind, const void *key, size_t key_size,
		      uint8_t id[16])
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	uint8_t digest[32];
	gsize size = sizeof(digest);

	g_checksum_update(sum, vm_uuid, 16);
	g_checksum_update(sum, (const guchar *)kind, (gssize)strlen(kind) + 1);
	g_checksum_update(sum, key, (gssize)key_size);
	g_checksum_get_digest(sum, digest, &size);
	memcpy(id, digest, 16);
	/* Version 8: made as its maker likes. As a GUID its third field is little-endian. */
	id[7] = (uint8_t)((id[7] & 0x0f) | 0x80);
	id[8] = (uint8_t)((id[8] & 0x3f) | 0x80); /* variant of RFC 4122 */
}
