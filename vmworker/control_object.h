/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The methods and properties of org.vmms1.Worker, with a struct worker as their userdata. */
#ifndef CONTROL_OBJECT_H
#define CONTROL_OBJECT_H

#include <systemd/sd-bus.h>

extern const sd_bus_vtable control_object_vtable[];

#endif
