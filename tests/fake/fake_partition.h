/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A partition without KVM: partition.h served by this library, memory real, virtual processors
 * scripted. A test links partition_fake instead of partition and drives the other side through the
 * calls below. Any thread may call any of them.
 *
 * What a VP does: vp_run gives, in this order, the intercepts that were pushed, then whatever the
 * guest program (fake_set_guest) says, and else blocks as a busy guest does until one is pushed or
 * vp_cancel is called.
 *
 * Saved are the lines' levels, and of a VP its registers and its table of CPUID.
 */
#ifndef FAKE_PARTITION_H
#define FAKE_PARTITION_H

#include "partition.h"

/* One that has memory and a VP; aborts when it cannot be created. The caller deletes it. */
struct partition *fake_partition_of(uint64_t memory_size);

/* ---- failures ------------------------------------------------------------------------------- */

enum fake_call {
	FAKE_PARTITION_CREATE,
	FAKE_VP_CREATE,
	FAKE_SUPPORTED_CPUID,
	FAKE_VP_SET_CPUID,
	FAKE_VP_GET_REGISTERS,
	FAKE_VP_SET_REGISTERS,
	FAKE_VP_RUN,
	FAKE_SET_INTERRUPT_LINE,
	FAKE_SIGNAL_MSI,
	FAKE_BIND_PORT_EVENTFD,
	FAKE_BIND_IRQFD,
	FAKE_UNBIND_PORT_EVENTFD,
	FAKE_PARTITION_SAVE,
	FAKE_PARTITION_RESTORE,
	FAKE_VP_SAVE,
	FAKE_VP_RESTORE,
	FAKE_CALL_N
};

/* After `skip` more successful calls, every such call fails thus; SUCCESS ends it. */
void fake_fail(enum fake_call call, unsigned int skip, hv_status status, int sys_errno);

/* What partition_probe answers; NULL: the default, a usable AMD-V host. Copied. */
void fake_set_host(const struct partition_host *host);

/* Forgets failures, host and guest program, as before the first call; counters too. */
void fake_reset(void);

/* Calls made since fake_reset, failed ones too, and the objects that were not deleted yet. */
unsigned int fake_calls(enum fake_call call);
unsigned int fake_live_partitions(void);
unsigned int fake_live_vps(void);

/* ---- the guest ------------------------------------------------------------------------------ */

/*
 * A guest program: fills *intercept for the VP's next exit, number `step` from 0, whose pointers
 * stay the program's own, or returns false to block. Runs on the VP's thread. Set it before VPs
 * run.
 */
typedef bool (*fake_guest)(void *context, struct vp *vp, uint64_t step,
			   struct hv_intercept *intercept);
void fake_set_guest(fake_guest guest, void *context);

/*
 * Pushes. For writes `value` is what the guest wrote, little-endian; for reads the answer can be
 * had from fake_vp_answer once the VP was run again. They return the number of the push, from 0,
 * per VP.
 */
uint64_t fake_vp_push_io(struct vp *vp, bool write, uint16_t port, uint8_t size, uint64_t value);
/* data: count * size bytes, or NULL for a read. */
uint64_t fake_vp_push_string_io(struct vp *vp, bool write, uint16_t port, uint8_t size,
				uint32_t count, const void *data);
uint64_t fake_vp_push_mmio(struct vp *vp, bool write, uint64_t gpa, uint8_t size, uint64_t value);
uint64_t fake_vp_push_msr(struct vp *vp, bool write, uint32_t index, uint64_t value);
/* CANCELED, HALT, TRIPLE_FAULT, RESET. */
uint64_t fake_vp_push(struct vp *vp, enum hv_intercept_type type);
uint64_t fake_vp_push_error(struct vp *vp, uint32_t reason, uint64_t detail);

/*
 * Waits for at most timeout_ms until push number n was answered, that is until vp_run was called
 * again after it; false when it was not. Copies up to size bytes of the answer; *fault (may be
 * NULL) is an MSR access's.
 */
bool fake_vp_answer(struct vp *vp, uint64_t n, void *answer, size_t size, bool *fault,
		    unsigned int timeout_ms);

/* Waits until every push was answered and the VP blocks in vp_run. */
bool fake_vp_idle(struct vp *vp, unsigned int timeout_ms);

/* The partition's VP, NULL before vp_create; the partition created last and still alive, or NULL.
 */
struct vp *fake_partition_vp(struct partition *partition, uint32_t vp_index);
struct partition *fake_partition_last(void);

/* ---- time ------------------------------------------------------------------------------------ */

/* The frequency of every VP's TSC from now on (default 2 GHz), and what it reads. It stands still.
 */
void fake_set_tsc(uint64_t frequency, uint64_t tsc, bool stable);

/* ---- calls that the hypervisor serves itself ---------------------------------------------------
 */

/* What partition_native_calls answers from now on; NULL: the default, none. Copied. */
void fake_set_native_calls(const struct partition_native_calls *calls);

/* ---- what was done to it --------------------------------------------------------------------- */

/* What vp_set_cpuid set last; good until the next one. */
const struct hv_cpuid_entry *fake_vp_cpuid(struct vp *vp, size_t *n);
/* One register, 0 when never set. */
union hv_register_value fake_vp_register(struct vp *vp, hv_register_name name);

/* What vp_end_interrupt finds from now on: so often that the interrupt is left, then it ends. It
 * cannot be done before the first call. */
void fake_set_end_interrupts(struct partition *partition, unsigned int left);
/* How often one was ended. */
unsigned int fake_ends(struct partition *partition);
/* How often vp_halt was called. */
unsigned int fake_vp_halts(struct vp *vp);
/* What vp_set_guest_os_id said last, 0 at first. */
uint64_t fake_guest_os_id(struct partition *partition);
/* What vp_set_assist_page took last, of any VP; 0 at first. */
uint64_t fake_assist_page(struct partition *partition);
/* The property with which it was created. */
bool fake_synthetic_msrs(struct partition *partition);

/* The level of a line, and how many times it rose. */
bool fake_line_level(struct partition *partition, uint32_t gsi);
unsigned int fake_line_raises(struct partition *partition, uint32_t gsi);

struct fake_msi {
	uint64_t address;
	uint32_t data;
};
/* Copies the oldest `max` of the first 1024 MSIs; returns how many were signalled in all. */
size_t fake_msis(struct partition *partition, struct fake_msi *out, size_t max);

/* A guest's write to a port: true when an eventfd is bound to it and was signalled. */
bool fake_port_write(struct partition *partition, uint16_t port, uint8_t size, uint32_t value);
/* The eventfd bound to a GSI, -1 when none. */
int fake_irqfd(struct partition *partition, uint32_t gsi);

#endif
