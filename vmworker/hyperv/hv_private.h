/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the hv_*.c files share.
 *
 * Locks: hv->lock guards what belongs to the partition as a whole, each VP's lock what belongs to
 * the VP. A VP's lock may be taken with hv->lock held, never the other way round, and never two
 * VPs' at once.
 */
#ifndef HV_PRIVATE_H
#define HV_PRIVATE_H

#include <glib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "hv.h"
#include "hv_reftime.h"
#include "hv_tlfs.h"

#define HV_QUEUE_LENGTH 64u

enum hv_counter {
	HV_COUNT_CALL_SPIN_WAIT,
	HV_COUNT_CALL_POST_MESSAGE,
	HV_COUNT_CALL_SIGNAL_EVENT,
	HV_COUNT_CALL_OTHER,
	HV_COUNT_CALL_REFUSED,
	HV_COUNT_MSR_READ,
	HV_COUNT_MSR_WRITE,
	HV_COUNT_MSR_FAULT,
	HV_COUNT_MESSAGE_DELIVERED,
	HV_COUNT_MESSAGE_QUEUED,
	HV_COUNT_MESSAGE_REFUSED,
	HV_COUNT_SIGNAL_EXIT,
	HV_COUNT_SIGNAL_EVENTFD,
	HV_COUNT_EVENT_SET,
	HV_COUNT_INTERRUPT,
	HV_COUNT_TIMER,
	HV_COUNT_N
};

/* Messages that wait for their slot. */
struct hv_queue {
	struct hv_message_slot
		*messages; /* HV_QUEUE_LENGTH of them, made by the first that waits */
	uint32_t first, n;
	bool refused; /* since there was room last */
};

struct hv_stimer {
	uint64_t config, count; /* as the guest wrote them */
	uint64_t deadline;	/* host's clock, ns; 0: not running */
	uint64_t expiration;	/* reference time */
	bool waiting;		/* expired, and its message not delivered yet */
};

struct hv_vp {
	struct hv *hv;
	uint32_t index;
	struct vp *vp; /* NULL while detached; constant while VPs run */
	uint64_t assist_page;
	uint64_t runtime_base, runtime_told; /* units of 100 ns; of the VP's thread */
	pthread_mutex_t lock;		     /* guards what follows */
	struct partition *partition;	     /* NULL while detached */
	uint64_t scontrol, siefp, simp, sint[HV_SINTS];
	struct hv_queue queue[HV_SINTS];
	struct hv_stimer stimer[HV_STIMERS];
	uint64_t auto_eoi[4];  /* vectors that were raised and not ended yet */
	uint64_t eoi_deadline; /* when to look for them; 0: none */
	_Atomic bool eoi_due;  /* there are some; written under the lock */
	bool paused;
	void *timer; /* of hv_clock: the first of them */
};

struct hv_handler {
	hv_message_handler call;
	void *context;
};

struct hv_room {
	void (*call)(void *context, uint32_t vp);
	void *context;
};

struct hv {
	struct hv_config config;
	struct hv_features served;
	struct partition_native_calls native;
	struct hv_reftime reftime;
	uint64_t tsc_frequency;
	GHashTable *handlers; /* connection id -> struct hv_handler; constant while VPs run */
	struct hv_room room[HV_SINTS];
	_Atomic uint64_t counters[HV_COUNT_N];
	_Atomic uint32_t used; /* HV_FEATURE_BIT of each, and of HV_USE_HYPERCALLS */

	pthread_mutex_t lock;			 /* guards what follows */
	struct partition *partition;		 /* NULL while detached */
	GHashTable *signals;			 /* connection id -> descriptor */
	_Atomic uint64_t guest_os_id, hypercall; /* written under the lock */
	uint64_t reference_tsc, tsc_invariant;
	uint64_t crash[HV_CRASH_PARAMETERS];

	struct hv_vp vps[];
};

static inline void hv_count(struct hv *hv, enum hv_counter counter)
{
	atomic_fetch_add_explicit(&hv->counters[counter], 1, memory_order_relaxed);
}

static inline bool hv_serves(const struct hv *hv, enum hv_feature feature)
{
	return (hv->served.on & HV_FEATURE_BIT(feature)) != 0;
}

/* Behind the features: the hypercall page, which comes with the interface. */
#define HV_USE_HYPERCALLS HV_FEATURE_N

/* The guest took it up; `what` is a feature or HV_USE_HYPERCALLS. Any thread. */
static inline void hv_use(struct hv *hv, unsigned int what)
{
	if ((atomic_load_explicit(&hv->used, memory_order_relaxed) & HV_FEATURE_BIT(what)) == 0)
		atomic_fetch_or_explicit(&hv->used, HV_FEATURE_BIT(what), memory_order_relaxed);
}

/* hv.c. Reference time of the VP's partition, which has to be attached for as long as it takes. */
uint64_t hv_time(const struct hv *hv, const struct partition *partition);
struct hv_features hv_features_possible(struct hv_features wanted, bool tsc_stable,
					uint64_t tsc_frequency,
					const struct partition_native_calls *native);

/* Forgets what the guest told; locked by hv->lock, and by the VP's. */
void hv_forget(struct hv *hv);
void hv_vp_forget(struct hv_vp *vp);

/*
 * Saved state of a VP; all locked. The restoring ones read values into the VP, which hv_restore
 * has reset if there is a fault in the end.
 */
void hv_synic_save(const struct hv_vp *vp, struct state_writer *writer);
void hv_synic_restore(struct hv_vp *vp, struct state_reader *reader);
void hv_auto_eoi_save(const struct hv_vp *vp, struct state_writer *writer);
void hv_auto_eoi_restore(struct hv_vp *vp, struct state_reader *reader);
void hv_stimer_save(const struct hv_vp *vp, struct state_writer *writer);
void hv_stimer_restore(struct hv_vp *vp, struct state_reader *reader);
void hv_message_save(const struct hv_vp *vp, struct state_writer *writer);
void hv_message_restore(struct hv_vp *vp, struct state_reader *reader);

/* hv_use.c. By what the registers say; locked. */
void hv_use_synic(struct hv_vp *vp);
void hv_use_stimer(struct hv_vp *vp, const struct hv_stimer *timer);
void hv_use_save(const struct hv *hv, struct state_writer *writer);
void hv_use_restore(struct hv *hv, struct state_reader *reader);
/* By all registers, as far as they tell: of a state that has nothing else. */
void hv_use_infer(struct hv *hv);

/* hv_hypercall_page.S */
extern const uint8_t hv_hypercall_page[];
extern const size_t hv_hypercall_page_size;
/* Where it has what goes to a port, by 64-bit and 32-bit code, each with room up to the next. */
#define HV_PAGE_ROUTE_64 0x40u
#define HV_PAGE_ROUTE_32 0x80u

/* hv_hypercall.c. Serves one call; `vp` is the caller's. Returns the result value for RAX. */
uint64_t hv_hypercall(struct hv_vp *vp, uint64_t control, uint64_t input, uint64_t input_high);
/* Writes the code to the page that a value of the MSR names; false when that is no RAM. */
bool hv_hypercall_install(struct hv *hv, uint64_t value);

/* hv_connection.c */
hv_status hv_connection_post(struct hv_vp *vp, const struct hv_input_post_message *input);
hv_status hv_connection_signal(struct hv *hv, uint32_t connection_id, uint16_t flag);
/* Binds all signals to the attached partition. Locked. */
hv_status hv_connections_attach(struct hv *hv);

/* hv_synic.c. Registers: false is #GP; unlocked. */
bool hv_synic_read(struct hv_vp *vp, uint32_t index, uint64_t *value);
bool hv_synic_write(struct hv_vp *vp, uint32_t index, uint64_t value);
void hv_synic_reset(struct hv_vp *vp); /* locked */
/* Raises a vector on the VP. Locked. */
void hv_synic_interrupt(struct hv_vp *vp, uint8_t vector);
void hv_synic_interrupt_sint(struct hv_vp *vp, uint32_t sint);
/* The page that SIMP or SIEFP names, if the guest enabled it and it is RAM. Locked. */
void *hv_synic_page(const struct hv_vp *vp, uint64_t value);

/* hv_auto_eoi.c. All locked but hv_auto_eoi_serve, which hv_before_run is. */
void hv_auto_eoi_raised(struct hv_vp *vp, uint8_t vector);
void hv_auto_eoi_look(struct hv_vp *vp); /* brings the VP out of the guest */
void hv_auto_eoi_reset(struct hv_vp *vp);

/* hv_message.c. Tries to deliver what waits for a SINT. Locked. */
void hv_message_deliver(struct hv_vp *vp, uint32_t sint);
/* Both for every SINT: deliver, locked, returns who is to be told, unlocked. */
uint32_t hv_message_deliver_all(struct hv_vp *vp);
void hv_message_tell_rooms(struct hv_vp *vp, uint32_t rooms);
void hv_message_reset(struct hv_vp *vp);

/* hv_stimer.c */
bool hv_stimer_read(struct hv_vp *vp, uint32_t index, uint64_t *value);
bool hv_stimer_write(struct hv_vp *vp, uint32_t index, uint64_t value);
void hv_stimer_reset(struct hv_vp *vp);	     /* locked */
void hv_host_timer_set(struct hv_vp *vp);    /* to the first deadline; locked */
void hv_stimer_expired(void *owner);	     /* of the VP; from the clock, unlocked */
void hv_stimer_expire_due(struct hv_vp *vp); /* what is due, ends of interrupts too; locked */
/* The message of the first timer of this SINT that waits, if one does. Locked. */
bool hv_stimer_peek(struct hv_vp *vp, uint32_t sint, struct hv_message_slot *message,
		    unsigned int *timer);
void hv_stimer_delivered(struct hv_vp *vp, unsigned int timer);

/* hv_crash.c. Locked by hv->lock for the parameters. */
bool hv_crash_read(struct hv_vp *vp, uint32_t index, uint64_t *value);
bool hv_crash_write(struct hv_vp *vp, uint32_t index, uint64_t value);

#endif
