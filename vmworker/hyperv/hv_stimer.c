/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Synthetic timers (TLFS, section 12.4). The four of a VP share one timer of the host with its ends
 * of interrupts. The guest counts by reference time, the host's timers by its own clock: a one-shot
 * timer that the host runs too early for the guest's time is run again for the rest. A lazy timer
 * is as punctual as others.
 */
#include "hv_private.h"
#include "state.h"

#define NS_PER_UNIT 100u
/* A guest must not keep the main thread busy by its periods. */
#define MIN_PERIOD_NS 100000u
#define FAR_NS	      (1ull << 62)

static uint64_t units_to_ns(uint64_t units)
{
	return units < FAR_NS / NS_PER_UNIT ? units * NS_PER_UNIT : FAR_NS;
}

static uint64_t vp_monotonic_ns(const struct hv_vp *vp)
{
	const struct hv_clock *clock = &vp->hv->config.clock;

	return clock->monotonic_ns(clock->context);
}

static uint64_t period_ns(const struct hv_stimer *timer)
{
	uint64_t ns = units_to_ns(timer->count);

	return ns > MIN_PERIOD_NS ? ns : MIN_PERIOD_NS;
}

void hv_host_timer_set(struct hv_vp *vp)
{
	const struct hv_clock *clock = &vp->hv->config.clock;
	uint64_t first = vp->eoi_deadline;

	for (size_t i = 0; i < HV_STIMERS; i++) {
		uint64_t deadline = vp->stimer[i].deadline;

		if (deadline != 0 && (first == 0 || deadline < first))
			first = deadline;
	}
	if (first != 0 && !vp->paused)
		clock->timer_arm(vp->timer, first);
	else
		clock->timer_disarm(vp->timer);
}

/* ---- expiry ---------------------------------------------------------------------------------- */

static void stimer_expire(struct hv_vp *vp, struct hv_stimer *timer)
{
	hv_count(vp->hv, HV_COUNT_TIMER);
	if ((timer->config & HV_STIMER_DIRECT) != 0) {
		hv_synic_interrupt(vp, HV_STIMER_VECTOR(timer->config));
		return;
	}
	timer->waiting = true;
	hv_message_deliver(vp, HV_STIMER_SINT(timer->config));
}

static void stimer_start_one_shot(struct hv_vp *vp, struct hv_stimer *timer)
{
	uint64_t now = hv_time(vp->hv, vp->partition);

	timer->expiration = timer->count;
	if (timer->count > now) {
		timer->deadline =
			vp_monotonic_ns(vp) + units_to_ns(timer->count - now) + NS_PER_UNIT;
		return;
	}
	timer->deadline = 0;
	timer->config &= ~(uint64_t)HV_STIMER_ENABLE;
	stimer_expire(vp, timer);
}

static void stimer_start_periodic(struct hv_vp *vp, struct hv_stimer *timer)
{
	timer->expiration = hv_time(vp->hv, vp->partition) + timer->count;
	timer->deadline = vp_monotonic_ns(vp) + period_ns(timer);
}

/* By messages to SINT 0, which has other uses, or without a count, no timer runs. */
static bool can_run(const struct hv_stimer *timer)
{
	return timer->count != 0 &&
	       ((timer->config & HV_STIMER_DIRECT) != 0 || HV_STIMER_SINT(timer->config) != 0);
}

static void stimer_start(struct hv_vp *vp, struct hv_stimer *timer)
{
	timer->deadline = 0;
	timer->waiting = false;
	if (!can_run(timer))
		timer->config &= ~(uint64_t)HV_STIMER_ENABLE;
	hv_use_stimer(vp, timer);
	if ((timer->config & HV_STIMER_ENABLE) == 0)
		return;
	if ((timer->config & HV_STIMER_PERIODIC) != 0)
		stimer_start_periodic(vp, timer);
	else
		stimer_start_one_shot(vp, timer);
}

/* Periods that were missed are not made up for. */
static void stimer_due(struct hv_vp *vp, struct hv_stimer *timer, uint64_t now_ns)
{
	if ((timer->config & HV_STIMER_PERIODIC) == 0) {
		stimer_start_one_shot(vp, timer);
		return;
	}
	uint64_t period = period_ns(timer);
	uint64_t missed = (now_ns - timer->deadline) / period;

	stimer_expire(vp, timer);
	timer->deadline += (missed + 1) * period;
	timer->expiration += (missed + 1) * timer->count;
}

void hv_stimer_expire_due(struct hv_vp *vp)
{
	uint64_t now = vp_monotonic_ns(vp);

	/* An expiry that was under way when the VPs were stopped comes again when they go on. */
	if (!vp->partition || vp->paused)
		return;
	for (size_t i = 0; i < HV_STIMERS; i++)
		if (vp->stimer[i].deadline != 0 && vp->stimer[i].deadline <= now)
			stimer_due(vp, &vp->stimer[i], now);
	if (vp->eoi_deadline != 0 && vp->eoi_deadline <= now)
		hv_auto_eoi_look(vp);
	hv_host_timer_set(vp);
}

void hv_stimer_expired(void *owner)
{
	struct hv_vp *vp = owner;

	pthread_mutex_lock(&vp->lock);
	hv_stimer_expire_due(vp);
	pthread_mutex_unlock(&vp->lock);
}

/* ---- messages -------------------------------------------------------------------------------- */

bool hv_stimer_peek(struct hv_vp *vp, uint32_t sint, struct hv_message_slot *message,
		    unsigned int *ret)
{
	for (unsigned int i = 0; i < HV_STIMERS; i++) {
		const struct hv_stimer *timer = &vp->stimer[i];

		if (!timer->waiting || HV_STIMER_SINT(timer->config) != sint)
			continue;
		const struct hv_timer_message expired = {
			.timer = i,
			.expiration = timer->expiration,
			.delivery = hv_time(vp->hv, vp->partition),
		};
		*message = (struct hv_message_slot){
			.type = HV_MESSAGE_TIMER_EXPIRED,
			.payload_size = sizeof(expired),
		};
		memcpy(message->payload, &expired, sizeof(expired));
		*ret = i;
		return true;
	}
	return false;
}

void hv_stimer_delivered(struct hv_vp *vp, unsigned int timer)
{
	vp->stimer[timer].waiting = false;
}

/* ---- registers ------------------------------------------------------------------------------- */

void hv_stimer_reset(struct hv_vp *vp)
{
	memset(vp->stimer, 0, sizeof(vp->stimer));
	hv_host_timer_set(vp);
}

bool hv_stimer_read(struct hv_vp *vp, uint32_t index, uint64_t *value)
{
	uint32_t at = index - HV_MSR_STIMER0_CONFIG;
	const struct hv_stimer *timer = &vp->stimer[at / 2];

	pthread_mutex_lock(&vp->lock);
	*value = at % 2 == 0 ? timer->config : timer->count;
	pthread_mutex_unlock(&vp->lock);
	return true;
}

bool hv_stimer_write(struct hv_vp *vp, uint32_t index, uint64_t value)
{
	uint32_t at = index - HV_MSR_STIMER0_CONFIG;
	struct hv_stimer *timer = &vp->stimer[at / 2];

	if (at % 2 == 0 && (value & HV_STIMER_DIRECT) != 0 &&
	    !hv_serves(vp->hv, HV_FEATURE_STIMER_DIRECT))
		return false;
	pthread_mutex_lock(&vp->lock);
	if (at % 2 == 0) {
		timer->config = value;
	} else {
		timer->count = value;
		if ((timer->config & HV_STIMER_AUTO_ENABLE) != 0)
			timer->config |= HV_STIMER_ENABLE;
	}
	stimer_start(vp, timer);
	hv_host_timer_set(vp);
	pthread_mutex_unlock(&vp->lock);
	return true;
}

/* ---- saved state ----------------------------------------------------------------------------- */

/* The host's clock is another one where it is restored: what counts is how much is left. */
void hv_stimer_save(const struct hv_vp *vp, struct state_writer *writer)
{
	uint64_t now = vp_monotonic_ns(vp);

	for (size_t i = 0; i < HV_STIMERS; i++) {
		const struct hv_stimer *timer = &vp->stimer[i];

		state_put_u64(writer, timer->config);
		state_put_u64(writer, timer->count);
		state_put_u64(writer, timer->expiration);
		state_put_u64(writer, timer->deadline > now ? timer->deadline - now : 0);
		state_put_bool(writer, timer->waiting);
	}
}

/* Of those that a guest's writes can lead to; `left` in ns. */
static bool stimer_valid(const struct hv_vp *vp, const struct hv_stimer *timer, uint64_t left)
{
	bool direct = (timer->config & HV_STIMER_DIRECT) != 0;

	if (!hv_serves(vp->hv, HV_FEATURE_STIMER) && (timer->config | timer->count) != 0)
		return false;
	if (direct && !hv_serves(vp->hv, HV_FEATURE_STIMER_DIRECT))
		return false;
	if (timer->waiting && (direct || HV_STIMER_SINT(timer->config) == 0))
		return false;
	if ((timer->config & HV_STIMER_ENABLE) == 0)
		return left == 0;
	return can_run(timer) && left <= FAR_NS + NS_PER_UNIT;
}

void hv_stimer_restore(struct hv_vp *vp, struct state_reader *reader)
{
	uint64_t now = vp_monotonic_ns(vp);

	for (size_t i = 0; i < HV_STIMERS; i++) {
		struct hv_stimer *timer = &vp->stimer[i];

		timer->config = state_get_u64(reader);
		timer->count = state_get_u64(reader);
		timer->expiration = state_get_u64(reader);
		uint64_t left = state_get_u64(reader);
		timer->waiting = state_get_bool(reader);
		if (!stimer_valid(vp, timer, left))
			state_fail(reader, "a timer that cannot be");
		timer->deadline = (timer->config & HV_STIMER_ENABLE) != 0 ? now + left : 0;
	}
	hv_host_timer_set(vp);
}
