/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a VM's network adapters are connected to. */
#ifndef VM_NICS_H
#define VM_NICS_H

#include "vm.h"

/* Whether each adapter can be connected. NOT_SUPPORTED; "adapter 0: …". */
gboolean vm_nics_check(const struct vm *vm, GError **error);

#endif
