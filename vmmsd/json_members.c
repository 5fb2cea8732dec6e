/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json_members.h"

#include <string.h>

#include "json_text.h"
#include "service_error.h"

/* One open object or array. */
struct level {
	GHashTable *seen; /* names of the object so far (owned by the set); NULL in an array */
	const char *name; /* the member we are in; borrowed from seen */
	size_t index;	  /* the element we are in */
	gboolean want_name;
};

struct scan {
	const char *at;
	struct level levels[JSON_TEXT_MAX_DEPTH + 1];
	size_t depth;
};

static void scan_clear(struct scan *scan)
{
	while (scan->depth > 0)
		g_clear_pointer(&scan->levels[--scan->depth].seen, g_hash_table_unref);
}

/* The path of the innermost open object or array, or of the value in it. */
static char *scan_path(const struct scan *scan, gboolean with_value)
{
	g_autoptr(GString) path = g_string_new("$");
	size_t depth = with_value || scan->depth == 0 ? scan->depth : scan->depth - 1;

	for (size_t i = 0; i < depth; i++) {
		if (!scan->levels[i].seen)
			json_path_append_index(path, scan->levels[i].index);
		else if (scan->levels[i].name)
			json_path_append_member(path, scan->levels[i].name);
	}
	return g_string_free(g_steal_pointer(&path), FALSE);
}

static gboolean fail(const struct scan *scan, gboolean with_value, const char *what, GError **error)
{
	g_autofree char *path = scan_path(scan, with_value);

	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_DEFINITION, "%s: %s", path, what);
	return FALSE;
}

/* The length of the string token at `at`, quotes included. */
static size_t token_length(const char *at)
{
	const char *c = at + 1;

	while (*c != '"' && *c) {
		if (*c == '\\' && c[1])
			c++;
		c++;
	}
	return (size_t)(c - at) + (*c == '"');
}

static gboolean has_control(const char *at, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if ((unsigned char)at[i] < 0x20)
			return TRUE;
	}
	return FALSE;
}

/* json-c itself turns the escapes back, so that both agree on which names are the same. */
static struct json_object *token_decode(const char *at, size_t length)
{
	g_autofree char *token = g_strndup(at, length);

	return json_tokener_parse(token);
}

/* Takes over the name. */
static gboolean take_name(struct scan *scan, char *name, GError **error)
{
	struct level *level = &scan->levels[scan->depth - 1];

	/* The set frees the new name when it has one already, so look at it before. */
	if (g_hash_table_contains(level->seen, name)) {
		g_autofree char *excerpt = json_text_excerpt(name);
		g_autofree char *what =
			g_strdup_printf("the member %s is given twice; keep one", excerpt);
		g_free(name);
		return fail(scan, FALSE, what, error);
	}
	g_hash_table_add(level->seen, name);
	level->name = name;
	level->want_name = FALSE;
	return TRUE;
}

/* A string with escapes; only an escape can bring a NUL. */
static gboolean scan_escaped(struct scan *scan, size_t length, gboolean is_name, GError **error)
{
	g_autoptr(json_value_t) string = token_decode(scan->at, length);

	if (!json_object_is_type(string, json_type_string))
		return fail(scan, !is_name, "unreadable string", error);
	const char *text = json_object_get_string(string);
	if (strlen(text) != (size_t)json_object_get_string_len(string))
		return fail(scan, !is_name,
			    is_name ? "a member name contains a NUL character"
				    : "the string contains a NUL character",
			    error);
	return !is_name || take_name(scan, g_strdup(text), error);
}

static gboolean scan_string(struct scan *scan, GError **error)
{
	size_t length = token_length(scan->at);
	struct level *level = scan->depth > 0 ? &scan->levels[scan->depth - 1] : NULL;
	gboolean is_name = level && level->want_name, ok = TRUE;

	if (has_control(scan->at, length))
		return fail(scan, !is_name,
			    "a string contains a control character; write it as an escape", error);
	if (memchr(scan->at, '\\', length))
		ok = scan_escaped(scan, length, is_name, error);
	else if (is_name)
		ok = take_name(scan, g_strndup(scan->at + 1, length - 2), error);
	scan->at += length;
	return ok;
}

static gboolean scan_open(struct scan *scan, GError **error)
{
	if (scan->depth >= G_N_ELEMENTS(scan->levels))
		return fail(scan, TRUE, "nested too deep", error);
	gboolean object = *scan->at == '{';
	scan->levels[scan->depth++] = (struct level){
		.seen = object ? g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL)
			       : NULL,
		.want_name = object,
	};
	return TRUE;
}

static void scan_separator(struct scan *scan)
{
	struct level *level = scan->depth > 0 ? &scan->levels[scan->depth - 1] : NULL;

	if (!level)
		return;
	if (*scan->at == ',') {
		level->want_name = level->seen != NULL;
		level->index++;
	} else {
		g_clear_pointer(&level->seen, g_hash_table_unref);
		scan->depth--;
	}
}

gboolean json_members_check(const char *text, GError **error)
{
	struct scan scan = {.at = text};
	gboolean ok = TRUE;

	while (ok && *scan.at) {
		switch (*scan.at) {
		case '"':
			ok = scan_string(&scan, error);
			continue;
		case '\'': /* json-c takes it around names, even when it is strict */
			ok = fail(&scan, FALSE, "names are quoted with \", not with '", error);
			continue;
		case '{':
		case '[':
			ok = scan_open(&scan, error);
			break;
		case ',':
		case '}':
		case ']':
			scan_separator(&scan);
			break;
		default:
			break;
		}
		scan.at++;
	}
	scan_clear(&scan);
	return ok;
}
