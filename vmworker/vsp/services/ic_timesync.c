/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ic_timesync.h"

#include "ic_wire.h"

#define TIMESYNC_FLAG_SYNC   1u
#define TIMESYNC_FLAG_SAMPLE 2u

/* From 1601-01-01, where Windows' time begins, to 1970-01-01, in 100 ns. */
#define TIMESYNC_EPOCH UINT64_C(116444736000000000)

struct timesync_wire { /* before 4.0 */
	uint64_t parent_time;
	uint64_t child_time;
	uint64_t round_trip;
	uint8_t flags;
} __attribute__((packed));
static_assert(sizeof(struct timesync_wire) == 25, "wire");

struct timesync_wire_4 {
	uint64_t parent_time;
	uint64_t reference_time; /* when parent_time was read */
	uint8_t flags, leap, stratum;
	uint8_t reserved[5];
};
static_assert(sizeof(struct timesync_wire_4) == 24, "wire");

struct ic_timesync {
	struct ic *ic;
	const struct ic_clock *clock;
	uint8_t sample_id; /* the last one's; no other is sent before its answer */
	bool sync_wanted;  /* one could not be sent */
	uint64_t offset;   /* of realtime to monotonic, at the last message */
};

static const struct ic_version timesync_versions[] = {{1, 0}, {3, 0}, {4, 0}};

static uint64_t timesync_offset(const struct ic_timesync *timesync)
{
	return timesync->clock->realtime_ns(timesync->clock->context) - ic_now(timesync->ic);
}

static bool timesync_jumped(const struct ic_timesync *timesync)
{
	int64_t change = (int64_t)(timesync_offset(timesync) - timesync->offset);

	return change > (int64_t)IC_TIMESYNC_JUMP_NS || change < -(int64_t)IC_TIMESYNC_JUMP_NS;
}

static uint8_t timesync_send(struct ic_timesync *timesync, uint8_t flags)
{
	const struct ic_clock *clock = timesync->clock;
	uint64_t now = clock->realtime_ns(clock->context) / 100 + TIMESYNC_EPOCH;
	struct timesync_wire_4 wire_4 = {
		.parent_time = now,
		.reference_time = clock->reference_100ns(clock->context),
		.flags = flags,
	};
	struct timesync_wire wire = {.parent_time = now, .flags = flags};

	timesync->offset = timesync_offset(timesync);
	if (ic_is_at_least(timesync->ic, 4, 0))
		return ic_send(timesync->ic, &wire_4, sizeof(wire_4));
	return ic_send(timesync->ic, &wire, sizeof(wire));
}

static void timesync_arm(struct ic_timesync *timesync)
{
	ic_arm_beat(timesync->ic, IC_TIMESYNC_PERIOD_NS);
}

void ic_timesync_sync(struct ic_timesync *timesync)
{
	uint8_t id = ic_is_ready(timesync->ic) ? timesync_send(timesync, TIMESYNC_FLAG_SYNC) : 0;

	timesync->sync_wanted = id == 0;
}

static void timesync_ready(void *context, struct ic_version version G_GNUC_UNUSED)
{
	struct ic_timesync *timesync = context;

	timesync->sample_id = 0;
	ic_timesync_sync(timesync);
	timesync_arm(timesync);
}

static void timesync_gone(void *context)
{
	struct ic_timesync *timesync = context;

	timesync->sample_id = 0;
}

static void timesync_answered(void *context, uint8_t id, uint32_t status G_GNUC_UNUSED,
			      const uint8_t *body G_GNUC_UNUSED, size_t size G_GNUC_UNUSED)
{
	struct ic_timesync *timesync = context;

	if (id == timesync->sample_id)
		timesync->sample_id = 0;
	/* What was sent while the guest did not run is old by now. */
	if (timesync->sync_wanted)
		ic_timesync_sync(timesync);
}

static void timesync_expired(void *context)
{
	struct ic_timesync *timesync = context;

	if (timesync->sync_wanted || timesync_jumped(timesync))
		ic_timesync_sync(timesync);
	else if (timesync->sample_id == 0)
		timesync->sample_id = timesync_send(timesync, TIMESYNC_FLAG_SAMPLE);
	timesync_arm(timesync);
}

static const struct ic_ops timesync_ops = {
	.ready = timesync_ready,
	.gone = timesync_gone,
	.answered = timesync_answered,
	.expired = timesync_expired,
};

struct ic_timesync *ic_timesync_new(const struct ic_env *env, GError **error)
{
	struct ic_timesync *timesync = g_new0(struct ic_timesync, 1);
	const struct ic_config config = {
		/* 9527e630-d0ae-497b-adce-e80ab0175caf */
		.class_id = {{0x30, 0xe6, 0x27, 0x95, 0xae, 0xd0, 0x7b, 0x49, 0xad, 0xce, 0xe8,
			      0x0a, 0xb0, 0x17, 0x5c, 0xaf}},
		/* 2dd1ce17-079e-403c-b352-a1921ee207ee */
		.instance_id = {{0x17, 0xce, 0xd1, 0x2d, 0x9e, 0x07, 0x3c, 0x40, 0xb3, 0x52, 0xa1,
				 0x92, 0x1e, 0xe2, 0x07, 0xee}},
		.name = "timesync",
		.message_type = IC_MESSAGE_TIMESYNC,
		.versions = timesync_versions,
		.n_versions = G_N_ELEMENTS(timesync_versions),
		.max_body = sizeof(struct timesync_wire),
		.ops = &timesync_ops,
		.context = timesync,
	};

	timesync->clock = env->clock;
	timesync->ic = ic_new(env, &config, error);
	if (!timesync->ic) {
		g_free(timesync);
		return NULL;
	}
	return timesync;
}

void ic_timesync_free(struct ic_timesync *timesync)
{
	if (!timesync)
		return;
	ic_free(timesync->ic);
	g_free(timesync);
}
