/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The disks and network adapters of a definition, as far as vmmsd itself acts on them: it opens
 * what they name. The rest is for the worker, which reads the document.
 */
#ifndef DEFINITION_DEVICES_H
#define DEFINITION_DEVICES_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "mac_address.h"

enum disk_format { DISK_FORMAT_RAW, DISK_FORMAT_QCOW2, DISK_FORMAT_VHD, DISK_FORMAT_VHDX };
enum disk_cache {
	DISK_CACHE_WRITEBACK,
	DISK_CACHE_WRITETHROUGH,
	DISK_CACHE_NONE,
	DISK_CACHE_UNSAFE,
};
enum nic_type { NIC_TYPE_USER, NIC_TYPE_BRIDGE, NIC_TYPE_PRIVATE, NIC_TYPE_NONE };

struct definition_disk {
	char *path; /* absolute */
	enum disk_format format;
	bool dvd;
	bool read_only; /* always for a DVD */
	/* For the server of a format other than raw; else the worker's. */
	enum disk_cache cache;
	bool discard;
	/* Where it is, whatever its place in the list: no two disks have the same. */
	uint32_t controller, lun;
};

struct definition_nic {
	enum nic_type type;
	char *bridge;  /* of a bridge: this or a network, the other is NULL */
	char *network; /* libvirt's, of a bridge; the switch's, of a private one */
	struct mac_address mac;
	uint32_t mtu; /* 576 to 9000 */
};

const char *definition_disk_format_name(enum disk_format format);
const char *definition_nic_type_name(enum nic_type type);

#endif
