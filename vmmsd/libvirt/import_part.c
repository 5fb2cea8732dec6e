/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "import_part.h"

#include "json_text.h"

static char *place(xmlNode *where, const char *attribute)
{
	g_autofree char *path = xml_path(where);

	return g_strconcat(path, attribute ? "/@" : "", attribute, NULL);
}

void import_fail(struct importing *import, xmlNode *where, const char *attribute,
		 enum xml_tree_error code, const char *format, ...)
{
	g_autofree char *path = NULL;
	va_list args;

	if (import->error)
		return;
	path = place(where, attribute);
	va_start(args, format);
	import->error = g_error_new_valist(XML_TREE_ERROR, (int)code, format, args);
	va_end(args);
	g_prefix_error(&import->error, "%s: ", path);
}

void import_note(struct importing *import, xmlNode *where, const char *attribute, const char *why)
{
	g_autofree char *path = NULL;

	/* To tell the place takes time, and nobody reads as much. */
	if (import->notes->len >= IMPORT_NOTES_MAX)
		return;
	path = import->notes->len == IMPORT_NOTES_MAX - 1 ? g_strdup("/domain")
							  : place(where, attribute);
	if (import->notes->len == IMPORT_NOTES_MAX - 1)
		why = "there is more that is not listed";
	g_ptr_array_add(import->notes, g_strdup_printf("%s: %s", path, why));
}

struct json_object *import_object(struct json_object *parent, const char *name)
{
	struct json_object *object = json_object_object_get(parent, name);

	if (object)
		return object;
	object = json_object_new_object();
	(void)json_object_object_add(parent, name, object);
	return object;
}

void import_put_text(struct json_object *object, const char *name, const char *value)
{
	if (value)
		(void)json_object_object_add(object, name, json_object_new_string(value));
}

void import_put_number(struct json_object *object, const char *name, uint64_t value)
{
	(void)json_object_object_add(object, name, json_object_new_uint64(value));
}

void import_put_boolean(struct json_object *object, const char *name, gboolean value)
{
	(void)json_object_object_add(object, name, json_object_new_boolean(value));
}

gboolean import_number(struct importing *import, xmlNode *where, const char *text, uint64_t max,
		       uint64_t *ret)
{
	g_autofree char *shown = text ? json_text_excerpt(text) : NULL;
	guint64 value;

	if (!text)
		return FALSE;
	if (!g_ascii_string_to_unsigned(text, 10, 0, max, &value, NULL)) {
		import_fail(import, where, NULL, XML_TREE_ERROR_INVALID,
			    "\"%s\" is not a number from 0 to %" G_GUINT64_FORMAT, shown, max);
		return FALSE;
	}
	*ret = value;
	return TRUE;
}

gboolean import_is_on(const char *text, gboolean fallback)
{
	static const char *const on[] = {"yes", "on", NULL}, *const off[] = {"no", "off", NULL};

	if (text && g_strv_contains(on, text))
		return TRUE;
	return text && g_strv_contains(off, text) ? FALSE : fallback;
}

const char *import_choose(struct importing *import, xmlNode *where, const char *attribute,
			  const char *text, const struct import_choice *choices)
{
	g_autofree char *shown = text ? json_text_excerpt(text) : NULL;

	if (!text)
		return NULL;
	while (choices->theirs && !g_str_equal(choices->theirs, text))
		choices++;
	if (choices->ours && choices->why)
		import_note(import, where, attribute, choices->why);
	else if (!choices->ours)
		import_fail(import, where, attribute, XML_TREE_ERROR_NOT_SUPPORTED, "\"%s\" %s",
			    shown, choices->why ? choices->why : "is not known to vmms");
	return choices->ours;
}
