/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What hvctl prints on standard output: tables, JSON, readable documents. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* -- text.c -- */

/* Text from elsewhere on a terminal: control characters become '?', so that none moves the cursor.
 */
void text_print(FILE *stream, const char *text);
/* Characters of UTF-8, and the bytes of the first n of them. */
size_t text_width(const char *text);
size_t text_bytes(const char *text, size_t width);

#define FORMAT_SIZE 32
/* "512M", "1.5G", "1536K"; exact or rounded to a tenth. */
const char *format_size(char buffer[FORMAT_SIZE], uint64_t bytes);
/* "12s", "3m04s", "5h12m", "3d04h". */
const char *format_duration(char buffer[FORMAT_SIZE], uint64_t seconds);
/* Local "2026-11-22 01:28:37". */
const char *format_time(char buffer[FORMAT_SIZE], uint64_t usec);
/* Seconds since `started` (realtime µs, 0: not running, then 0). */
uint64_t uptime_of(uint64_t started);

/* -- table.c -- */

#define TABLE_COLUMNS 8

enum column_flag {
	COLUMN_RIGHT = 1,  /* right-aligned */
	COLUMN_SHRINK = 2, /* may be cut with an ellipsis when the terminal is narrow */
	COLUMN_STATE = 4,  /* coloured by the state in it */
};

struct column {
	const char *title;
	int flags;
};

struct table;

/* `columns` (n <= TABLE_COLUMNS) is borrowed. NULL: out of memory. */
struct table *table_new(const struct column *columns, size_t n);
void table_free(struct table *table);
/* Copies n cells; false: out of memory. */
bool table_add(struct table *table, const char *const *cells);
/* Titles and rows. Only a terminal is cut to its width; a pipe gets everything. */
void table_print(const struct table *table);

/* Columns of the terminal on standard output, or 0 when it is none. */
size_t output_width(void);
bool output_has_colour(void);
/* How an ellipsis is written in this locale: one character wide. */
const char *output_ellipsis(void);

/* -- json_text.c -- */

/* A JSON string with its quotes. */
void json_put_string(FILE *stream, const char *text);
/* "Key:  value" lines of an object, nested by indentation, broken at the width of a terminal. */
void json_render(FILE *stream, struct json_object *object);
/* The document, pretty, with a newline. */
void json_put_document(FILE *stream, struct json_object *object, int indent);

#endif
