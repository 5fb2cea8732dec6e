/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FAKE_PRIVATE_H
#define FAKE_PRIVATE_H

#include <glib.h>

#include "fake_partition.h"
#include "guest_memory.h"

#define FAKE_N_GSIS   24u
#define FAKE_MAX_MSIS 1024u

struct fake_binding {
	uint16_t port;
	uint8_t size; /* 0: any */
	uint32_t value;
	int fd; /* borrowed */
};

struct partition {
	struct guest_memory memory;
	uint32_t vp_count;
	bool synthetic_msrs, apic_assist;
	struct vp *vps[PARTITION_MAX_VPS];

	GMutex lock; /* guards what follows */
	bool level[FAKE_N_GSIS];
	unsigned int raises[FAKE_N_GSIS];
	int irqfd[FAKE_N_GSIS];
	struct fake_msi msis[FAKE_MAX_MSIS];
	size_t n_msis;
	bool can_end;
	unsigned int left, ends;
	uint64_t guest_os_id, assist_page;
	GArray *bindings; /* struct fake_binding */
};

/* One scripted intercept and the room for its answer. */
struct fake_push {
	struct hv_intercept intercept;
	uint8_t *data;
	size_t size;
	uint64_t msr_value;
	bool msr_fault;
};

struct vp {
	struct partition *partition;
	uint32_t index;

	GMutex lock; /* guards what follows */
	GCond changed;
	GPtrArray *pushes; /* struct fake_push, all that ever were */
	guint delivered;   /* how many of them vp_run returned */
	guint answered;	   /* how many of them were followed by another vp_run */
	bool idle;	   /* blocked in vp_run with nothing to do */
	bool cancel;
	uint64_t step; /* of the guest program */
	GArray *cpuid; /* struct hv_cpuid_entry */
	GHashTable *registers;
	struct vp_statistics statistics;
	unsigned int halts;
};

/* Counts the call; true when it is to fail, and how. fault may be NULL. */
bool fake_call_fails(enum fake_call call, const char *name, hv_status *status,
		     struct hv_fault *fault);
void fake_count_partition(struct partition *partition, bool born);
void fake_count_vp(bool born);
/* The names of all registers, n of them. */
const hv_register_name *fake_register_names(size_t *n);
bool fake_run_guest(struct vp *vp, uint64_t step, struct hv_intercept *intercept);

#endif
