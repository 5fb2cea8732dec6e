/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vm_nics.h"

#include "service_error.h"

gboolean vm_nics_check(const struct vm *vm, GError **error)
{
	const struct definition *definition = vm->definition;

	for (size_t i = 0; i < definition->n_nics; i++) {
		enum nic_type type = definition->nics[i].type;
		if (type == NIC_TYPE_NONE)
			continue;
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_NOT_SUPPORTED,
			    "adapter %zu: adapters of the type %s are not in this version; "
			    "make its type none",
			    i, definition_nic_type_name(type));
		return FALSE;
	}
	return TRUE;
}
