/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* $.disks, $.nics, $.hypervisor and $.enlightenments of a definition, as an engine takes them. */
#ifndef DEFINITION_DEVICES_H
#define DEFINITION_DEVICES_H

#include <glib.h>

#include "engine_devices.h"

struct json_object;

/* Owned: strings, arrays. The descriptors are -1 and the counts of them 0 until Start brings them.
 */
struct device_list {
	struct engine_disk *disks;
	struct engine_nic *nics;
	size_t n_disks, n_nics;
	bool hidden;
	uint32_t enlightenments_off;
};

void device_list_init(struct device_list *list); /* none, and what is on by default */
void device_list_clear(struct device_list *list);

/* Each takes one member of the document. WORKER_ERROR INVALID_DEFINITION with the JSON path. */
gboolean device_list_read_disks(struct device_list *list, struct json_object *value,
				const char *path, GError **error);
gboolean device_list_read_nics(struct device_list *list, struct json_object *value,
			       const char *path, GError **error);
gboolean device_list_read_hypervisor(struct device_list *list, struct json_object *value,
				     const char *path, GError **error);
gboolean device_list_read_enlightenments(struct device_list *list, struct json_object *value,
					 const char *path, GError **error);

/* "56:4d:53:00:00:01", as vmmsd has made it. FALSE: it is none, or not that of one station. */
gboolean device_mac_read(uint8_t mac[6], const char *text);

/* Gives each disk that has no serial number one that is always the same: of the VM and the place.
 */
void device_list_number(struct device_list *list, const char *uuid);

/* Borrowed from the list. */
struct engine_devices device_list_engine(const struct device_list *list);

#endif
