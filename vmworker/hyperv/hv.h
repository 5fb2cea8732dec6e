/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Microsoft's hypervisor interface, as a guest sees it: CPUID leaves, synthetic MSRs, hypercalls,
 * the synthetic interrupt controller (SynIC) with its messages, event flags and timers, and
 * reference time. Sections are those of the TLFS 6.0b.
 *
 * One struct hv serves a machine for its whole life. Each partition that the machine runs in is
 * attached before VPs run and detached, which resets the interface, when no VP runs any more.
 *
 * Hypercalls reach us by ports: the hypercall page, whose content the TLFS leaves to the
 * hypervisor, holds code that writes to them. HvSignalEvent writes the connection id to
 * HV_PORT_SIGNAL, where the hypervisor below may turn it into an eventfd without an exit.
 *
 * Threading: hv_msr_*, hv_port_write and hv_before_run belong to the thread of the VP they name.
 * The functions for VMBus and the statistics are for any thread. The rest belongs to the main
 * thread while no VP runs. Callbacks are called without any lock of ours held, unless they say
 * otherwise.
 */
#ifndef HV_H
#define HV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "partition.h"

struct hv;
struct state_reader; /* state.h */
struct state_writer;

/* 4 bytes each; a hypercall of 32-bit code has a port of its own since its registers differ. */
#define HV_PORT_CALL	0xe0u
#define HV_PORT_SIGNAL	0xe4u
#define HV_PORT_CALL_32 0xe8u

/* ---- features -------------------------------------------------------------------------------- */

/* What can be switched off. Hypercalls and the VP index come with the interface itself. */
enum hv_feature {
	HV_FEATURE_VP_RUNTIME,
	HV_FEATURE_REFERENCE_COUNTER,
	HV_FEATURE_REFERENCE_TSC, /* wants REFERENCE_COUNTER */
	HV_FEATURE_FREQUENCIES,	  /* of TSC and APIC */
	HV_FEATURE_TSC_INVARIANT, /* wants a host whose TSC is stable */
	HV_FEATURE_SYNIC,	  /* messages and events; what VMBus needs */
	HV_FEATURE_STIMER,	  /* wants SYNIC and REFERENCE_COUNTER */
	HV_FEATURE_STIMER_DIRECT, /* wants STIMER */
	HV_FEATURE_RESET,
	HV_FEATURE_GUEST_IDLE,
	HV_FEATURE_CRASH,
	HV_FEATURE_SPIN_WAIT,
	HV_FEATURE_TLB_FLUSH,	/* of other VPs; wants a hypervisor below that does it */
	HV_FEATURE_IPI,		/* by hypercall; the same */
	HV_FEATURE_APIC_ASSIST, /* the local APIC by MSRs, most EOIs by memory; the same */
	HV_FEATURE_N
};

struct hv_features {
	bool visible; /* false: hidden, no hypervisor bit and none of the below */
	uint32_t on;  /* HV_FEATURE_BIT(...) */
};
#define HV_FEATURE_BIT(feature) (1u << (feature))

extern const struct hv_features hv_features_all;
/* All but the timers: each arming and each expiry of ours costs an exit and a switch of threads,
 * which the LAPIC's timer in the hypervisor below does not, and guests prefer ours. */
extern const struct hv_features hv_features_default;
/* Static, as users name it: "reference-tsc". */
const char *hv_feature_name(enum hv_feature feature);

/* ---- life ------------------------------------------------------------------------------------ */

/*
 * The host's clock and one-shot timers. Readings, timer_arm and timer_disarm: any thread, also with
 * a lock of ours held. timer_new and timer_free: main thread. An expiry may come late after
 * timer_disarm; none comes after timer_free.
 */
struct hv_clock {
	uint64_t (*monotonic_ns)(void *context);
	void *(*timer_new)(void *context, void (*expired)(void *owner), void *owner);
	void (*timer_arm)(void *timer, uint64_t monotonic_ns);
	void (*timer_disarm)(void *timer);
	void (*timer_free)(void *timer); /* NULL is fine */
	void *context;
};

/* What a guest tells when it crashes (section 2.4.5, HV_X64_MSR_CRASH_*). */
struct hv_crash {
	uint64_t parameters[5];
	size_t size;	 /* bytes of text, 0: none */
	char text[4096]; /* the end of the guest's log; any bytes */
};

struct hv_config {
	uint32_t vp_count;
	struct hv_features features;
	bool tsc_stable; /* partition_tsc_is_stable of this host */
	struct hv_clock clock;
	/* On a VP's thread; must return at once. */
	void (*reset)(void *context);
	void (*crashed)(void *context, const struct hv_crash *crash);
	void *context;
};

struct hv *hv_new(const struct hv_config *config);
void hv_free(struct hv *hv); /* detached; NULL is fine */

/*
 * A new partition with its VPs, vp_count of them, all created. Binds the signals of before again.
 * On failure, which only those can cause, nothing is attached.
 */
hv_status hv_attach(struct hv *hv, struct partition *partition, struct vp *const *vps);
/* The partition goes: no memory of it is touched any more. Messages and registers are forgotten;
 * handlers and signals stay. */
void hv_detach(struct hv *hv);

/*
 * VPs were stopped, or are about to run again: meanwhile no timer expires and no message goes into
 * a slot. Reference time runs on. Then what has expired does so, once, and what was posted is
 * delivered. Main thread, while no VP runs; a reset ends it.
 */
void hv_set_paused(struct hv *hv, bool paused);

/* What is on, after what this host cannot do was taken off; once attached. */
struct hv_features hv_features_served(const struct hv *hv);

/*
 * Makes the table that cpuid_build left tell of the interface, or of no hypervisor when hidden.
 * Returns the new count, 0 when there is no room. Once attached.
 */
size_t hv_cpuid_apply(const struct hv *hv, struct hv_cpuid_entry *table, size_t n, size_t max);

/* What the guest said that it is (section 2.6), 0 before it did. Any thread. */
uint64_t hv_guest_os_id(const struct hv *hv);
/* The same in words: "Linux 6.1.0", "Windows 10.0.20348". */
void hv_guest_os_describe(uint64_t id, char *text, size_t size);

/* What the guest did with something since it was reset. */
enum hv_use {
	HV_USE_NONE,
	HV_USE_SEEN,
	HV_USE_UNKNOWN, /* the hypervisor below serves it and does not tell */
};
/* Of a feature that is served: a MSR was read or written as only its users do, or it was called.
 * SynIC is one that is on with a SINT that is not masked, a timer one that was started, in direct
 * mode or not. Any thread. */
enum hv_use hv_feature_use(const struct hv *hv, enum hv_feature feature);
/* It enabled its hypercall page. Any thread. */
bool hv_hypercalls_used(const struct hv *hv);

/* ---- intercepts ------------------------------------------------------------------------------ */

/* False: the guest gets #GP. */
bool hv_msr_read(struct hv *hv, uint32_t vp, uint32_t index, uint64_t *value);
bool hv_msr_write(struct hv *hv, uint32_t vp, uint32_t index, uint64_t value);
/* A write of 4 bytes to a port. False: it is none of ours. */
bool hv_port_write(struct hv *hv, uint32_t vp, uint16_t port, uint32_t value);

/*
 * To be called before each vp_run: ends the interrupts that the guest left to us to end. Cheap when
 * there are none.
 */
void hv_before_run(struct hv *hv, uint32_t vp);

/* ---- for VMBus ------------------------------------------------------------------------------- */

/*
 * Serves HvPostMessage (section 11.10.1) to a connection. Returns what the guest shall get:
 * HV_STATUS_INSUFFICIENT_BUFFERS makes it try again later. payload is a private copy of at most 240
 * bytes. On a VP's thread.
 */
typedef hv_status (*hv_message_handler)(void *context, uint32_t vp, uint32_t type,
					const uint8_t *payload, uint32_t size);
/* One handler a connection; NULL takes it away. While no VP runs. */
void hv_message_handle(struct hv *hv, uint32_t connection_id, hv_message_handler handler,
		       void *context);

/*
 * HvSignalEvent to this connection makes fd (borrowed, an eventfd) readable, without an exit where
 * the hypervisor can. Stays over a reset. One per connection: NO_RESOURCES when there is one.
 */
hv_status hv_signal_bind(struct hv *hv, uint32_t connection_id, int fd);
/* fd is not written any more when it returns. None bound is fine. */
void hv_signal_unbind(struct hv *hv, uint32_t connection_id);

struct hv_message {
	uint32_t type;	 /* not 0 */
	uint32_t size;	 /* of the payload, at most 240 */
	uint64_t origin; /* port id */
	const uint8_t *payload;
};

enum hv_post {
	HV_POST_DELIVERED, /* it is in the VP's slot */
	HV_POST_QUEUED, /* it will be, in order, when the guest makes room or enables its SynIC */
	HV_POST_REFUSED /* the queue is full, or there is no partition: not taken */
};

/* Posts to a SINT (< 16) of a VP (< vp_count). */
enum hv_post hv_message_post(struct hv *hv, uint32_t vp, uint32_t sint,
			     const struct hv_message *message);
/* Called when a queue that refused has room again; on a VP's thread, or by hv_set_paused. One per
 * SINT, while no VP runs.
 */
void hv_message_on_room(struct hv *hv, uint32_t sint, void (*room)(void *context, uint32_t vp),
			void *context);

/*
 * Sets an event flag (< 2048) of a VP's SINT and interrupts the VP if it was clear. False when the
 * guest has no page for it, so that the event is lost.
 */
bool hv_event_set(struct hv *hv, uint32_t vp, uint32_t sint, uint32_t flag);

/* ---- time and statistics --------------------------------------------------------------------- */

/* The partition's reference time (section 12.3), units of 100 ns; 0 while there is no partition. */
uint64_t hv_reference_time(const struct hv *hv);

/* Adds to the count of signals that came without an exit: an eventfd's reader knows their number.
 */
void hv_count_signals(struct hv *hv, uint64_t n);
/* Calls back for every counter, of all partitions so far; the name is static. */
void hv_statistics(const struct hv *hv,
		   void (*visit)(void *context, const char *name, uint64_t value), void *context);

/* ---- saved state -------------------------------------------------------------------------------
 */

/*
 * All that a guest has told the interface and waits for, of each VP too. Not handlers, signals and
 * counters. While paused.
 */
void hv_save(struct hv *hv, struct state_writer *writer);
/*
 * Attached, before VPs run; the guest's memory and its VPs are as they were saved. Reference time
 * and what timers had left go on from there. Paused, until hv_set_paused says otherwise. False and
 * a fault when something cannot be, or when this host serves other features or has a TSC of another
 * frequency; then nothing of it is taken over.
 */
bool hv_restore(struct hv *hv, struct state_reader *reader);

#endif
