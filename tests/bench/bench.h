/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the bench programs share: a clock, medians, and the table that they print. */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>

struct bench_series {
	double values[512]; /* in the order of the runs */
	size_t n;
};

double bench_now_ms(void); /* monotonic */
void bench_add(struct bench_series *series, double value);
double bench_median(const struct bench_series *series);
double bench_min(const struct bench_series *series);
double bench_max(const struct bench_series *series);

/* One row: name, unit, n, min, median, max, and `note` (the target, or ""). */
void bench_print_header(void);
void bench_print_row(const char *name, const char *unit, const struct bench_series *series,
		     const char *note);

#endif
