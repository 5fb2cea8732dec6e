/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One device of a definition: how users name it, and the definition with it or without it. Pure;
 * any thread.
 */
#ifndef DEFINITION_PLUG_H
#define DEFINITION_PLUG_H

#include "definition.h"

enum plug_list { PLUG_DISK, PLUG_NIC };

/* "disk", "adapter": for sentences. */
const char *plug_list_noun(enum plug_list list);

/*
 * A merge patch (g_free) that puts a device, an object as in a definition, behind those that there
 * are. INVALID_DEFINITION: that is none. Whether it can be so is definition_edit's to say.
 */
char *definition_patch_with(const struct definition *definition, enum plug_list list,
			    const char *device, GError **error);
/* One that takes it away. */
char *definition_patch_without(const struct definition *definition, enum plug_list list,
			       size_t index);
/* {"disks":[…]} or {"nics":[…]} with that one alone, as a worker takes it; g_free. */
char *definition_device(const struct definition *definition, enum plug_list list, size_t index);

/* which: a disk's path or CONTROLLER:LUN, an adapter's MAC address or index. INVALID_ARGUMENT. */
bool definition_find_disk(const struct definition *definition, const char *which, size_t *ret_index,
			  GError **error);
bool definition_find_nic(const struct definition *definition, const char *which, size_t *ret_index,
			 GError **error);

/* "disk /srv/a.img (0:1)", "adapter 56:4d:53:00:00:01"; g_free. */
char *definition_device_name(const struct definition *definition, enum plug_list list,
			     size_t index);

#endif
