/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus_property.h"

#include <glib.h>

static int append_one(sd_bus_message *message, const sd_bus_vtable *row, const char *path,
		      const char *interface, struct service *service)
{
	int r;

	if ((r = sd_bus_message_open_container(message, 'e', "sv")) < 0 ||
	    (r = sd_bus_message_append(message, "s", row->x.property.member)) < 0 ||
	    (r = sd_bus_message_open_container(message, 'v', row->x.property.signature)) < 0 ||
	    (r = row->x.property.get(sd_bus_message_get_bus(message), path, interface,
				     row->x.property.member, message, service, NULL)) < 0 ||
	    (r = sd_bus_message_close_container(message)) < 0)
		return r;
	return sd_bus_message_close_container(message);
}

int bus_property_append(sd_bus_message *message, const sd_bus_vtable *vtable, const char *path,
			const char *interface, const char *const *names, struct service *service)
{
	int r = sd_bus_message_open_container(message, 'a', "{sv}");

	for (const sd_bus_vtable *row = vtable; r >= 0 && row->type != _SD_BUS_VTABLE_END; row++)
		if (row->type == _SD_BUS_VTABLE_PROPERTY &&
		    (!names || g_strv_contains(names, row->x.property.member)))
			r = append_one(message, row, path, interface, service);
	return r < 0 ? r : sd_bus_message_close_container(message);
}
