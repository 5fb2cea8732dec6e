/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For the registry, which alone makes VMs and ends them. */
#ifndef VM_INTERNAL_H
#define VM_INTERNAL_H

#include "vm.h"

/* Takes over the definition. */
struct vm *vm_new(struct vm_registry *registry, struct definition *definition);
void vm_free(struct vm *vm);

#endif
