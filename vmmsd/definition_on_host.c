/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "definition_on_host.h"

#include <sys/stat.h>

#include "definition_json.h"
#include "json_text.h"

/* QEMU's driver for devices takes no descriptor from libvirt. Other formats than raw are served,
 * and QEMU has a socket in place of the device. */
static bool check_disk(const struct definition_disk *disk, size_t index, GError **error)
{
	struct stat st;

	if (disk->format != DISK_FORMAT_RAW || stat(disk->path, &st) < 0 || !S_ISBLK(st.st_mode))
		return true;
	g_autofree char *shown = json_text_excerpt(disk->path);
	return definition_fail_device(error, "disks", index, "path",
				      "the engine translate takes no block device as a raw disk, "
				      "and \"%s\" is one; give an image file, or set the engine "
				      "to direct",
				      shown);
}

bool definition_on_host_check_translate(const struct definition *definition, GError **error)
{
	for (size_t i = 0; i < definition->n_disks; i++) {
		if (!check_disk(&definition->disks[i], i, error))
			return false;
	}
	return true;
}

bool definition_on_host_check(const struct definition *definition, GError **error)
{
	return definition->engine != ENGINE_TRANSLATE ||
	       definition_on_host_check_translate(definition, error);
}
