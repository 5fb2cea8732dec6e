/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A function of emulator.h on the caller's thread. A call may outlast who waits for it, but never
 * the emulator: who frees that waits for the caller first. */
#ifndef REQUEST_H
#define REQUEST_H

#include "caller.h"
#include "emulator.h"

typedef gboolean (*request_make)(struct emulator *emulator, GError **error);

struct call request_new(struct emulator *emulator, request_make make);
/* As caller_call. */
gboolean request_ask(struct caller *caller, struct emulator *emulator, request_make make,
		     uint32_t timeout_ms, GError **error);
/* A make that goes well after its time is undone by undo. */
gboolean request_ask_or_undo(struct caller *caller, struct emulator *emulator, request_make make,
			     request_make undo, uint32_t timeout_ms, GError **error);

#endif
