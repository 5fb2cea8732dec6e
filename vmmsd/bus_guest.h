/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls of clients that a VM's worker answers for its guest. */
#ifndef BUS_GUEST_H
#define BUS_GUEST_H

#include <glib.h>
#include <systemd/sd-bus.h>

struct service;
struct vm;

/* VirtualMachine.Describe: at once, or when the worker has said what it knows of the guest, which
 * is left out when it does not answer. 1 or a negative errno. */
int bus_guest_describe(sd_bus_message *call, struct service *service, const struct vm *vm);

/* Passes a call with its arguments on to the worker's method of the same name; its answer is the
 * client's. FALSE: error says why not. */
gboolean bus_guest_forward(sd_bus_message *call, struct service *service, const struct vm *vm,
			   GError **error);

/* WRONG_STATE unless the VM runs and its worker can be asked. */
gboolean bus_guest_check(const struct vm *vm, GError **error);

#endif
