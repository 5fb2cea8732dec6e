/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ic_shutdown.h"

#include <string.h>

#include "ic_wire.h"
#include "utf16.h"

#define SHUTDOWN_FLAG_FORCE	0x1u
#define SHUTDOWN_FLAG_REBOOT	0x2u
#define SHUTDOWN_FLAG_HIBERNATE 0x4u

/* "Other (planned)" of Windows' system shutdown reason codes. */
#define SHUTDOWN_REASON_PLANNED 0x80000000u

struct shutdown_wire {
	uint32_t reason;
	uint32_t timeout_seconds; /* until programs are ended by force */
	uint32_t flags;
	uint8_t message[2048]; /* UTF-16 */
};
static_assert(sizeof(struct shutdown_wire) == 2060, "wire");

struct ic_shutdown {
	struct ic *ic;
	void (*available)(void *context, bool is);
	void *context;
	uint8_t id; /* of the request under way, 0: none */
	struct ic_shutdown_request request;
};

/* 3.1 brought the restart, 3.2 the hibernation. */
static const struct ic_version shutdown_versions[] = {{1, 0}, {3, 0}, {3, 1}, {3, 2}};

static const struct {
	uint32_t flags;
	struct ic_version since;
} shutdown_kinds[] = {
	[IC_SHUTDOWN_POWER_OFF] = {0, {1, 0}},
	[IC_SHUTDOWN_REBOOT] = {SHUTDOWN_FLAG_REBOOT, {3, 1}},
	[IC_SHUTDOWN_HIBERNATE] = {SHUTDOWN_FLAG_HIBERNATE, {3, 2}},
};

static void shutdown_finish(struct ic_shutdown *shutdown, enum ic_shutdown_result result)
{
	struct ic_shutdown_request request = shutdown->request;

	if (shutdown->id == 0)
		return;
	ic_forget(shutdown->ic, shutdown->id);
	ic_arm(shutdown->ic, 0);
	shutdown->id = 0;
	request.done(request.context, result);
}

static void shutdown_ready(void *context, struct ic_version version G_GNUC_UNUSED)
{
	struct ic_shutdown *shutdown = context;

	if (shutdown->available)
		shutdown->available(shutdown->context, true);
}

static void shutdown_gone(void *context)
{
	struct ic_shutdown *shutdown = context;

	shutdown_finish(shutdown, IC_SHUTDOWN_GONE);
	if (shutdown->available)
		shutdown->available(shutdown->context, false);
}

static void shutdown_answered(void *context, uint8_t id, uint32_t status,
			      const uint8_t *body G_GNUC_UNUSED, size_t size G_GNUC_UNUSED)
{
	struct ic_shutdown *shutdown = context;

	if (id == shutdown->id)
		shutdown_finish(shutdown, status == IC_STATUS_OK ? IC_SHUTDOWN_ACCEPTED
								 : IC_SHUTDOWN_REFUSED);
}

static void shutdown_expired(void *context)
{
	shutdown_finish(context, IC_SHUTDOWN_UNANSWERED);
}

static void shutdown_hold(void *context)
{
	shutdown_finish(context, IC_SHUTDOWN_GONE);
}

static const struct ic_ops shutdown_ops = {
	.ready = shutdown_ready,
	.gone = shutdown_gone,
	.answered = shutdown_answered,
	.expired = shutdown_expired,
	.hold = shutdown_hold,
};

static bool shutdown_send(struct ic_shutdown *shutdown, const struct ic_shutdown_request *request)
{
	struct shutdown_wire wire = {
		.reason = SHUTDOWN_REASON_PLANNED,
		.flags = shutdown_kinds[request->kind].flags,
	};

	if (request->force)
		wire.flags |= SHUTDOWN_FLAG_FORCE;
	if (request->message)
		utf16_encode_cut(request->message, wire.message, sizeof(wire.message));
	shutdown->id = ic_send(shutdown->ic, &wire, sizeof(wire));
	return shutdown->id != 0;
}

void ic_shutdown_request(struct ic_shutdown *shutdown, const struct ic_shutdown_request *request)
{
	struct ic_version since = shutdown_kinds[request->kind].since;

	if (!ic_is_ready(shutdown->ic)) {
		request->done(request->context, IC_SHUTDOWN_ABSENT);
	} else if (!ic_is_at_least(shutdown->ic, since.major, since.minor)) {
		request->done(request->context, IC_SHUTDOWN_UNSUPPORTED);
	} else if (shutdown->id != 0) {
		request->done(request->context, IC_SHUTDOWN_BUSY);
	} else if (!shutdown_send(shutdown, request)) {
		/* It left that many without an answer before. */
		request->done(request->context, IC_SHUTDOWN_UNANSWERED);
	} else {
		shutdown->request = *request;
		shutdown->request.message = NULL;
		ic_arm(shutdown->ic, ic_now(shutdown->ic) + request->timeout_ns);
	}
}

struct ic_shutdown *ic_shutdown_new(const struct ic_env *env,
				    void (*available)(void *context, bool is), void *context,
				    GError **error)
{
	struct ic_shutdown *shutdown = g_new0(struct ic_shutdown, 1);
	const struct ic_config config = {
		/* 0e0b6031-5213-4934-818b-38d90ced39db */
		.class_id = {{0x31, 0x60, 0x0b, 0x0e, 0x13, 0x52, 0x34, 0x49, 0x81, 0x8b, 0x38,
			      0xd9, 0x0c, 0xed, 0x39, 0xdb}},
		/* b6650ff7-33bc-4840-8048-e0676786f393 */
		.instance_id = {{0xf7, 0x0f, 0x65, 0xb6, 0xbc, 0x33, 0x40, 0x48, 0x80, 0x48, 0xe0,
				 0x67, 0x67, 0x86, 0xf3, 0x93}},
		.name = "shutdown",
		.message_type = IC_MESSAGE_SHUTDOWN,
		.versions = shutdown_versions,
		.n_versions = G_N_ELEMENTS(shutdown_versions),
		.max_body = sizeof(struct shutdown_wire),
		.ops = &shutdown_ops,
		.context = shutdown,
	};

	shutdown->available = available;
	shutdown->context = context;
	shutdown->ic = ic_new(env, &config, error);
	if (!shutdown->ic) {
		g_free(shutdown);
		return NULL;
	}
	return shutdown;
}

void ic_shutdown_free(struct ic_shutdown *shutdown)
{
	if (!shutdown)
		return;
	ic_free(shutdown->ic);
	g_free(shutdown);
}
