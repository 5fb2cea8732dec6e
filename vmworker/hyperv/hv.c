/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hv.h"

#include <stdio.h>

#include "hv_private.h"

/* ---- features -------------------------------------------------------------------------------- */

const struct hv_features hv_features_all = {
	.visible = true,
	.on = HV_FEATURE_BIT(HV_FEATURE_N) - 1,
};

const struct hv_features hv_features_default = {
	.visible = true,
	.on = (HV_FEATURE_BIT(HV_FEATURE_N) - 1) & ~HV_FEATURE_BIT(HV_FEATURE_STIMER) &
	      ~HV_FEATURE_BIT(HV_FEATURE_STIMER_DIRECT),
};

static const char *const feature_names[HV_FEATURE_N] = {
	[HV_FEATURE_VP_RUNTIME] = "vp-runtime",
	[HV_FEATURE_REFERENCE_COUNTER] = "reference-counter",
	[HV_FEATURE_REFERENCE_TSC] = "reference-tsc",
	[HV_FEATURE_FREQUENCIES] = "frequencies",
	[HV_FEATURE_TSC_INVARIANT] = "tsc-invariant",
	[HV_FEATURE_SYNIC] = "synic",
	[HV_FEATURE_STIMER] = "stimer",
	[HV_FEATURE_STIMER_DIRECT] = "stimer-direct",
	[HV_FEATURE_RESET] = "reset",
	[HV_FEATURE_GUEST_IDLE] = "guest-idle",
	[HV_FEATURE_CRASH] = "crash",
	[HV_FEATURE_SPIN_WAIT] = "spin-wait",
	[HV_FEATURE_TLB_FLUSH] = "tlb-flush",
	[HV_FEATURE_IPI] = "ipi",
	[HV_FEATURE_APIC_ASSIST] = "apic-assist",
};

const char *hv_feature_name(enum hv_feature feature)
{
	return (unsigned int)feature < HV_FEATURE_N ? feature_names[feature] : "?";
}

struct hv_features hv_features_possible(struct hv_features wanted, bool tsc_stable,
					uint64_t tsc_frequency,
					const struct partition_native_calls *native)
{
	static const struct {
		enum hv_feature feature, needs;
	} needs[] = {
		/* in this order, so that what falls takes along what needs it */
		{HV_FEATURE_REFERENCE_TSC, HV_FEATURE_REFERENCE_COUNTER},
		{HV_FEATURE_STIMER, HV_FEATURE_REFERENCE_COUNTER},
		{HV_FEATURE_STIMER, HV_FEATURE_SYNIC},
		{HV_FEATURE_STIMER_DIRECT, HV_FEATURE_STIMER},
	};
	struct hv_features features = {
		.visible = wanted.visible,
		.on = wanted.visible ? wanted.on & hv_features_all.on : 0,
	};

	if (tsc_frequency == 0)
		features.on &= ~HV_FEATURE_BIT(HV_FEATURE_FREQUENCIES);
	if (tsc_frequency == 0 || !tsc_stable)
		features.on &= ~HV_FEATURE_BIT(HV_FEATURE_TSC_INVARIANT);
	if (!native->tlb_flush)
		features.on &= ~HV_FEATURE_BIT(HV_FEATURE_TLB_FLUSH);
	if (!native->ipi)
		features.on &= ~HV_FEATURE_BIT(HV_FEATURE_IPI);
	if (!native->apic_assist)
		features.on &= ~HV_FEATURE_BIT(HV_FEATURE_APIC_ASSIST);
	for (size_t i = 0; i < G_N_ELEMENTS(needs); i++)
		if ((features.on & HV_FEATURE_BIT(needs[i].needs)) == 0)
			features.on &= ~HV_FEATURE_BIT(needs[i].feature);
	return features;
}

struct hv_features hv_features_served(const struct hv *hv)
{
	return hv->served;
}

/* ---- birth and death ------------------------------------------------------------------------- */

struct hv *hv_new(const struct hv_config *config)
{
	struct hv *hv = g_malloc0(sizeof(*hv) + config->vp_count * sizeof(hv->vps[0]));

	hv->config = *config;
	pthread_mutex_init(&hv->lock, NULL);
	hv->handlers = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, g_free);
	hv->signals = g_hash_table_new(g_direct_hash, g_direct_equal);
	for (uint32_t i = 0; i < config->vp_count; i++) {
		struct hv_vp *vp = &hv->vps[i];

		vp->hv = hv;
		vp->index = i;
		pthread_mutex_init(&vp->lock, NULL);
		hv_synic_reset(vp);
		vp->timer = config->clock.timer_new(config->clock.context, hv_stimer_expired, vp);
	}
	return hv;
}

void hv_free(struct hv *hv)
{
	if (!hv)
		return;
	for (uint32_t i = 0; i < hv->config.vp_count; i++) {
		struct hv_vp *vp = &hv->vps[i];

		hv->config.clock.timer_free(vp->timer);
		hv_message_reset(vp);
		pthread_mutex_destroy(&vp->lock);
	}
	g_hash_table_unref(hv->signals);
	g_hash_table_unref(hv->handlers);
	pthread_mutex_destroy(&hv->lock);
	g_free(hv);
}

hv_status hv_attach(struct hv *hv, struct partition *partition, struct vp *const *vps)
{
	const struct hv_clock *clock = &hv->config.clock;
	uint64_t frequency = partition_tsc_frequency(partition);

	hv->tsc_frequency = frequency;
	partition_native_calls(partition, &hv->native);
	hv->served = hv_features_possible(hv->config.features, hv->config.tsc_stable, frequency,
					  &hv->native);
	hv_reftime_init(&hv->reftime, hv->config.tsc_stable ? frequency : 0,
			partition_guest_tsc(partition), clock->monotonic_ns(clock->context));
	pthread_mutex_lock(&hv->lock);
	hv->partition = partition;
	hv_status status = hv_connections_attach(hv);
	if (status != HV_STATUS_SUCCESS)
		hv->partition = NULL;
	pthread_mutex_unlock(&hv->lock);
	if (status != HV_STATUS_SUCCESS)
		return status;
	for (uint32_t i = 0; i < hv->config.vp_count; i++) {
		struct hv_vp *vp = &hv->vps[i];

		pthread_mutex_lock(&vp->lock);
		vp->vp = vps[i];
		vp->partition = partition;
		pthread_mutex_unlock(&vp->lock);
	}
	return HV_STATUS_SUCCESS;
}

void hv_vp_forget(struct hv_vp *vp)
{
	vp->assist_page = 0;
	vp->runtime_base = 0;
	vp->runtime_told = 0;
	hv_synic_reset(vp);
	hv_auto_eoi_reset(vp);
	hv_stimer_reset(vp);
	hv_message_reset(vp);
}

void hv_forget(struct hv *hv)
{
	atomic_store(&hv->guest_os_id, 0);
	atomic_store(&hv->hypercall, 0);
	atomic_store(&hv->used, 0);
	hv->reference_tsc = 0;
	hv->tsc_invariant = 0;
	memset(hv->crash, 0, sizeof(hv->crash));
}

void hv_detach(struct hv *hv)
{
	for (uint32_t i = 0; i < hv->config.vp_count; i++) {
		struct hv_vp *vp = &hv->vps[i];

		pthread_mutex_lock(&vp->lock);
		vp->vp = NULL;
		vp->partition = NULL;
		vp->paused = false;
		hv_vp_forget(vp);
		pthread_mutex_unlock(&vp->lock);
	}
	pthread_mutex_lock(&hv->lock);
	hv->partition = NULL;
	hv_forget(hv);
	pthread_mutex_unlock(&hv->lock);
}

void hv_set_paused(struct hv *hv, bool paused)
{
	for (uint32_t i = 0; i < hv->config.vp_count; i++) {
		struct hv_vp *vp = &hv->vps[i];
		uint32_t rooms = 0;

		pthread_mutex_lock(&vp->lock);
		vp->paused = paused;
		if (paused) {
			hv_host_timer_set(vp);
		} else {
			hv_stimer_expire_due(vp);
			rooms = hv_message_deliver_all(vp);
		}
		pthread_mutex_unlock(&vp->lock);
		hv_message_tell_rooms(vp, rooms);
	}
}

/* ---- time ------------------------------------------------------------------------------------ */

uint64_t hv_time(const struct hv *hv, const struct partition *partition)
{
	const struct hv_clock *clock = &hv->config.clock;

	if (hv->reftime.by_tsc)
		return hv_reftime_now(&hv->reftime, partition_guest_tsc(partition), 0);
	return hv_reftime_now(&hv->reftime, 0, clock->monotonic_ns(clock->context));
}

uint64_t hv_reference_time(const struct hv *hv)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)&hv->lock;

	pthread_mutex_lock(lock);
	uint64_t time = hv->partition ? hv_time(hv, hv->partition) : 0;
	pthread_mutex_unlock(lock);
	return time;
}

/* ---- what the guest is ----------------------------------------------------------------------- */

uint64_t hv_guest_os_id(const struct hv *hv)
{
	return atomic_load(&hv->guest_os_id);
}

/* Section 2.6: of an open-source system, a kind and a version; else vendor, system and version. */
void hv_guest_os_describe(uint64_t id, char *text, size_t size)
{
	static const char *const kinds[] = {NULL, "Linux", "FreeBSD", "Xen", "Illumos"};
	unsigned int kind = (unsigned int)(id >> 56) & 0x7f;
	unsigned int build = (unsigned int)id & 0xffff;

	if (id == 0)
		(void)snprintf(text, size, "unknown");
	else if (id >> 63 != 0 && kind < G_N_ELEMENTS(kinds) && kinds[kind] && kind == 1)
		/* Linux puts its version code in bits 47:16. */
		(void)snprintf(text, size, "Linux %u.%u.%u", (unsigned int)(id >> 32) & 0xffff,
			       (unsigned int)(id >> 24) & 0xff, (unsigned int)(id >> 16) & 0xff);
	else if (id >> 63 != 0 && kind < G_N_ELEMENTS(kinds) && kinds[kind])
		(void)snprintf(text, size, "%s (version 0x%x)", kinds[kind],
			       (unsigned int)(id >> 16));
	else if (id >> 48 == 1)
		(void)snprintf(text, size, "Windows %u.%u.%u", (unsigned int)(id >> 32) & 0xff,
			       (unsigned int)(id >> 24) & 0xff, build);
	else
		(void)snprintf(text, size, "system 0x%llx", (unsigned long long)id);
}

/* ---- statistics ------------------------------------------------------------------------------ */

static const char *const counter_names[HV_COUNT_N] = {
	[HV_COUNT_CALL_SPIN_WAIT] = "hv.hypercall.notify-long-spin-wait",
	[HV_COUNT_CALL_POST_MESSAGE] = "hv.hypercall.post-message",
	[HV_COUNT_CALL_SIGNAL_EVENT] = "hv.hypercall.signal-event",
	[HV_COUNT_CALL_OTHER] = "hv.hypercall.unknown",
	[HV_COUNT_CALL_REFUSED] = "hv.hypercall.refused",
	[HV_COUNT_MSR_READ] = "hv.msr.reads",
	[HV_COUNT_MSR_WRITE] = "hv.msr.writes",
	[HV_COUNT_MSR_FAULT] = "hv.msr.faults",
	[HV_COUNT_MESSAGE_DELIVERED] = "hv.message.delivered",
	[HV_COUNT_MESSAGE_QUEUED] = "hv.message.queued",
	[HV_COUNT_MESSAGE_REFUSED] = "hv.message.refused",
	[HV_COUNT_SIGNAL_EXIT] = "hv.signal.exit",
	[HV_COUNT_SIGNAL_EVENTFD] = "hv.signal.eventfd",
	[HV_COUNT_EVENT_SET] = "hv.event.set",
	[HV_COUNT_INTERRUPT] = "hv.interrupts",
	[HV_COUNT_TIMER] = "hv.timer.expirations",
};

void hv_count_signals(struct hv *hv, uint64_t n)
{
	atomic_fetch_add_explicit(&hv->counters[HV_COUNT_SIGNAL_EVENTFD], n, memory_order_relaxed);
}

void hv_statistics(const struct hv *hv,
		   void (*visit)(void *context, const char *name, uint64_t value), void *context)
{
	for (size_t i = 0; i < HV_COUNT_N; i++)
		visit(context, counter_names[i],
		      atomic_load_explicit(&hv->counters[i], memory_order_relaxed));
}
