/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A hostile ELF as the worker reads it: headers, notes, and loading into a small machine. */
#include <sys/mman.h>
#include <unistd.h>

#include "boot.h"
#include "fake_partition.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct partition_properties properties = {.memory_size = 4 << 20,
							       .vp_count = 1};
	struct boot_config config = {.kernel_fd = memfd_create("elf", MFD_CLOEXEC),
				     .payload_fd = -1,
				     .initrd_fd = -1,
				     .vp_count = 1};
	struct partition *partition;
	struct boot_entry entry;
	struct hv_fault fault;
	GError *error = NULL;

	if (write(config.kernel_fd, data, size) == (ssize_t)size &&
	    partition_create(&properties, &partition, &fault) == HV_STATUS_SUCCESS) {
		g_assert(boot_load(partition, &config, &entry, &error) == (error == NULL));
		g_clear_error(&error);
		partition_delete(partition);
	}
	close(config.kernel_fd);
	return 0;
}
