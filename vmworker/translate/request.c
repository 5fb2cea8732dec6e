/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "request.h"

struct request {
	struct emulator *emulator;
	request_make make, undo;
};

static gboolean make(void *data, GError **error)
{
	const struct request *request = data;

	return request->make(request->emulator, error);
}

static void undo(void *data)
{
	const struct request *request = data;

	(void)request->undo(request->emulator, NULL);
}

struct call request_new(struct emulator *emulator, request_make wanted)
{
	struct request *request = g_new0(struct request, 1);

	*request = (struct request){.emulator = emulator, .make = wanted};
	return (struct call){.make = make, .free = g_free, .data = request};
}

gboolean request_ask(struct caller *caller, struct emulator *emulator, request_make wanted,
		     uint32_t timeout_ms, GError **error)
{
	const struct call call = request_new(emulator, wanted);

	return caller_call(caller, &call, timeout_ms, error);
}

gboolean request_ask_or_undo(struct caller *caller, struct emulator *emulator, request_make wanted,
			     request_make back, uint32_t timeout_ms, GError **error)
{
	struct call call = request_new(emulator, wanted);

	((struct request *)call.data)->undo = back;
	call.late = undo;
	return caller_call(caller, &call, timeout_ms, error);
}
