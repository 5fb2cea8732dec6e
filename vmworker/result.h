/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a VM ended, for whoever reads the result file after the worker is gone. */
#ifndef RESULT_H
#define RESULT_H

#include <glib.h>
#include <stdbool.h>

/* X(symbol, the word in the file) */
#define RESULT_HOWS(X)                  \
	X(POWER_OFF, "power-off")       \
	X(RESET, "reset")               \
	X(TRIPLE_FAULT, "triple-fault") \
	X(PANIC, "panic")               \
	X(STOP, "stop")                 \
	X(SAVE, "save")                 \
	X(ERROR, "error")               \
	X(SIGNAL, "signal")

enum result_how {
#define X(sym, word) RESULT_HOW_##sym,
	RESULT_HOWS(X)
#undef X
		RESULT_HOW_N
};

struct result {
	bool crashed; /* "crashed", else "off", or "saved" after a save */
	enum result_how how;
	char *reason; /* a clause, g_free */
};

const char *result_how_name(enum result_how how);
/* "off", "crashed", "saved": what becomes of the VM. */
const char *result_state_name(const struct result *result);

/* One JSON line, newline included: {"state":…,"reason":…,"how":…}. Bytes of the reason that are not
 * UTF-8 are replaced, control characters escaped. g_free. */
char *result_format(const struct result *result);

/* Writes it with one pwrite at offset 0. FALSE and errno in *error (WORKER_ERROR FAILED). */
gboolean result_write(int fd, const struct result *result, GError **error);

#endif
