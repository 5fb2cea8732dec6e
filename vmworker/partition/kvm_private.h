/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kvm_*.c files, the only users of /dev/kvm, share. */
#ifndef KVM_PRIVATE_H
#define KVM_PRIVATE_H

#include <linux/kvm.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "guest_memory.h"

struct partition {
	struct guest_memory memory;
	int kvm_fd, vm_fd;
	size_t run_size; /* bytes of struct kvm_run and what follows it */
	bool irqchip;
	bool apic_assist;		    /* is wanted, and KVM has it */
	bool sync_registers;		    /* KVM shares the general registers in kvm_run */
	uint64_t tsc_frequency, tsc_offset; /* of VP 0 */
	uint32_t vp_count;
	struct vp *vps[]; /* vp_count, NULL until created */
};

struct vp {
	struct partition *partition;
	uint32_t index;
	int fd;
	int stats_fd;	     /* -1 where the kernel keeps no statistics; opened at birth, since the
			      * ioctl waits for vp_run to return */
	struct kvm_run *run; /* shared with the kernel */
	bool dead;	     /* after HV_INTERCEPT_UNRECOVERABLE */
	bool unfinished;     /* KVM has an instruction to complete, maybe */
	bool exited;	     /* kvm_run has an intercept that vp_run did not return yet */
	struct hv_cpuid_entry *cpuid; /* as vp_set_cpuid got them, n_cpuid; NULL before */
	size_t n_cpuid;
	_Atomic pid_t tid; /* of the thread in vp_run, 0 when none */
	_Atomic uint64_t intercepts[HV_INTERCEPT_N];
};

/* Fills *fault (may be NULL) and returns its status. `call` is static. */
hv_status kvm_fault(struct hv_fault *fault, hv_status status, const char *call, int sys_errno);
/* The same with the status that an errno of KVM stands for. */
hv_status kvm_fault_errno(struct hv_fault *fault, const char *call, int sys_errno);

/* An ioctl, again when a signal came in between. -1 with errno. */
int kvm_ioctl(int fd, unsigned long request, const void *argument);

/* Opens /dev/kvm and checks its API version; -1 with *fault. */
int kvm_open(struct hv_fault *fault);
/* Checks the capabilities that a partition cannot do without. */
hv_status kvm_check_required(int kvm_fd, struct hv_fault *fault);
bool kvm_has_cap(int fd, unsigned long cap);
/* What KVM_CHECK_EXTENSION says; 0 when it is absent. */
int kvm_cap_value(int fd, unsigned long cap);
/* What the processor has; PARTITION_VIRT_NONE says nothing about /dev/kvm. */
enum partition_virt kvm_virt_of_processor(void);

/* One MSR of a VP; false: KVM has none of that index, or refuses the value. A filter of MSRs is for
 * the guest only. */
bool kvm_msr_get(const struct vp *vp, uint32_t index, uint64_t *value);
bool kvm_msr_set(const struct vp *vp, uint32_t index, uint64_t value);
/* Turns accesses to the synthetic MSRs into exits. */
hv_status kvm_filter_msrs(struct partition *partition, struct hv_fault *fault);
/* Learns how the first VP's TSC runs. */
void kvm_learn_tsc(struct vp *vp);
/* What KVM adds to the host's TSC for this VP. */
bool kvm_tsc_offset(const struct vp *vp, uint64_t *offset);
bool kvm_set_tsc_offset(const struct vp *vp, uint64_t offset);
/* Hands registers that were set in kvm_run over to KVM, so that its ioctls see them. */
hv_status kvm_flush_registers(struct vp *vp);

#endif
