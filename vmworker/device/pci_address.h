/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The address register of PCI's configuration mechanism #1 (PCI Local Bus 3.0, section 3.2.2.3.2),
 * on a machine whose bus has no devices: the data ports stay unclaimed and so read all ones, which
 * is what an absent function reads. With it a kernel finds an empty PCI bus; without it Linux
 * complains that there is no way to reach any.
 */
#ifndef PCI_ADDRESS_H
#define PCI_ADDRESS_H

#include "io_bus.h"
#include "state.h"

struct pci_address;

/* One port: only a 32-bit access to 0xcf8 is the register's, 0xcf9 belongs to the reset port. */
#define PCI_ADDRESS_PORTS 1u

extern const struct io_ops pci_address_ops;

struct pci_address *pci_address_new(void);
void pci_address_free(struct pci_address *address); /* NULL is fine */
void pci_address_reset(struct pci_address *address);

/* As of uart.h. */
void pci_address_save(struct pci_address *address, struct state_writer *writer);
bool pci_address_restore(struct pci_address *address, struct state_reader *reader);

#endif
