// SPDX-License-Identifier: LGPL-2.1-or-later
/* JSON out: strings for rows that are written directly, and documents made readable. */
#include <stdlib.h>
#include <string.h>

#include "output.h"

#define LABEL_SIZE 48

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

/* A document as it is being rendered. */
struct render {
	FILE *stream;
	size_t width; /* of the terminal, or 0: lines are not broken */
};

/* Keys that are not made of ordinary words. */
static const struct {
	const char *key, *label;
} labels[] = {
	{"uuid", "UUID"},
	{"kvm", "KVM"},
	{"cpu", "CPU"},
	{"cpus", "CPUs"},
	{"workerPid", "Worker PID"},
	{"apiVersion", "API version"},
	{"cpuWeight", "CPU weight"},
	{"numaNode", "NUMA node"},
	{"vcpuAffinity", "VCPU affinity"},
	{"maxVps", "Max VPs"},
	{"cmdline", "Command line"},
	{"nics", "Adapters"},
	{"mac", "MAC"},
	{"mtu", "MTU"},
	{"lun", "LUN"},
	{"iops", "IOPS"},
	{"tscInvariant", "TSC invariant"},
	{"vpRuntime", "VP runtime"},
	{"referenceTsc", "Reference TSC"},
	{"synic", "SynIC"},
	{"os", "OS"},
	{"vmbus", "VMBus"},
};

/* "engineReason" -> "Engine reason"; a name in capitals (KVM_CAP_...) stays. Keys may be a guest's
 * own words: what is too long is cut, and the label is to be printed as foreign text. */
static void make_label(char label[LABEL_SIZE], const char *key)
{
	size_t n = 0;

	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		if (strcmp(labels[i].key, key) == 0) {
			snprintf(label, LABEL_SIZE, "%s", labels[i].label);
			return;
		}
	}
	const char *p;
	for (p = key; *p && n + 2 < LABEL_SIZE; p++) {
		bool word = *p >= 'A' && *p <= 'Z' && p > key && p[-1] >= 'a' && p[-1] <= 'z';
		if (word)
			label[n++] = ' ';
		label[n++] = (char)(word && !(p[1] >= 'A' && p[1] <= 'Z') ? *p - 'A' + 'a' : *p);
	}
	/* Not in the middle of a UTF-8 sequence. */
	while (n > 0 && ((unsigned char)*p & 0xc0) == 0x80) {
		n--;
		p--;
	}
	label[n] = '\0';
	if (label[0] >= 'a' && label[0] <= 'z')
		label[0] = (char)(label[0] - 'a' + 'A');
}

/* Breaks between words; what follows a break stands under the beginning, at `column`. */
static void put_text(const struct render *render, const char *text, size_t column)
{
	size_t at = column;

	while (render->width > column + 20 && at + text_width(text) > render->width) {
		size_t room = text_bytes(text, render->width - at), cut = room;
		while (cut > 0 && text[cut] != ' ')
			cut--;
		if (cut == 0)
			break;
		char *line = strndup(text, cut);
		text_print(render->stream, line ? line : "");
		free(line);
		fprintf(render->stream, "\n%*s", (int)column, "");
		at = column;
		text += cut + 1;
	}
	text_print(render->stream, text);
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

/* A number whose key, or that of the object around it, says what it is; false: an ordinary one. */
static bool put_known_number(FILE *stream, const char *parent, const char *key, uint64_t value)
{
	char buffer[FORMAT_SIZE];

	if (strcmp(key, "memory") == 0 || strcmp(parent, "memory") == 0 || ends_with(key, "Bytes"))
		fprintf(stream, "%s (%llu bytes)", format_size(buffer, value),
			(unsigned long long)value);
	else if (strcmp(key, "bandwidth") == 0 && value > 0)
		fprintf(stream, "%s/s", format_size(buffer, value));
	else if (strcmp(parent, "frequencies") == 0)
		fprintf(stream, "%llu kHz", (unsigned long long)value);
	else if (strcmp(key, "latency") == 0)
		fprintf(stream, "%llu microseconds", (unsigned long long)value);
	else if (strcmp(key, "uptime") == 0)
		fputs(format_duration(buffer, value), stream);
	else if ((strcmp(key, "started") == 0 || strcmp(key, "savedAt") == 0) && value > 0)
		fputs(format_time(buffer, value), stream);
	else
		return false;
	return true;
}

static void put_scalar(const struct render *render, const char *parent, const char *key,
		       struct json_object *value, size_t column)
{
	switch (json_object_get_type(value)) {
	case json_type_null:
		fputc('-', render->stream);
		break;
	case json_type_boolean:
		fputs(json_object_get_boolean(value) ? "yes" : "no", render->stream);
		break;
	case json_type_string: {
		const char *text = json_object_get_string(value);
		put_text(render, text[0] ? text : "-", column);
		break;
	}
	default:
		if (json_object_get_double(value) < 0 ||
		    !put_known_number(render->stream, parent, key, json_object_get_uint64(value)))
			fputs(json_object_get_string(value), render->stream);
	}
}

static bool is_scalar(struct json_object *value)
{
	enum json_type type = json_object_get_type(value);

	return type != json_type_object && type != json_type_array;
}

static void render_object(const struct render *render, const char *parent,
			  struct json_object *object, int indent);

/* Each item on lines of its own. */
static void render_items(const struct render *render, const char *key, struct json_object *array,
			 int indent)
{
	size_t n = json_object_array_length(array);

	for (size_t i = 0; i < n; i++) {
		struct json_object *item = json_object_array_get_idx(array, i);
		fprintf(render->stream, "%*s[%zu]", indent, "", i);
		if (json_object_is_type(item, json_type_object)) {
			fputc('\n', render->stream);
			render_object(render, key, item, indent + 2);
			continue;
		}
		fprintf(render->stream, " %s\n", json_object_to_json_string(item));
	}
}

/* An array whose items are all scalars is one line. */
static bool is_flat(struct json_object *value)
{
	size_t n = json_object_array_length(value);

	for (size_t i = 0; i < n; i++) {
		if (!is_scalar(json_object_array_get_idx(value, i)))
			return false;
	}
	return true;
}

static void put_flat(const struct render *render, const char *key, struct json_object *array,
		     size_t column)
{
	size_t n = json_object_array_length(array);

	if (n == 0)
		fputc('-', render->stream);
	for (size_t i = 0; i < n; i++) {
		fputs(i > 0 ? ", " : "", render->stream);
		put_scalar(render, "", key, json_object_array_get_idx(array, i), column);
	}
	fputc('\n', render->stream);
}

static int label_width(struct json_object *object)
{
	char label[LABEL_SIZE];
	size_t width = 0;

	json_object_object_foreach (object, key, value) {
		make_label(label, key);
		bool inside = is_scalar(value) ||
			      (json_object_is_type(value, json_type_array) && is_flat(value));
		if (inside && text_width(label) > width)
			width = text_width(label);
	}
	return (int)width + 3; /* the colon and two spaces */
}

static void render_object(const struct render *render, const char *parent,
			  struct json_object *object, int indent)
{
	const int width = label_width(object);
	const size_t column = (size_t)indent + (size_t)width;
	char label[LABEL_SIZE];

	json_object_object_foreach (object, key, value) {
		make_label(label, key);
		fprintf(render->stream, "%*s", indent, "");
		text_print(render->stream, label);
		fputc(':', render->stream);
		if (json_object_is_type(value, json_type_object)) {
			fputc('\n', render->stream);
			render_object(render, key, value, indent + 2);
			continue;
		}
		bool array = json_object_is_type(value, json_type_array);
		if (array && !is_flat(value)) {
			fputc('\n', render->stream);
			render_items(render, key, value, indent + 2);
			continue;
		}
		fprintf(render->stream, "%*s", width - 1 - (int)text_width(label), "");
		if (array) {
			put_flat(render, key, value, column);
			continue;
		}
		put_scalar(render, parent, key, value, column);
		fputc('\n', render->stream);
	}
}

void json_render(FILE *stream, struct json_object *object)
{
	const struct render render = {stream, stream == stdout ? output_width() : 0};

	render_object(&render, "", object, 0);
}
