// SPDX-License-Identifier: LGPL-2.1-or-later
#include "top_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"

/* From these parts on, waiting is worth a sentence. */
#define READY_HIGH 0.2
#define WAIT_HIGH  0.05 /* one that is idle may wait long for the little that it does */
#define LIMIT_HIGH 0.1

static const char *const sort_names[TOP_SORTS] = {"cpu", "ready", "limit", "exits", "name"};

static const struct column columns[] = {
	{"NAME", COLUMN_SHRINK}, {"STATE", COLUMN_STATE},   {"VCPUS", COLUMN_RIGHT},
	{"CPU%", COLUMN_RIGHT},	 {"READY%", COLUMN_RIGHT},  {"LIMIT%", COLUMN_RIGHT},
	{"DEV%", COLUMN_RIGHT},	 {"EXITS/S", COLUMN_RIGHT},
};

#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))

void top_rows_clear(struct top_rows *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		free(rows->rows[i].uuid);
		free(rows->rows[i].name);
		free(rows->rows[i].state);
	}
	free(rows->rows);
	*rows = (struct top_rows){0};
}

struct top_row *top_rows_add(struct top_rows *rows)
{
	struct top_row *grown = reallocarray(rows->rows, rows->n + 1, sizeof(*grown));

	if (!grown)
		return NULL;
	rows->rows = grown;
	grown[rows->n] = (struct top_row){0};
	return &grown[rows->n++];
}

static struct rate scaled(struct rate rate, double by)
{
	return (struct rate){rate.known, rate.value * by};
}

static void row_compare(struct top_row *now, const struct vm_stats *then)
{
	const struct vm_stats *stats = &now->stats;
	struct rate used = rate_between(then, stats, then->used, stats->used);
	struct rate ready = rate_between(then, stats, then->ready, stats->ready);

	now->cpu = scaled(used, 1e-9);
	now->ready = rate_ready(used, ready);
	now->waiting = scaled(ready, 1e-9);
	now->limit = scaled(rate_between(then, stats, then->throttled, stats->throttled), 1e-9);
	now->devices = scaled(rate_between(then, stats, then->others, stats->others), 1e-9);
	now->exits = rate_between(then, stats, then->exits, stats->exits);
}

void top_rows_compare(struct top_rows *now, const struct top_rows *then)
{
	for (size_t i = 0; i < now->n; i++) {
		for (size_t k = 0; k < then->n; k++) {
			if (strcmp(now->rows[i].uuid, then->rows[k].uuid) == 0)
				row_compare(&now->rows[i], &then->rows[k].stats);
		}
	}
}

static struct rate sort_key(const struct top_row *row, enum top_sort by)
{
	const struct rate keys[TOP_SORTS] = {
		[TOP_BY_CPU] = row->cpu,
		[TOP_BY_READY] = row->ready,
		[TOP_BY_LIMIT] = row->limit,
		[TOP_BY_EXITS] = row->exits,
	};

	return keys[by];
}

static int compare_rows(const void *a, const void *b, void *context)
{
	const struct top_row *x = a, *y = b;
	enum top_sort by = *(const enum top_sort *)context;
	struct rate s = sort_key(x, by), t = sort_key(y, by);

	if (s.known != t.known)
		return s.known ? -1 : 1;
	if (s.known && (s.value > t.value || s.value < t.value))
		return s.value > t.value ? -1 : 1;
	return strcmp(x->name, y->name);
}

void top_rows_sort(struct top_rows *rows, enum top_sort by)
{
	if (rows->n > 1)
		qsort_r(rows->rows, rows->n, sizeof(*rows->rows), compare_rows, &by);
}

const char *top_sort_name(enum top_sort by)
{
	return sort_names[by];
}

int top_sort_find(const char *name)
{
	for (int i = 0; i < TOP_SORTS; i++) {
		if (strcmp(sort_names[i], name) == 0)
			return i;
	}
	return -1;
}

static void put_rate(char cell[FORMAT_SIZE], struct rate rate, double scale)
{
	if (rate.known)
		snprintf(cell, FORMAT_SIZE, "%.0f", rate.value * scale);
	else
		snprintf(cell, FORMAT_SIZE, "-");
}

static bool put_row(struct table *table, const struct top_row *row)
{
	char cells[6][FORMAT_SIZE];

	snprintf(cells[0], FORMAT_SIZE, "%u", row->vcpus);
	put_rate(cells[1], row->cpu, 100);
	put_rate(cells[2], row->ready, 100);
	put_rate(cells[3], row->limit, 100);
	put_rate(cells[4], row->devices, 100);
	put_rate(cells[5], row->exits, 1);
	const char *texts[N_COLUMNS] = {row->name, row->state, cells[0], cells[1],
					cells[2],  cells[3],   cells[4], cells[5]};
	return table_add(table, texts);
}

bool top_print_table(const struct top_rows *rows, size_t first, size_t limit)
{
	struct table *table = table_new(columns, N_COLUMNS);
	bool done = table != NULL;

	for (size_t i = first; done && i < rows->n && i - first < limit; i++)
		done = put_row(table, &rows->rows[i]);
	if (done)
		table_print(table);
	table_free(table);
	return done;
}

void top_hint(const struct top_rows *rows, char *buffer, size_t size)
{
	const struct top_row *worst = NULL;

	buffer[0] = '\0';
	for (size_t i = 0; i < rows->n; i++) {
		const struct top_row *row = &rows->rows[i];

		if (row->ready.known && row->ready.value >= READY_HIGH &&
		    row->waiting.value >= WAIT_HIGH &&
		    (!worst || row->ready.value > worst->ready.value))
			worst = row;
	}
	if (!worst)
		return;
	if (worst->limit.known && worst->limit.value >= LIMIT_HIGH)
		snprintf(buffer, size,
			 "%s waits %.0f%% of its time, held by its limit: raise --limit",
			 worst->name, worst->ready.value * 100);
	else
		snprintf(buffer, size, "%s waits %.0f%% of its time for a CPU: %s", worst->name,
			 worst->ready.value * 100,
			 worst->stats.only_affinity ? "give it others by --affinity"
						    : "raise --weight, or --affinity");
}
