/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The identities of synthetic devices. Guests name devices after them, so they follow from the VM
 * and from what the device is to it, and are the same at every start.
 */
#ifndef INSTANCE_ID_H
#define INSTANCE_ID_H

#include <stddef.h>
#include <stdint.h>

/* kind: "scsi", "disk", ...; key: what tells it from others of its kind. A GUID as its 16 bytes lie
 * in memory, RFC 9562 version 8. */
void instance_id_make(const uint8_t vm_uuid[16], const char *kind, const void *key, size_t key_size,
		      uint8_t id[16]);

#endif
