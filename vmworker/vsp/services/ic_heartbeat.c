/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ic_heartbeat.h"

#include <string.h>

#include "ic_wire.h"

struct heartbeat_wire {
	uint64_t sequence; /* the guest adds one */
	uint32_t reserved[8];
};
static_assert(sizeof(struct heartbeat_wire) == 40, "wire");

struct ic_heartbeat {
	struct ic *ic;
	void (*changed)(void *context, enum ic_heartbeat_state state);
	void *context;
	enum ic_heartbeat_state state;
	uint64_t sequence; /* of the last request */
	uint64_t beats;
	uint64_t since; /* when the guest was asked, or could answer again */
	uint8_t id;	/* the request under way; one at a time, however long it takes */
	bool paused;
};

static const struct ic_version heartbeat_versions[] = {{1, 0}, {3, 0}};

static void heartbeat_set_state(struct ic_heartbeat *heartbeat, enum ic_heartbeat_state state)
{
	if (heartbeat->state == state)
		return;
	heartbeat->state = state;
	heartbeat->changed(heartbeat->context, state);
}

static void heartbeat_send(struct ic_heartbeat *heartbeat)
{
	struct heartbeat_wire wire = {.sequence = heartbeat->sequence + 2};

	heartbeat->id = ic_send(heartbeat->ic, &wire, sizeof(wire));
	heartbeat->since = ic_now(heartbeat->ic);
	if (heartbeat->id != 0)
		heartbeat->sequence = wire.sequence;
}

static void heartbeat_arm(struct ic_heartbeat *heartbeat)
{
	ic_arm_beat(heartbeat->ic, IC_HEARTBEAT_PERIOD_NS);
}

static void heartbeat_ready(void *context, struct ic_version version G_GNUC_UNUSED)
{
	struct ic_heartbeat *heartbeat = context;

	heartbeat->id = 0;
	heartbeat_set_state(heartbeat, IC_HEARTBEAT_OK);
	if (heartbeat->paused)
		return;
	heartbeat_send(heartbeat);
	heartbeat_arm(heartbeat);
}

static void heartbeat_gone(void *context)
{
	struct ic_heartbeat *heartbeat = context;

	heartbeat->id = 0;
	heartbeat_set_state(heartbeat, IC_HEARTBEAT_ABSENT);
}

static void heartbeat_answered(void *context, uint8_t id, uint32_t status G_GNUC_UNUSED,
			       const uint8_t *body, size_t size)
{
	struct ic_heartbeat *heartbeat = context;
	uint64_t sequence;

	if (id != heartbeat->id)
		return;
	heartbeat->id = 0;
	if (size < sizeof(sequence)) {
		ic_fault(heartbeat->ic, "a heartbeat without its sequence");
		return;
	}
	memcpy(&sequence, body, sizeof(sequence));
	if (sequence != heartbeat->sequence + 1) {
		ic_fault(heartbeat->ic, "a heartbeat with a wrong sequence");
		return;
	}
	heartbeat->beats++;
	heartbeat_set_state(heartbeat, IC_HEARTBEAT_OK);
}

static void heartbeat_expired(void *context)
{
	struct ic_heartbeat *heartbeat = context;

	if (heartbeat->id == 0) {
		heartbeat_send(heartbeat);
	} else if (ic_now(heartbeat->ic) - heartbeat->since >= IC_HEARTBEAT_LOST_NS) {
		heartbeat_set_state(heartbeat, IC_HEARTBEAT_LOST);
	}
	heartbeat_arm(heartbeat);
}

/* Another begins with `ready`. */
static void heartbeat_hold(void *context)
{
	struct ic_heartbeat *heartbeat = context;

	ic_forget(heartbeat->ic, heartbeat->id);
	heartbeat->id = 0;
}

static const struct ic_ops heartbeat_ops = {
	.ready = heartbeat_ready,
	.gone = heartbeat_gone,
	.answered = heartbeat_answered,
	.expired = heartbeat_expired,
	.hold = heartbeat_hold,
};

enum ic_heartbeat_state ic_heartbeat_state(const struct ic_heartbeat *heartbeat)
{
	return heartbeat->state;
}

uint64_t ic_heartbeat_beats(const struct ic_heartbeat *heartbeat)
{
	return heartbeat->beats;
}

void ic_heartbeat_set_paused(struct ic_heartbeat *heartbeat, bool paused)
{
	if (heartbeat->paused == paused)
		return;
	heartbeat->paused = paused;
	heartbeat->since = ic_now(heartbeat->ic);
	if (paused) {
		ic_arm(heartbeat->ic, 0);
	} else if (ic_is_ready(heartbeat->ic)) {
		if (heartbeat->id == 0)
			heartbeat_send(heartbeat);
		heartbeat_arm(heartbeat);
	}
}

struct ic_heartbeat *ic_heartbeat_new(const struct ic_env *env,
				      void (*changed)(void *context, enum ic_heartbeat_state state),
				      void *context, GError **error)
{
	struct ic_heartbeat *heartbeat = g_new0(struct ic_heartbeat, 1);
	const struct ic_config config = {
		/* 57164f39-9115-4e78-ab55-382f3bd5422d */
		.class_id = {{0x39, 0x4f, 0x16, 0x57, 0x15, 0x91, 0x78, 0x4e, 0xab, 0x55, 0x38,
			      0x2f, 0x3b, 0xd5, 0x42, 0x2d}},
		/* fd149e91-82e0-4a7d-afa6-2a4166cbd7c0 */
		.instance_id = {{0x91, 0x9e, 0x14, 0xfd, 0xe0, 0x82, 0x7d, 0x4a, 0xaf, 0xa6, 0x2a,
				 0x41, 0x66, 0xcb, 0xd7, 0xc0}},
		.name = "heartbeat",
		.message_type = IC_MESSAGE_HEARTBEAT,
		.versions = heartbeat_versions,
		.n_versions = G_N_ELEMENTS(heartbeat_versions),
		.max_body = sizeof(struct heartbeat_wire),
		.ops = &heartbeat_ops,
		.context = heartbeat,
	};

	heartbeat->changed = changed;
	heartbeat->context = context;
	heartbeat->ic = ic_new(env, &config, error);
	if (!heartbeat->ic) {
		g_free(heartbeat);
		return NULL;
	}
	return heartbeat;
}

void ic_heartbeat_free(struct ic_heartbeat *heartbeat)
{
	if (!heartbeat)
		return;
	ic_free(heartbeat->ic);
	g_free(heartbeat);
}
