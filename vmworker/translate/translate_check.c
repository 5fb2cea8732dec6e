/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/stat.h>

#include "translate.h"
#include "worker_error.h"

static gboolean refuse(const struct engine_config *config, const char *what, const char *remedy,
		       GError **error)
{
	g_set_error(error, WORKER_ERROR, WORKER_ERROR_NOT_SUPPORTED,
		    "VM %s: the engine translate %s; %s, or set the engine to direct",
		    config->vm_name, what, remedy);
	return FALSE;
}

static gboolean check_disk(const struct engine_config *config, const struct engine_disk *disk,
			   GError **error)
{
	struct stat st;

	/* QEMU's driver for devices takes no descriptor from libvirt. Other formats are served. */
	if (disk->format != ENGINE_DISK_RAW)
		return TRUE;
	if (fstat(disk->fd, &st) < 0 || !S_ISREG(st.st_mode))
		return refuse(config, "takes no block devices as disks", "give an image file",
			      error);
	return TRUE;
}

static gboolean check_nic(const struct engine_config *config, const struct engine_nic *nic,
			  GError **error)
{
	if (nic->type != ENGINE_NIC_USER && nic->type != ENGINE_NIC_NONE)
		return refuse(config, "has network adapters of the types user and none only",
			      "use one of them", error);
	if (nic->bandwidth)
		return refuse(config, "cannot limit a network adapter's bandwidth",
			      "leave the limit out", error);
	return TRUE;
}

gboolean translate_check(const struct engine_config *config, GError **error)
{
	const struct engine_devices *devices = &config->devices;

	for (size_t i = 0; i < devices->n_disks; i++) {
		if (!check_disk(config, &devices->disks[i], error))
			return FALSE;
	}
	for (size_t i = 0; i < devices->n_nics; i++) {
		if (!check_nic(config, &devices->nics[i], error))
			return FALSE;
	}
	if (devices->enlightenments_off != ENGINE_ENLIGHTENMENTS_OFF_DEFAULT)
		return refuse(config, "has no enlightenments to choose from",
			      "leave them as they are by default", error);
	return TRUE;
}
