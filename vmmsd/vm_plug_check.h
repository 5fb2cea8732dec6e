/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a VM's devices can be changed while it runs. */
#ifndef VM_PLUG_CHECK_H
#define VM_PLUG_CHECK_H

#include "definition_plug.h"
#include "service.h"

/* what: "attach". BUSY, WRONG_STATE, NOT_SUPPORTED. */
gboolean vm_plug_check(const struct vm *vm, enum plug_list list, const char *what, GError **error);

/* Runs or is paused, with a worker that can be asked. */
gboolean vm_plug_is_up(const struct vm *vm);

#endif
