/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a worker is sent as a definition: never a crash, every refusal says why, and what is
 * accepted keeps the bounds that an engine counts on.
 */
#include <string.h>

#include "definition_read.h"

#define UUID "0f0e0d0c-0b0a-0908-0706-050403020100"

static void check_devices(const struct engine_devices *devices)
{
	g_assert_cmpuint(devices->n_disks, <=, VMMS_MAX_DISKS);
	g_assert_cmpuint(devices->n_nics, <=, VMMS_MAX_NICS);
	for (size_t i = 0; i < devices->n_disks; i++) {
		const struct engine_disk *disk = &devices->disks[i];
		g_assert_true(disk->fd == -1 && disk->path[0] == '/' && disk->serial[0]);
		g_assert_true(disk->controller <= 3 && disk->lun <= 63);
		g_assert_true(!disk->dvd || disk->read_only);
		for (size_t j = 0; j < i; j++)
			g_assert_true(disk->lun != devices->disks[j].lun ||
				      disk->controller != devices->disks[j].controller);
	}
	for (size_t i = 0; i < devices->n_nics; i++) {
		g_assert_true(devices->nics[i].n_fds == 0 && !(devices->nics[i].mac[0] & 1));
		g_assert_true(devices->nics[i].mtu >= 576 && devices->nics[i].mtu <= 9000);
	}
	g_assert_cmphex(devices->enlightenments_off >> ENGINE_ENLIGHTENMENT_N, ==, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(vm_definition_t) definition =
		vm_definition_read((const char *)data, size, UUID, &error);

	g_assert_true((definition == NULL) == (error != NULL));
	if (error)
		g_assert_true(g_utf8_validate(error->message, -1, NULL));
	if (!definition)
		return 0;
	struct engine_devices devices = device_list_engine(&definition->devices);
	check_devices(&devices);
	return 0;
}
