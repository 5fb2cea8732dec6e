/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices that come and go. */
#include "worker_error.h"
#include "worker_private.h"

gboolean worker_attach(struct worker *worker, const char *device, size_t size,
		       const struct device_files *files, GError **error)
{
	struct device_list list;
	gboolean ok;

	if (!worker_check_up(worker, error))
		return FALSE;
	ok = vm_device_read(&list, device, size, worker->config.uuid, error) &&
	     device_files_lend(files, &list, error) &&
	     (list.n_disks > 0 ? worker->ops->attach_disk(worker->engine, &list.disks[0], error)
			       : worker->ops->attach_nic(worker->engine, &list.nics[0], error));
	device_list_clear(&list);
	return ok;
}

gboolean worker_detach_disk(struct worker *worker, uint32_t controller, uint32_t lun,
			    GError **error)
{
	return worker_check_up(worker, error) &&
	       worker->ops->detach_disk(worker->engine, controller, lun, error);
}

gboolean worker_suspend_disk(struct worker *worker, uint32_t controller, uint32_t lun,
			     GError **error)
{
	return worker_check_up(worker, error) &&
	       worker->ops->suspend_disk(worker->engine, controller, lun, error);
}

gboolean worker_refresh_disk(struct worker *worker, uint32_t controller, uint32_t lun,
			     uint64_t *ret_size, GError **error)
{
	return worker_check_up(worker, error) &&
	       worker->ops->refresh_disk(worker->engine, controller, lun, ret_size, error);
}

gboolean worker_detach_nic(struct worker *worker, const char *mac, GError **error)
{
	uint8_t bytes[6];

	if (!worker_check_up(worker, error))
		return FALSE;
	if (device_mac_read(bytes, mac))
		return worker->ops->detach_nic(worker->engine, bytes, error);
	g_autofree char *shown = g_strescape(mac, NULL);
	g_set_error(error, WORKER_ERROR, WORKER_ERROR_INVALID_ARGUMENT,
		    "virtual machine %s: \"%.32s\" is not a unicast address like "
		    "56:4d:53:00:00:01; give one",
		    worker->config.name, shown);
	return FALSE;
}
