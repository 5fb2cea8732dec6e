/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double bench_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

void bench_add(struct bench_series *series, double value)
{
	if (series->n < sizeof(series->values) / sizeof(series->values[0]))
		series->values[series->n++] = value;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double quantile(const struct bench_series *series, double q)
{
	double sorted[sizeof(series->values) / sizeof(series->values[0])];

	if (series->n == 0)
		return 0;
	memcpy(sorted, series->values, series->n * sizeof(sorted[0]));
	qsort(sorted, series->n, sizeof(sorted[0]), compare);
	return sorted[(size_t)(q * (double)(series->n - 1) + 0.5)];
}

double bench_median(const struct bench_series *series)
{
	return quantile(series, 0.5);
}

double bench_min(const struct bench_series *series)
{
	return quantile(series, 0);
}

double bench_max(const struct bench_series *series)
{
	return quantile(series, 1);
}

void bench_print_header(void)
{
	printf("%-44s %-6s %4s %10s %10s %10s  %s\n", "what", "unit", "n", "min", "median", "max",
	       "target");
}

void bench_print_row(const char *name, const char *unit, const struct bench_series *series,
		     const char *note)
{
	printf("%-44s %-6s %4zu %10.3f %10.3f %10.3f  %s\n", name, unit, series->n,
	       bench_min(series), bench_median(series), bench_max(series), note);
	fflush(stdout);
}
