// SPDX-License-Identifier: LGPL-2.1-or-later
/* JSON out: strings for rows that are written directly, and documents made readable. */
#include <string.h>

#include "output.h"

void json_put_string(FILE *stream, const char *text)
{
	fputc('"', stream);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if (c == '"' || c == '\\')
			fprintf(stream, "\\%c", c);
		else if (c == '\n')
			fputs("\\n", stream);
		else if (c == '\t')
			fputs("\\t", stream);
		else if (c < 0x20 || c == 0x7f)
			fprintf(stream, "\\u%04x", c);
		else
			fputc(c, stream);
	}
	fputc('"', stream);
}

void json_put_document(FILE *stream, struct json_object *object, int indent)
{
	const char *text = json_object_to_json_string_ext(
		object,
		JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);

	for (; text && *text; text++) {
		fputc(*text, stream);
		if (*text == '\n') {
			for (int i = 0; i < indent; i++)
				fputc(' ', stream);
		}
	}
}

/* "kernelCommandLine" -> "Kernel command line". */
static void put_label(FILE *stream, const char *key, int indent, int width)
{
	int n = 0;

	fprintf(stream, "%*s", indent, "");
	for (const char *p = key; *p; p++) {
		bool upper = *p >= 'A' && *p <= 'Z';
		/* Words of capitals (KVM_CAP_...) are names, not words. */
		bool word = upper && p > key && p[-1] >= 'a' && p[-1] <= 'z' && !strchr(key, '_');
		char c = *p;
		if (word)
			n += fputc(' ', stream) != EOF;
		if (word && !(p[1] >= 'A' && p[1] <= 'Z'))
			c = (char)(c - 'A' + 'a');
		if (p == key && c >= 'a' && c <= 'z' && !strchr(key, '_'))
			c = (char)(c - 'a' + 'A');
		n += fputc(c, stream) != EOF;
	}
	fputc(':', stream);
	n++;
	do
		fputc(' ', stream);
	while (++n < width);
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

/* A number whose key says what it is; false: an ordinary one. */
static bool put_known_number(FILE *stream, const char *key, uint64_t value)
{
	char buffer[FORMAT_SIZE];

	if (strcmp(key, "memory") == 0 || ends_with(key, "Bytes") || ends_with(key, "Memory"))
		fprintf(stream, "%s (%llu bytes)", format_size(buffer, value),
			(unsigned long long)value);
	else if (strcmp(key, "uptime") == 0)
		fputs(format_duration(buffer, value), stream);
	else if (strcmp(key, "started") == 0 && value > 0)
		fputs(format_time(buffer, value), stream);
	else
		return false;
	return true;
}

static void put_scalar(FILE *stream, const char *key, struct json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_null:
		fputc('-', stream);
		break;
	case json_type_boolean:
		fputs(json_object_get_boolean(value) ? "yes" : "no", stream);
		break;
	case json_type_string: {
		const char *text = json_object_get_string(value);
		text_print(stream, text[0] ? text : "-");
		break;
	}
	case json_type_int:
	case json_type_double:
		if (json_object_get_double(value) >= 0 &&
		    put_known_number(stream, key, json_object_get_uint64(value)))
			break;
		/* fall through */
	default:
		fputs(json_object_get_string(value), stream);
	}
}

static bool is_scalar(struct json_object *value)
{
	enum json_type type = json_object_get_type(value);

	return type != json_type_object && type != json_type_array;
}

static void put_array(FILE *stream, const char *key, struct json_object *array, int indent)
{
	size_t n = json_object_array_length(array);
	bool inside = n > 0 && !is_scalar(json_object_array_get_idx(array, 0));

	if (n == 0)
		fputc('-', stream);
	for (size_t i = 0; i < n; i++) {
		struct json_object *item = json_object_array_get_idx(array, i);
		if (is_scalar(item)) {
			fputs(i > 0 ? ", " : "", stream);
			put_scalar(stream, key, item);
		} else if (json_object_is_type(item, json_type_object)) {
			fprintf(stream, "\n%*s[%zu]\n", indent + 2, "", i);
			json_render(stream, item, indent + 4);
		} else {
			fprintf(stream, "\n%*s", indent + 2, "");
			put_array(stream, key, item, indent + 2);
		}
	}
	if (!inside)
		fputc('\n', stream);
}

static int label_width(struct json_object *object)
{
	size_t width = 0;

	json_object_object_foreach (object, key, value) {
		(void)value;
		size_t n = strlen(key) + 3; /* colon, two spaces; a word break adds one */
		for (const char *p = key; *p; p++)
			n += *p >= 'A' && *p <= 'Z' && !strchr(key, '_');
		if (n > width)
			width = n;
	}
	return (int)(width < 40 ? width : 40);
}

void json_render(FILE *stream, struct json_object *object, int indent)
{
	int width = label_width(object);

	json_object_object_foreach (object, key, value) {
		put_label(stream, key, indent, width);
		if (json_object_is_type(value, json_type_object)) {
			fputc('\n', stream);
			json_render(stream, value, indent + 2);
		} else if (json_object_is_type(value, json_type_array)) {
			put_array(stream, key, value, indent);
		} else {
			put_scalar(stream, key, value);
			fputc('\n', stream);
		}
	}
}
