/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the import have in common. The first error counts; after it all goes on. */
#ifndef IMPORT_PART_H
#define IMPORT_PART_H

#include <json-c/json.h>

#include "xml_tree.h"

/* The elements of libvirt's that metadata of ours stands in. */
#define IMPORT_NAMESPACE "urn:vmms:definition:1"

#define IMPORT_NOTES_MAX 256u

/* "controller.lun" of a disk, by which metadata of ours names it. */
#define IMPORT_ADDRESS 32
void import_address_key(struct json_object *disk, char ret[IMPORT_ADDRESS]);

struct importing {
	struct json_object *definition; /* what is made */
	struct json_object *kept;	/* our own metadata, or NULL */
	GPtrArray *notes;
	GError *error;
	unsigned given;	     /* of enum domain_given */
	gboolean translated; /* the engine translate will run it, whose machine is QEMU's */
	uint64_t cpus;
};

/* Of an element, or of an attribute of it when that is not NULL. */
void import_fail(struct importing *import, xmlNode *where, const char *attribute,
		 enum xml_tree_error code, const char *format, ...) G_GNUC_PRINTF(5, 6);
void import_note(struct importing *import, xmlNode *where, const char *attribute, const char *why);

/* The member of that name, an object; made when there is none. Borrowed. */
struct json_object *import_object(struct json_object *parent, const char *name);
void import_put_text(struct json_object *object, const char *name, const char *value);
void import_put_number(struct json_object *object, const char *name, uint64_t value);
void import_put_boolean(struct json_object *object, const char *name, gboolean value);

/* FALSE: there is no text, or INVALID. */
gboolean import_number(struct importing *import, xmlNode *where, const char *text, uint64_t max,
		       uint64_t *ret);
/* "yes", "on" or "no", "off"; anything else is fallback. */
gboolean import_is_on(const char *text, gboolean fallback);

/* A word of libvirt's and ours. why: what is not quite the same (a note), or, without ours, why it
 * is refused. */
struct import_choice {
	const char *theirs, *ours, *why;
};
/* NULL: no text, or after an error. choices end with a row without theirs. */
const char *import_choose(struct importing *import, xmlNode *where, const char *attribute,
			  const char *text, const struct import_choice *choices);

/* import_processors.c, import_devices.c, import_nics.c: parts of /domain. */
void import_processors(struct importing *import, xmlNode *domain);
void import_scheduling(struct importing *import, xmlNode *domain);
void import_disks(struct importing *import, xmlNode *devices);
void import_nics(struct importing *import, xmlNode *devices);
/* import_rest.c: what has not been marked. */
void import_rest(struct importing *import, xmlNode *domain);

#endif
