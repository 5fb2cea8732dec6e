/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guest takes one message at a time: a thaw that is sent while a freeze hangs waits in its ring
 * and is done as soon as the freeze ends, whichever way.
 */
#include "ic_vss.h"

#include <string.h>

#include "ic_wire.h"

#define VSS_RETRY_NS IC_SECOND

enum vss_operation {
	VSS_HOT_BACKUP = 2,
	VSS_FREEZE = 5,
	VSS_THAW = 6,
};

struct vss_wire {
	uint8_t operation;
	uint8_t reserved[7];
	uint32_t flags; /* of the answer to VSS_HOT_BACKUP */
	uint32_t padding;
};
static_assert(sizeof(struct vss_wire) == 16, "wire");

enum vss_state {
	VSS_IDLE,
	VSS_CHECKING,
	VSS_FREEZING,
	VSS_HELD,
	VSS_LATE, /* it was thawed by the timer, and nobody called for the thaw yet */
	VSS_THAWING,
};

struct ic_vss {
	struct ic *ic;
	enum vss_state state;
	uint8_t id;	 /* of the operation that `done` waits for */
	bool undoing;	 /* a thaw that nobody waits for must come through before all else */
	uint8_t thaw_id; /* it was sent */
	uint64_t hold_ns;
	uint64_t thaw_ns; /* HELD: when the time of that has passed */
	ic_vss_done done;
	void *context;
	bool frozen; /* as far as it was told */
	void (*changed)(void *context, enum ic_vss_change change);
	void *changed_context;
};

static const struct ic_version vss_versions[] = {{1, 0}, {3, 0}, {4, 0}, {5, 0}};

static uint8_t vss_send(struct ic_vss *vss, enum vss_operation operation)
{
	struct vss_wire wire = {.operation = (uint8_t)operation};

	return ic_send(vss->ic, &wire, sizeof(wire));
}

static void vss_finish(struct ic_vss *vss, enum vss_state next, enum ic_vss_result result)
{
	ic_vss_done done = g_steal_pointer(&vss->done);

	vss->id = 0;
	vss->state = next;
	if (done)
		done(vss->context, result);
}

static void vss_tell(struct ic_vss *vss, enum ic_vss_change change)
{
	bool frozen = change == IC_VSS_FROZEN;

	if (vss->frozen == frozen)
		return;
	vss->frozen = frozen;
	if (vss->changed)
		vss->changed(vss->changed_context, change);
}

/* Sends the thaw, again and again while it cannot be sent. */
static void vss_undo(struct ic_vss *vss)
{
	vss->undoing = true;
	if (vss->thaw_id == 0)
		vss->thaw_id = vss_send(vss, VSS_THAW);
	ic_arm(vss->ic, vss->thaw_id == 0 ? ic_now(vss->ic) + VSS_RETRY_NS : 0);
}

static void vss_begin(struct ic_vss *vss, enum vss_state state, enum vss_operation operation,
		      uint64_t answer_ns, ic_vss_done done, void *context)
{
	uint8_t id = vss_send(vss, operation);

	if (id == 0) {
		done(context, IC_VSS_UNANSWERED);
		return;
	}
	vss->id = id;
	vss->state = state;
	vss->done = done;
	vss->context = context;
	ic_arm(vss->ic, ic_now(vss->ic) + answer_ns);
}

static bool vss_may(const struct ic_vss *vss, ic_vss_done done, void *context)
{
	if (!ic_is_ready(vss->ic))
		done(context, IC_VSS_ABSENT);
	else if (vss->state != VSS_IDLE || vss->undoing)
		done(context, IC_VSS_STATE);
	else
		return true;
	return false;
}

void ic_vss_check(struct ic_vss *vss, ic_vss_done done, void *context)
{
	if (vss_may(vss, done, context))
		vss_begin(vss, VSS_CHECKING, VSS_HOT_BACKUP, IC_VSS_ANSWER_NS, done, context);
}

void ic_vss_freeze(struct ic_vss *vss, uint64_t answer_ns, uint64_t hold_ns, ic_vss_done done,
		   void *context)
{
	if (!vss_may(vss, done, context))
		return;
	vss->hold_ns = hold_ns;
	vss_begin(vss, VSS_FREEZING, VSS_FREEZE, answer_ns, done, context);
}

void ic_vss_thaw(struct ic_vss *vss, ic_vss_done done, void *context)
{
	if (!ic_is_ready(vss->ic)) {
		done(context, IC_VSS_ABSENT);
	} else if (vss->state == VSS_LATE) {
		vss->state = VSS_IDLE;
		done(context, IC_VSS_EXPIRED);
	} else if (vss->state != VSS_HELD) {
		done(context, IC_VSS_STATE);
	} else {
		vss_begin(vss, VSS_THAWING, VSS_THAW, IC_VSS_ANSWER_NS, done, context);
	}
}

/* ---- what the guest says --------------------------------------------------------------------- */

static void vss_frozen(struct ic_vss *vss, uint32_t status)
{
	if (status == IC_STATUS_OK) {
		vss->thaw_ns = ic_now(vss->ic) + vss->hold_ns;
		ic_arm(vss->ic, vss->thaw_ns);
		vss_tell(vss, IC_VSS_FROZEN);
		vss_finish(vss, VSS_HELD, IC_VSS_DONE);
		return;
	}
	/* A daemon that failed half-way should have undone its part; make sure. */
	vss_undo(vss);
	vss_finish(vss, VSS_IDLE, IC_VSS_REFUSED);
}

static void vss_answered(void *context, uint8_t id, uint32_t status,
			 const uint8_t *body G_GNUC_UNUSED, size_t size G_GNUC_UNUSED)
{
	struct ic_vss *vss = context;

	if (id == vss->thaw_id) {
		vss->thaw_id = 0;
		vss->undoing = false;
		vss_tell(vss, vss->state == VSS_LATE ? IC_VSS_OVERDUE : IC_VSS_THAWED);
	} else if (id != vss->id) {
		return;
	} else if (vss->state == VSS_FREEZING) {
		vss_frozen(vss, status);
	} else {
		ic_arm(vss->ic, 0);
		vss_tell(vss, IC_VSS_THAWED);
		vss_finish(vss, VSS_IDLE, status == IC_STATUS_OK ? IC_VSS_DONE : IC_VSS_REFUSED);
	}
}

static void vss_expired(void *context)
{
	struct ic_vss *vss = context;

	switch (vss->state) {
	case VSS_FREEZING:
		ic_forget(vss->ic, vss->id);
		vss_undo(vss);
		vss_finish(vss, VSS_IDLE, IC_VSS_UNANSWERED);
		break;
	case VSS_HELD:
		vss->state = VSS_LATE;
		vss_undo(vss);
		break;
	case VSS_CHECKING:
		ic_forget(vss->ic, vss->id);
		vss_finish(vss, VSS_IDLE, IC_VSS_UNANSWERED);
		break;
	case VSS_THAWING:
		/* It is in the ring and will be done: whoever waits need not, but the next freeze
		 * must. */
		vss->thaw_id = vss->id;
		vss->undoing = true;
		vss_finish(vss, VSS_IDLE, IC_VSS_UNANSWERED);
		break;
	case VSS_IDLE:
	case VSS_LATE:
		if (vss->undoing)
			vss_undo(vss);
		break;
	}
}

/* There is something to go on with only when a hold ends. */
static void vss_ready(void *context, struct ic_version version G_GNUC_UNUSED)
{
	struct ic_vss *vss = context;

	if (vss->undoing && vss->thaw_id == 0)
		vss_undo(vss);
	else if (vss->state == VSS_HELD)
		ic_arm(vss->ic, vss->thaw_ns);
}

static void vss_gone(void *context)
{
	struct ic_vss *vss = context;

	vss->thaw_id = 0;
	vss->undoing = false;
	vss_tell(vss, IC_VSS_THAWED);
	vss_finish(vss, VSS_IDLE, IC_VSS_GONE);
}

/* A freeze that is under way is thawed behind it, whenever the guest does it. */
static void vss_hold(void *context)
{
	struct ic_vss *vss = context;

	if (vss->state == VSS_THAWING) {
		vss->thaw_id = vss->id;
		vss->undoing = true;
	} else if (vss->state == VSS_FREEZING) {
		ic_forget(vss->ic, vss->id);
		vss_undo(vss);
	} else if (vss->state == VSS_CHECKING) {
		ic_forget(vss->ic, vss->id);
	} else {
		return;
	}
	vss_finish(vss, VSS_IDLE, IC_VSS_GONE);
}

static void vss_save(void *context, struct state_writer *writer)
{
	const struct ic_vss *vss = context;

	state_put_bool(writer, vss->frozen);
	state_put_bool(writer, vss->undoing);
	state_put_u8(writer, vss->thaw_id);
}

static void vss_restore(void *context, struct state_reader *reader)
{
	struct ic_vss *vss = context;
	bool frozen = state_get_bool(reader);

	vss->undoing = state_get_bool(reader);
	vss->thaw_id = state_get_u8(reader);
	if (!vss->undoing && (frozen || vss->thaw_id != 0))
		state_fail(reader, "frozen file systems that nobody thaws");
	if (state_ok(reader))
		vss_tell(vss, frozen ? IC_VSS_FROZEN : IC_VSS_THAWED);
}

bool ic_vss_is_frozen(const struct ic_vss *vss)
{
	return vss->state == VSS_HELD;
}

static const struct ic_ops vss_ops = {
	.ready = vss_ready,
	.gone = vss_gone,
	.answered = vss_answered,
	.expired = vss_expired,
	.hold = vss_hold,
	.save = vss_save,
	.restore = vss_restore,
};

struct ic_vss *ic_vss_new(const struct ic_env *env,
			  void (*changed)(void *context, enum ic_vss_change change), void *context,
			  GError **error)
{
	struct ic_vss *vss = g_new0(struct ic_vss, 1);
	const struct ic_config config = {
		/* 35fa2e29-ea23-4236-96ae-3a6ebacba440 */
		.class_id = {{0x29, 0x2e, 0xfa, 0x35, 0x23, 0xea, 0x36, 0x42, 0x96, 0xae, 0x3a,
			      0x6e, 0xba, 0xcb, 0xa4, 0x40}},
		/* 2450ee40-33bf-4fbd-892e-9fb06e9214cf */
		.instance_id = {{0x40, 0xee, 0x50, 0x24, 0xbf, 0x33, 0xbd, 0x4f, 0x89, 0x2e, 0x9f,
				 0xb0, 0x6e, 0x92, 0x14, 0xcf}},
		.name = "vss",
		.message_type = IC_MESSAGE_VSS,
		.versions = vss_versions,
		.n_versions = G_N_ELEMENTS(vss_versions),
		.max_body = sizeof(struct vss_wire),
		.ops = &vss_ops,
		.context = vss,
	};

	vss->changed = changed;
	vss->changed_context = context;
	vss->ic = ic_new(env, &config, error);
	if (!vss->ic) {
		g_free(vss);
		return NULL;
	}
	return vss;
}

void ic_vss_free(struct ic_vss *vss)
{
	if (!vss)
		return;
	ic_free(vss->ic);
	g_free(vss);
}
