/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Compiled in every build, so that it does not rot; linked where somebody calls it. */
#undef VMMS_RECORD
#define VMMS_RECORD 1
#include "record.h"

#include <stdio.h>
#include <unistd.h>

/* Bytes of either part: more than the largest seed takes. */
#define RECORD_PART 1280u
/* Pieces whose length is told. */
#define RECORD_PIECES 8u

struct line {
	char text[4 * RECORD_PART + 512];
	size_t n;
};

static void line_hex(struct line *line, const struct iovec *parts, unsigned int n)
{
	static const char digits[] = "0123456789abcdef";
	size_t start = line->n, left = RECORD_PART;

	for (unsigned int i = 0; i < n && left > 0; i++) {
		const uint8_t *bytes = parts[i].iov_base;

		for (size_t j = 0; j < parts[i].iov_len && left > 0; j++, left--) {
			line->text[line->n++] = digits[bytes[j] >> 4];
			line->text[line->n++] = digits[bytes[j] & 15];
		}
	}
	if (line->n == start)
		line->text[line->n++] = '-';
}

static void line_lengths(struct line *line, const struct iovec *parts, unsigned int n)
{
	line->text[line->n++] = ' ';
	for (unsigned int i = 0; i < n && i < RECORD_PIECES; i++)
		line->n += (size_t)sprintf(line->text + line->n, "%s%zu", i > 0 ? "," : "",
					   parts[i].iov_len);
	if (n == 0)
		line->text[line->n++] = '-';
	line->text[line->n++] = ' ';
}

void record_traffic(const char *kind, unsigned int type, unsigned int flags,
		    const struct iovec *payload, const struct iovec *buffer, unsigned int n_buffer)
{
	struct line line;

	line.n = (size_t)sprintf(line.text, "vmms-record %.32s %u %u ", kind, type, flags);
	line_hex(&line, payload, payload ? 1 : 0);
	line_lengths(&line, buffer, n_buffer);
	line_hex(&line, buffer, n_buffer);
	line.text[line.n++] = '\n';
	(void)!write(STDERR_FILENO, line.text, line.n);
}
