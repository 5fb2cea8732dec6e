/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the export have in common. */
#ifndef EXPORT_PART_H
#define EXPORT_PART_H

#include <glib.h>
#include <json-c/json.h>
#include <libxml/tree.h>
#include <stdint.h>

struct exporting {
	struct json_object *definition; /* canonical */
	struct json_object *kept;	/* for metadata */
	uint32_t cpus;
	gboolean translated; /* it names the engine translate */
};

/* format NULL: it is empty. */
xmlNode *export_element(xmlNode *parent, const char *name, const char *format, ...)
	G_GNUC_PRINTF(3, 4);
void export_attribute(xmlNode *element, const char *name, const char *format, ...)
	G_GNUC_PRINTF(3, 4);

void export_devices(struct exporting *export, xmlNode *domain);

#endif
