// SPDX-License-Identifier: LGPL-2.1-or-later
/* Tables that fit the terminal. */
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "output.h"

#define SHRINK_MIN 8 /* a column is never cut narrower than this */

struct table {
	const struct column *columns;
	size_t n, rows, capacity;
	char **cells; /* rows * n */
	size_t width[TABLE_COLUMNS];
};

size_t output_width(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO))
		return 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return 80;
}

bool output_has_colour(void)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	if (no_color && no_color[0])
		return false;
	return isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") != 0;
}

const char *output_ellipsis(void)
{
	setlocale(LC_CTYPE, "");
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0 ? "\xe2\x80\xa6" : "~";
}

struct table *table_new(const struct column *columns, size_t n)
{
	struct table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->columns = columns;
	table->n = n;
	for (size_t i = 0; i < n; i++)
		table->width[i] = strlen(columns[i].title);
	return table;
}

void table_free(struct table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->rows * table->n; i++)
		free(table->cells[i]);
	free(table->cells);
	free(table);
}

bool table_add(struct table *table, const char *const *cells)
{
	if (table->rows == table->capacity) {
		size_t capacity = table->capacity ? 2 * table->capacity : 32;
		char **grown = reallocarray(table->cells, capacity, table->n * sizeof(*grown));
		if (!grown)
			return false;
		table->cells = grown;
		table->capacity = capacity;
	}
	char **row = table->cells + table->rows * table->n;
	for (size_t i = 0; i < table->n; i++) {
		row[i] = strdup(cells[i]);
		if (!row[i]) {
			while (i > 0)
				free(row[--i]);
			return false;
		}
		size_t width = text_width(cells[i]);
		if (width > table->width[i])
			table->width[i] = width;
	}
	table->rows++;
	return true;
}

/* Takes from the widest column that may be cut until everything fits, or nothing more can be cut.
 */
static void shrink(const struct table *table, size_t *width, size_t limit)
{
	for (;;) {
		size_t total = 2 * (table->n - 1), widest = table->n;
		for (size_t i = 0; i < table->n; i++) {
			total += width[i];
			if ((table->columns[i].flags & COLUMN_SHRINK) && width[i] > SHRINK_MIN &&
			    (widest == table->n || width[i] > width[widest]))
				widest = i;
		}
		if (total <= limit || widest == table->n)
			return;
		width[widest]--;
	}
}

static const char *state_colour(const char *state)
{
	static const struct {
		const char *state, *colour;
	} colours[] = {
		{"running", "\033[32m"},  {"paused", "\033[33m"},    {"crashed", "\033[31m"},
		{"starting", "\033[36m"}, {"stopping", "\033[36m"},  {"pausing", "\033[36m"},
		{"saving", "\033[36m"},	  {"restoring", "\033[36m"}, {"saved", "\033[34m"},
	};

	for (size_t i = 0; i < sizeof(colours) / sizeof(colours[0]); i++) {
		if (strcmp(colours[i].state, state) == 0)
			return colours[i].colour;
	}
	return NULL;
}

static void pad(size_t n)
{
	static const char spaces[] = "                                ";

	while (n > 0) {
		size_t part = n < sizeof(spaces) - 1 ? n : sizeof(spaces) - 1;
		fwrite_unlocked(spaces, 1, part, stdout);
		n -= part;
	}
}

static void cell_print(const char *text, size_t width, bool cut, const char *ellipsis)
{
	if (!cut) {
		text_print(stdout, text);
		return;
	}
	char *head = strndup(text, text_bytes(text, width - 1));
	if (head)
		text_print(stdout, head);
	free(head);
	fputs(ellipsis, stdout);
}

static void row_print(const struct table *table, char *const *row, const size_t *width,
		      const char *ellipsis, bool colour)
{
	for (size_t i = 0; i < table->n; i++) {
		size_t has = text_width(row[i]);
		bool cut = has > width[i];
		size_t gap = cut ? 0 : width[i] - has;
		const char *sequence = NULL;

		if (colour && (table->columns[i].flags & COLUMN_STATE))
			sequence = state_colour(row[i]);
		if (table->columns[i].flags & COLUMN_RIGHT)
			pad(gap);
		if (sequence)
			fputs(sequence, stdout);
		cell_print(row[i], width[i], cut, ellipsis);
		if (sequence)
			fputs("\033[0m", stdout);
		if (i + 1 == table->n)
			break;
		if (!(table->columns[i].flags & COLUMN_RIGHT))
			pad(gap);
		pad(2);
	}
	putchar_unlocked('\n');
}

void table_print(const struct table *table)
{
	size_t width[TABLE_COLUMNS], limit = output_width();
	const char *titles[TABLE_COLUMNS], *ellipsis = "~";
	bool colour = output_has_colour();

	memcpy(width, table->width, sizeof(width));
	if (limit > 0) {
		shrink(table, width, limit);
		ellipsis = output_ellipsis();
	}
	for (size_t i = 0; i < table->n; i++)
		titles[i] = table->columns[i].title;
	row_print(table, (char *const *)titles, width, ellipsis, false);
	for (size_t i = 0; i < table->rows; i++)
		row_print(table, table->cells + i * table->n, width, ellipsis, colour);
}
