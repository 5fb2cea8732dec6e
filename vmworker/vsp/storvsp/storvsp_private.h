/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Between the files of storvsp.h. Everything belongs to the I/O thread.
 *
 * Every packet that the guest sends takes a request out of the pool before it is received, and
 * gives it back when its answer is in the guest's ring. So the pool bounds everything: what is in
 * flight in the disks, what waits for room in the ring, and what waits for a reset to end.
 */
#ifndef STORVSP_PRIVATE_H
#define STORVSP_PRIVATE_H

#include "scsi.h"
#include "storvsp.h"
#include "vstor_wire.h"

/* Pages of the largest transfer, one more for its misalignment, and one for a row that does not
 * begin on a page. */
#define STORVSP_IOV (STORVSP_MAX_TRANSFER / 4096 + 2)

struct storvsp_channel;

struct storvsp_lun {
	struct storvsp *vsp;
	uint8_t number;
	bool present; /* changed on the thread, but for the main thread alone */
	/* A disk has gone and the guest, which had it, has not tried it since. One that comes to
	 * its place stays out of sight until then, or the guest would take it for the first. */
	bool unmissed, veiled;
	struct block *block; /* NULL: no disc */
	struct scsi_unit unit;
	unsigned int in_flight;
};

struct storvsp_request {
	struct block_request block;
	struct storvsp_channel *channel;
	struct storvsp_lun *lun; /* while in flight */
	struct storvsp_request *next;
	uint64_t transaction_id;
	struct vstor_packet packet; /* the guest's, then the answer */
	uint32_t packet_size;
	enum scsi_action action;
	uint32_t transfer; /* bytes that the guest is told of when all went well */
	/* UNMAP: the ranges from `index` on. WRITE SAME: the pattern's pieces and what is left. */
	uint32_t index, n_ranges;
	struct scsi_range same;
	uint32_t n_pattern;
	struct iovec pattern[4];
	union {
		struct iovec iov[STORVSP_IOV];
		struct scsi_range ranges[SCSI_RANGES_MAX];
	};
};

enum storvsp_state { STORVSP_NEW, STORVSP_BEGUN, STORVSP_VERSIONED, STORVSP_READY };

struct storvsp_channel {
	struct storvsp *vsp;
	struct vmbus_channel *vmbus; /* NULL: not open */
	enum storvsp_state state;
	bool dirty;   /* has sent what is not flushed */
	bool stalled; /* there may be packets that were not received */
	bool closing;
	unsigned int in_flight;			       /* in the disks */
	struct storvsp_request *unsent, **unsent_last; /* answers without room */
};

struct storvsp {
	char *name;
	struct io_thread *thread;
	struct vmbus_device *device;
	uint16_t max_sub_channels, version;
	/* The pool: those given back, and behind them those never used, whose memory is not touched
	 * before it is needed. */
	unsigned int n_requests, n_fresh;
	struct storvsp_request *requests, *free;
	struct storvsp_request *resets; /* wait for the disks to be idle */
	unsigned int in_flight;
	bool enumerate;	    /* the guest is to be told to look for disks */
	bool resume_posted; /* storvsp_resume comes */
	bool held;	    /* for a saved state; the next `ready` ends it */
	uint64_t touched;   /* LUNs with requests that were not committed */
	struct storvsp_stats stats;
	struct storvsp_lun luns[STORVSP_LUNS];
	struct storvsp_channel channels[1 + STORVSP_MAX_SUB_CHANNELS];
};

/* storvsp_channel.c */
extern const struct vmbus_device_ops storvsp_device_ops;
/* Sends the request's packet as its answer, now or when there is room. */
void storvsp_answer(struct storvsp_request *request);
/* Ends a batch: commits, flushes, and has stalled channels go on. */
void storvsp_end_batch(struct storvsp *vsp);
bool storvsp_has_driver(const struct storvsp *vsp);
/* The guest is to look for disks; the end of a batch tells it. */
void storvsp_enumerate(struct storvsp *vsp);
uint64_t storvsp_lun_mask(const struct storvsp *vsp);
/* Whether the guest is to see a disk there. */
static inline bool storvsp_lun_is_shown(const struct storvsp_lun *lun)
{
	return lun->present && !lun->veiled;
}

/* There is one free. */
struct storvsp_request *storvsp_request_take(struct storvsp_channel *channel);
static inline bool storvsp_has_request(const struct storvsp *vsp)
{
	return vsp->free || vsp->n_fresh;
}
bool storvsp_version_is_known(uint16_t version);
/* The packet waits for room, behind the others. */
void storvsp_queue(struct storvsp_request *request);

/* storvsp_saved.c: of struct vmbus_device_ops. */
void storvsp_hold(void *context, struct vmbus_channel *vmbus);
void storvsp_save(void *context, struct vmbus_channel *vmbus, struct state_writer *writer);
void storvsp_restore(void *context, struct vmbus_channel *vmbus, struct state_reader *reader);

/* storvsp_srb.c */
void storvsp_srb_execute(struct storvsp_request *request, const struct vmbus_packet *packet);
/* Waits until nothing of the channel, or of the LUN, is in flight; what has not started fails. */
void storvsp_channel_quiesce(struct storvsp_channel *channel);
void storvsp_lun_quiesce(struct storvsp_lun *lun);
/* Fails what has not started, and answers the resets when nothing is in flight any more. */
void storvsp_reset(struct storvsp_request *request);

#endif
