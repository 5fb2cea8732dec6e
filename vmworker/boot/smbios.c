/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "smbios.h"

#include <stddef.h>
#include <string.h>

#define NAME_MAX_BYTES 64u
#define PACKED	       __attribute__((packed))
#define VENDOR	       "vmms"
#define PRODUCT	       "Virtual Machine"
#define FIRMWARE_DATE  "01/01/2024"

/* DSP0134, section 5.2.2: the 64-bit entry point. */
struct smbios_entry {
	char anchor[5];
	uint8_t checksum, length, major, minor, docrev, revision, reserved;
	uint32_t table_max;
	uint64_t table;
} PACKED;
_Static_assert(sizeof(struct smbios_entry) == 24, "DSP0134 5.2.2");

struct smbios_header {
	uint8_t type, length;
	uint16_t handle;
} PACKED;

struct smbios_bios { /* type 0, 7.1 */
	struct smbios_header header;
	uint8_t vendor, version;
	uint16_t segment;
	uint8_t date, rom_size;
	uint64_t characteristics;
	uint8_t extension[2], major, minor, ec_major, ec_minor;
	uint16_t extended_rom_size;
} PACKED;
_Static_assert(sizeof(struct smbios_bios) == 0x1a, "DSP0134 7.1");

struct smbios_system { /* type 1, 7.2 */
	struct smbios_header header;
	uint8_t manufacturer, product, version, serial;
	uint8_t uuid[16];
	uint8_t wake_up, sku, family;
} PACKED;
_Static_assert(sizeof(struct smbios_system) == 0x1b, "DSP0134 7.2");

struct smbios_chassis { /* type 3, 7.4 */
	struct smbios_header header;
	uint8_t manufacturer, kind, version, serial, asset_tag;
	uint8_t boot_state, power_state, thermal_state, security;
	uint32_t oem;
	uint8_t height, cords, n_elements, element_length, sku;
} PACKED;
_Static_assert(sizeof(struct smbios_chassis) == 0x16, "DSP0134 7.4");

struct smbios_array { /* type 16, 7.17 */
	struct smbios_header header;
	uint8_t location, use, error_correction;
	uint32_t capacity_kib;
	uint16_t error_handle, n_devices;
	uint64_t extended_capacity;
} PACKED;
_Static_assert(sizeof(struct smbios_array) == 0x17, "DSP0134 7.17");

#define BIOS_CHARACTERISTICS_NONE (1ull << 3)
#define BIOS_EXTENSION_VIRTUAL	  (1u << 4)
#define CHASSIS_OTHER		  1u
#define STATE_SAFE		  3u
#define WAKE_UP_POWER_SWITCH	  6u
#define ARRAY_SYSTEM_BOARD	  3u
#define ARRAY_SYSTEM_MEMORY	  3u
#define ARRAY_NO_ECC		  3u
#define ARRAY_NO_ERROR_HANDLE	  0xfffeu
#define ARRAY_EXTENDED		  0x80000000u

enum smbios_handle { HANDLE_BIOS, HANDLE_SYSTEM, HANDLE_CHASSIS, HANDLE_ARRAY, HANDLE_END };

struct smbios_writer {
	uint8_t *area;
	size_t used;
};

/* A structure's formed area and its strings (NULL-terminated list), 6.1.3. */
static void structure_add(struct smbios_writer *writer, const void *formed, size_t size,
			  const char *const *strings)
{
	uint8_t *area = writer->area;

	memcpy(area + writer->used, formed, size);
	writer->used += size;
	for (size_t i = 0; strings[i]; i++) {
		size_t length = strnlen(strings[i], NAME_MAX_BYTES);

		memcpy(area + writer->used, strings[i], length);
		writer->used += length + 1;
	}
	/* a string-set ends with an empty string, and an empty one is two NULs */
	writer->used += strings[0] ? 1 : 2;
}

static void bios_add(struct smbios_writer *writer)
{
	const struct smbios_bios bios = {
		.header = {0, sizeof(bios), HANDLE_BIOS},
		.vendor = 1,
		.version = 2,
		.date = 3,
		.characteristics = BIOS_CHARACTERISTICS_NONE,
		.extension = {0, BIOS_EXTENSION_VIRTUAL},
		.major = 0xff,
		.minor = 0xff,
		.ec_major = 0xff,
		.ec_minor = 0xff,
	};

	structure_add(writer, &bios, sizeof(bios),
		      (const char *const[]){VENDOR, VMMS_VERSION, FIRMWARE_DATE, NULL});
}

/* The first three fields of a UUID are little-endian in SMBIOS (7.2.1). */
static void uuid_encode(uint8_t out[16], const uint8_t *uuid)
{
	static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

	for (size_t i = 0; uuid && i < sizeof(order); i++)
		out[i] = uuid[order[i]];
}

static void system_add(struct smbios_writer *writer, const struct smbios_config *config)
{
	const char *name = config->name && config->name[0] ? config->name : NULL;
	struct smbios_system system = {
		.header = {1, sizeof(system), HANDLE_SYSTEM},
		.manufacturer = 1,
		.product = 2,
		.version = 3,
		.serial = name ? 4 : 0,
		.wake_up = WAKE_UP_POWER_SWITCH,
	};

	uuid_encode(system.uuid, config->uuid);
	structure_add(writer, &system, sizeof(system),
		      (const char *const[]){VENDOR, PRODUCT, VMMS_VERSION, name, NULL});
}

static void chassis_add(struct smbios_writer *writer)
{
	const struct smbios_chassis chassis = {
		.header = {3, sizeof(chassis), HANDLE_CHASSIS},
		.manufacturer = 1,
		.kind = CHASSIS_OTHER,
		.boot_state = STATE_SAFE,
		.power_state = STATE_SAFE,
		.thermal_state = STATE_SAFE,
		.security = STATE_SAFE,
	};

	structure_add(writer, &chassis, sizeof(chassis), (const char *const[]){VENDOR, NULL});
}

static void array_add(struct smbios_writer *writer, uint64_t memory_size)
{
	const struct smbios_array array = {
		.header = {16, sizeof(array), HANDLE_ARRAY},
		.location = ARRAY_SYSTEM_BOARD,
		.use = ARRAY_SYSTEM_MEMORY,
		.error_correction = ARRAY_NO_ECC,
		.capacity_kib = ARRAY_EXTENDED,
		.error_handle = ARRAY_NO_ERROR_HANDLE,
		.extended_capacity = memory_size,
	};

	structure_add(writer, &array, sizeof(array), (const char *const[]){NULL});
}

size_t smbios_build(const struct smbios_config *config, uint64_t base, uint8_t area[SMBIOS_MAX])
{
	struct smbios_writer writer = {.area = area, .used = 32};
	const struct smbios_header end = {127, sizeof(end), HANDLE_END};
	struct smbios_entry entry = {
		.anchor = {'_', 'S', 'M', '3', '_'},
		.length = sizeof(entry),
		.major = 3,
		.minor = 2,
		.revision = 1,
		.table = base + writer.used,
	};
	uint8_t sum = 0;

	memset(area, 0, SMBIOS_MAX);
	bios_add(&writer);
	system_add(&writer, config);
	chassis_add(&writer);
	array_add(&writer, config->memory_size);
	structure_add(&writer, &end, sizeof(end), (const char *const[]){NULL});
	entry.table_max = (uint32_t)(writer.used - 32);
	memcpy(area, &entry, sizeof(entry));
	for (size_t i = 0; i < sizeof(entry); i++)
		sum = (uint8_t)(sum + area[i]);
	area[offsetof(struct smbios_entry, checksum)] = (uint8_t)-sum;
	return writer.used;
}
