/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Properties in signals: the same getters that answer Properties.Get, walked over the vtable, so
 * that one signal is made once and sent to every client.
 */
#ifndef BUS_PROPERTY_H
#define BUS_PROPERTY_H

#include <systemd/sd-bus.h>

struct service;

#define BUS_PROPERTY_STATE SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE

/* Appends "a{sv}": those of names, or all when names is NULL. 0 or -errno. */
int bus_property_append(sd_bus_message *message, const sd_bus_vtable *vtable, const char *path,
			const char *interface, const char *const *names, struct service *service);

#endif
