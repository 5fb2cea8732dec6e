/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading XML that somebody else wrote, with libxml2: bounded, no document type, no entity but the
 * predefined ones, no file and no network. What is read is marked, so that the rest can be told.
 */
#ifndef XML_TREE_H
#define XML_TREE_H

#include <glib.h>
#include <libxml/tree.h>
#include <stdint.h>

#define XML_TREE_MAX_BYTES 1048576u
#define XML_TREE_MAX_DEPTH 32u
#define XML_TREE_MAX_NODES 20000u

typedef xmlDoc xml_doc_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(xml_doc_t, xmlFreeDoc)

/* Wrong input, for which exit codes tell usage errors apart, or what this version has not. */
#define XML_TREE_ERROR (xml_tree_error_quark())
enum xml_tree_error { XML_TREE_ERROR_INVALID, XML_TREE_ERROR_NOT_SUPPORTED };
GQuark xml_tree_error_quark(void);

/* NULL and INVALID, "line 3: …". */
xml_doc_t *xml_tree_parse(const char *text, size_t size, GError **error);

/* Elements of that name, and marks them; NULL: none, or no other one. In no name space. */
xmlNode *xml_take_child(xmlNode *parent, const char *name);
xmlNode *xml_take_next(xmlNode *element);
/* The text of an element, without white space around it, or of an attribute, which is marked.
 * NULL: there is none. g_free. */
char *xml_text(xmlNode *element);
char *xml_take_attribute(xmlNode *element, const char *name);
/* That of the child; it is marked. */
char *xml_take_text(xmlNode *parent, const char *name);

void xml_mark(xmlNode *element);
void xml_mark_all(xmlNode *element); /* with all that is in it */
gboolean xml_is_marked(const xmlNode *element);
gboolean xml_attribute_is_marked(const xmlAttr *attribute);

/* "/domain/devices/disk[2]"; g_free. */
char *xml_path(const xmlNode *element);
/* The same without numbers; a name of another name space is "foreign:NAME". */
char *xml_kind(const xmlNode *element);

#endif
