/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "firmware.h"

#include "acpi_tables.h"
#include "boot_layout.h"
#include "smbios.h"

hv_status firmware_install(struct partition *partition, const struct boot_config *config,
			   uint64_t *rsdp)
{
	uint8_t acpi[BOOT_SMBIOS_BASE - BOOT_FIRMWARE_BASE];
	uint8_t smbios[SMBIOS_MAX];
	size_t size;
	hv_status status;

	size = acpi_tables_build(config->vp_count, !config->no_vmbus, BOOT_FIRMWARE_BASE, acpi,
				 sizeof(acpi));
	if (size == 0)
		return HV_STATUS_INSUFFICIENT_MEMORY;
	status = partition_write_gpa(partition, BOOT_FIRMWARE_BASE, acpi, size);
	if (status != HV_STATUS_SUCCESS)
		return status;
	*rsdp = BOOT_FIRMWARE_BASE;
	size = smbios_build(
		&(struct smbios_config){
			.name = config->name,
			.uuid = config->uuid,
			.memory_size = partition_memory_size(partition),
		},
		BOOT_SMBIOS_BASE, smbios);
	return partition_write_gpa(partition, BOOT_SMBIOS_BASE, smbios, size);
}
