/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A partition with a guest in it, for tests on real KVM. */
#ifndef KVM_FIXTURE_H
#define KVM_FIXTURE_H

#include <glib.h>

#include "guests.h"
#include "partition.h"

/* 0, or 77 having said why nothing can be tested here. */
int kvm_missing(void);

struct machine {
	struct partition *partition;
	struct vp *vps[PARTITION_MAX_VPS];
};

/* n VPs, the first of them in real mode at the guest, which is loaded at GUEST_LOAD_ADDRESS. */
struct machine *machine_new(uint64_t memory, uint32_t n, bool irqchip, const char *guest,
			    size_t guest_size);
void machine_free(struct machine *machine);
typedef struct machine machine_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(machine_t, machine_free)

void set_register(struct vp *vp, hv_register_name name, uint64_t value);
uint64_t get_register(struct vp *vp, hv_register_name name);
/* Flat 32-bit protected mode, or long mode with the page table at cr3; RIP stays. */
void set_protected_mode(struct vp *vp);
void set_long_mode(struct vp *vp, uint64_t cr3);

void write64(struct machine *machine, uint64_t gpa, uint64_t value);
/* VP 0 in long mode, with the page at 2 MiB (virtual) at `window`. */
void enter_long_mode(struct machine *machine, uint64_t window);

/* Runs and wants this kind of intercept. */
void run_until(struct vp *vp, struct hv_intercept *intercept, enum hv_intercept_type type);

#endif
