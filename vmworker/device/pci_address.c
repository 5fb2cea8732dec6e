/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pci_address.h"

#include <glib.h>
#include <stdatomic.h>

/* Bits 30:24 and 1:0 are reserved and read as zero. */
#define ADDRESS_BITS 0x80fffffcu

struct pci_address {
	_Atomic uint32_t value;
};

static uint64_t pci_address_read(void *device, uint64_t offset G_GNUC_UNUSED, unsigned int size)
{
	struct pci_address *address = device;

	return size == 4 ? atomic_load(&address->value) : UINT64_MAX;
}

static void pci_address_write(void *device, uint64_t offset G_GNUC_UNUSED, unsigned int size,
			      uint64_t value)
{
	struct pci_address *address = device;

	if (size == 4)
		atomic_store(&address->value, (uint32_t)value & ADDRESS_BITS);
}

const struct io_ops pci_address_ops = {
	.read = pci_address_read, .write = pci_address_write, .width = 4};

void pci_address_reset(struct pci_address *address)
{
	atomic_store(&address->value, 0);
}

void pci_address_save(struct pci_address *address, struct state_writer *writer)
{
	state_begin(writer, "pci-address", 1);
	state_put_u32(writer, atomic_load(&address->value));
	state_end(writer);
}

bool pci_address_restore(struct pci_address *address, struct state_reader *reader)
{
	uint32_t value;

	if (!state_enter(reader, "pci-address", 1))
		return false;
	value = state_get_u32(reader);
	if (value & ~ADDRESS_BITS)
		state_fail(reader, "bits that no address has");
	state_leave(reader);
	if (state_ok(reader))
		atomic_store(&address->value, value);
	return state_ok(reader);
}

struct pci_address *pci_address_new(void)
{
	return g_new0(struct pci_address, 1);
}

void pci_address_free(struct pci_address *address)
{
	g_free(address);
}
