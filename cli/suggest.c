// SPDX-License-Identifier: LGPL-2.1-or-later
/* "Did you mean": the nearest of a few words, by edit distance. */
#include <string.h>

#include "cli.h"

#define WORD_MAX 32

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Optimal string alignment: insert, delete, replace, swap of neighbours. */
static unsigned distance(const char *a, const char *b)
{
	unsigned d[3][WORD_MAX + 1];
	size_t n = strlen(a), m = strlen(b);

	for (size_t j = 0; j <= m; j++)
		d[0][j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned *row = d[i % 3], *above = d[(i - 1) % 3], *above2 = d[(i + 1) % 3];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned cost = a[i - 1] != b[j - 1];
			row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + cost);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    above2[j - 2] + 1 < row[j])
				row[j] = above2[j - 2] + 1;
		}
	}
	return d[n % 3][m];
}

const char *suggest(const char *word, const char *const *candidates)
{
	size_t length = strlen(word);
	const char *best = NULL;
	unsigned best_distance = length <= 4 ? 2 : 3; /* this far is too far */

	if (length == 0 || length > WORD_MAX)
		return NULL;
	for (; *candidates; candidates++) {
		if (strlen(*candidates) > WORD_MAX)
			continue;
		/* "shut" for "shutdown" is nearer than any misspelling. */
		unsigned d = length >= 3 && strncmp(*candidates, word, length) == 0
				     ? 1
				     : distance(word, *candidates);
		if (d < best_distance) {
			best_distance = d;
			best = *candidates;
		}
	}
	return best;
}
