/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "xml_tree.h"

#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <limits.h>
#include <string.h>

#include "json_text.h"

G_DEFINE_QUARK(xml_tree_error, xml_tree_error)

/* ---- parsing --------------------------------------------------------------------------------- */

/* A document type can declare entities, whose expansion is where XML parsers are attacked. */
static void on_document_type(void *context, const xmlChar *name, const xmlChar *external,
			     const xmlChar *system)
{
	xmlParserCtxtPtr parser = context;

	(void)name;
	(void)external;
	(void)system;
	*(gboolean *)parser->_private = TRUE;
	xmlStopParser(parser);
}

static void fail_parse(xmlParserCtxtPtr parser, gboolean typed, GError **error)
{
	const xmlError *last = xmlCtxtGetLastError(parser);
	g_autofree char *line = last && last->message ? g_strchomp(g_strdup(last->message)) : NULL;
	g_autofree char *said = line ? json_text_excerpt(line) : NULL;

	if (typed)
		g_set_error(error, XML_TREE_ERROR, XML_TREE_ERROR_INVALID,
			    "line %d: a document type and its entities are refused; remove the "
			    "DOCTYPE",
			    parser->input ? parser->input->line : 1);
	else
		g_set_error(error, XML_TREE_ERROR, XML_TREE_ERROR_INVALID,
			    "line %d: this is not well-formed XML: %s", last ? last->line : 1,
			    said ? said : "it ends too early");
}

static xmlDoc *parse(const char *text, size_t size, GError **error)
{
	const int options = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
			    XML_PARSE_NOCDATA | XML_PARSE_COMPACT;
	xmlParserCtxtPtr parser = xmlNewParserCtxt();
	gboolean typed = FALSE;
	xmlDoc *doc = NULL;

	if (!parser)
		g_error("out of memory");
	parser->_private = &typed;
	parser->sax->internalSubset = on_document_type;
	parser->sax->externalSubset = on_document_type;
	doc = xmlCtxtReadMemory(parser, text, (int)size, NULL, NULL, options);
	if (!doc || typed) {
		fail_parse(parser, typed, error);
		xmlFreeDoc(doc);
		doc = NULL;
	}
	xmlFreeParserCtxt(parser);
	return doc;
}

/* Elements and attributes, or UINT_MAX when they are nested too deep. */
static unsigned count(const xmlNode *element, unsigned depth)
{
	unsigned n = 1;

	if (depth > XML_TREE_MAX_DEPTH)
		return UINT_MAX;
	for (const xmlAttr *attribute = element->properties; attribute; attribute = attribute->next)
		n++;
	for (const xmlNode *child = element->children; child; child = child->next) {
		unsigned more = child->type == XML_ELEMENT_NODE ? count(child, depth + 1) : 0;

		if (more == UINT_MAX)
			return UINT_MAX;
		n += more;
	}
	return n;
}

xml_doc_t *xml_tree_parse(const char *text, size_t size, GError **error)
{
	g_autoptr(xml_doc_t) doc = NULL;

	if (size > XML_TREE_MAX_BYTES) {
		g_set_error(error, XML_TREE_ERROR, XML_TREE_ERROR_INVALID,
			    "it has more than the %u bytes that are read of a domain's XML",
			    XML_TREE_MAX_BYTES);
		return NULL;
	}
	doc = parse(text, size, error);
	if (!doc)
		return NULL;
	if (count(xmlDocGetRootElement(doc), 1) > XML_TREE_MAX_NODES) {
		g_set_error(
			error, XML_TREE_ERROR, XML_TREE_ERROR_INVALID,
			"it has more than %u elements and attributes, or more than %u levels of "
			"them, which no domain has",
			XML_TREE_MAX_NODES, XML_TREE_MAX_DEPTH);
		return NULL;
	}
	return g_steal_pointer(&doc);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* What marks is any pointer that is not NULL. */
void xml_mark(xmlNode *element)
{
	element->_private = element;
}

void xml_mark_all(xmlNode *element)
{
	xml_mark(element);
	for (xmlAttr *attribute = element->properties; attribute; attribute = attribute->next)
		attribute->_private = attribute;
	for (xmlNode *child = element->children; child; child = child->next) {
		if (child->type == XML_ELEMENT_NODE)
			xml_mark_all(child);
	}
}

gboolean xml_is_marked(const xmlNode *element)
{
	return element->_private != NULL;
}

gboolean xml_attribute_is_marked(const xmlAttr *attribute)
{
	return attribute->_private != NULL;
}

static gboolean is_named(const xmlNode *node, const char *name)
{
	return node->type == XML_ELEMENT_NODE && !node->ns &&
	       g_str_equal((const char *)node->name, name);
}

static xmlNode *take(xmlNode *node, const char *name)
{
	while (node && !is_named(node, name))
		node = node->next;
	if (node)
		xml_mark(node);
	return node;
}

xmlNode *xml_take_child(xmlNode *parent, const char *name)
{
	return parent ? take(parent->children, name) : NULL;
}

xmlNode *xml_take_next(xmlNode *element)
{
	return take(element->next, (const char *)element->name);
}

static char *copy(xmlChar *value)
{
	char *text = value ? g_strdup((const char *)value) : NULL;

	xmlFree(value);
	return text;
}

char *xml_text(xmlNode *element)
{
	char *text = copy(xmlNodeGetContent(element));

	return text ? g_strstrip(text) : NULL;
}

char *xml_take_attribute(xmlNode *element, const char *name)
{
	xmlAttr *attribute = element ? xmlHasNsProp(element, (const xmlChar *)name, NULL) : NULL;

	if (!attribute)
		return NULL;
	attribute->_private = attribute;
	return copy(xmlGetNoNsProp(element, (const xmlChar *)name));
}

char *xml_take_text(xmlNode *parent, const char *name)
{
	xmlNode *child = xml_take_child(parent, name);

	return child ? xml_text(child) : NULL;
}

/* ---- names ----------------------------------------------------------------------------------- */

static void append_path(GString *path, const xmlNode *element, gboolean numbered)
{
	unsigned before = 0, all = 0;

	if (!element || element->type != XML_ELEMENT_NODE)
		return;
	append_path(path, element->parent, numbered);
	g_string_append_c(path, '/');
	if (element->ns && !numbered)
		g_string_append(path, "foreign:");
	else if (element->ns && element->ns->prefix)
		g_string_append_printf(path, "%s:", (const char *)element->ns->prefix);
	g_string_append(path, (const char *)element->name);
	if (!numbered || !element->parent)
		return;
	for (const xmlNode *other = element->parent->children; other; other = other->next) {
		if (other->type != XML_ELEMENT_NODE || !xmlStrEqual(other->name, element->name))
			continue;
		all++;
		if (other == element)
			before = all;
	}
	if (all > 1)
		g_string_append_printf(path, "[%u]", before);
}

static char *path_of(const xmlNode *element, gboolean numbered)
{
	GString *path = g_string_new(NULL);

	append_path(path, element, numbered);
	return g_string_free(path, FALSE);
}

char *xml_path(const xmlNode *element)
{
	return path_of(element, TRUE);
}

char *xml_kind(const xmlNode *element)
{
	return path_of(element, FALSE);
}
