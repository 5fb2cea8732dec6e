/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The partition API: what a root partition asks of the hypervisor, in the shape of the TLFS's
 * partition, memory and virtual-processor hypercalls, served by KVM. It is the only door to
 * /dev/kvm in this tree: kvm_*.c hold every KVM ioctl, and tests/fake serves the same header
 * without KVM.
 *
 * Life of a partition: partition_create (VM, guest RAM, interrupt controllers, in the order that
 * KVM is fast with) -> vp_create for each VP -> vp_set_cpuid, vp_set_registers -> vp_run in one
 * thread per VP -> vp_delete -> partition_delete. A reset is a new partition.
 *
 * Threading: a partition and its memory map are built by one thread before any VP runs and do not
 * change while one does, so lookups take no lock. vp_run, vp_get_registers and vp_set_registers of
 * a VP belong to the thread that runs it; vp_cancel, the interrupt calls and the statistics may be
 * used by any thread.
 */
#ifndef PARTITION_H
#define PARTITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv_status.h"

struct partition;
struct vp;
struct state_reader; /* state.h */
struct state_writer;

#define PARTITION_PAGE_SIZE 4096ull
#define PARTITION_MAX_VPS   240u
/* Guest RAM fills GPA 0 up to here; what is above continues at PARTITION_HIGH_BASE. */
#define PARTITION_LOW_LIMIT 0xc0000000ull
#define PARTITION_HIGH_BASE 0x100000000ull

/* ---- host ---------------------------------------------------------------------------------- */

enum partition_virt {
	PARTITION_VIRT_NONE,
	PARTITION_VIRT_AMDV,
	PARTITION_VIRT_VTX,
	PARTITION_VIRT_SOFTWARE
};

struct partition_cap {
	const char *name; /* static, "KVM_CAP_IRQCHIP" */
	bool required;
	int value; /* what KVM_CHECK_EXTENSION said; 0 is absent */
};

#define PARTITION_MAX_CAPS 32
struct partition_host {
	enum partition_virt
		virt;	       /* from the CPU flags; SOFTWARE: /dev/kvm works without svm or vmx */
	bool usable;	       /* a partition can be created */
	struct hv_fault fault; /* why not, when !usable */
	int api_version;
	uint32_t max_vps;
	size_t n_caps;
	struct partition_cap caps[PARTITION_MAX_CAPS];
};

/* Looks at /dev/kvm and the CPU flags. Never fails: what is missing is in the answer. */
void partition_probe(struct partition_host *host);

/* ---- partition ----------------------------------------------------------------------------- */

/* The MSRs that the TLFS keeps for hypervisors. */
#define PARTITION_SYNTHETIC_MSRS   0x40000000u
#define PARTITION_N_SYNTHETIC_MSRS 0x200u

struct partition_properties {
	uint64_t memory_size; /* bytes, multiple of PARTITION_PAGE_SIZE, >= 1 MiB */
	uint32_t vp_count;    /* 1..PARTITION_MAX_VPS: how many VPs will be created */
	bool irqchip;	      /* PIC, IOAPIC, LAPIC and PIT in the hypervisor; false for tests */
	int hypervisor_fd; /* from partition_open_hypervisor, borrowed; 0: opened for this call */
	int pages_fd;	   /* the same, from partition_open_pages */
	/* Accesses to MSRs PARTITION_SYNTHETIC_MSRS become intercepts; else they fault. */
	bool synthetic_msrs;
	/* But those of the local APIC: they are served without one where the hypervisor can. */
	bool apic_assist;
};

/*
 * Opens the hypervisor once, for a process that gives up opening files and creates partitions
 * later. Returns a descriptor above 2 that the caller closes, or -1 and *fault as partition_create
 * does.
 */
int partition_open_hypervisor(struct hv_fault *fault);

/* The same for what tells which pages of RAM are used (partition_next_used). -1 and errno: all of a
 * partition's RAM will count as used. */
int partition_open_pages(void);

/*
 * Creates a partition with its RAM (zeroed, populated on touch). On failure *fault
 * says which call failed; INSUFFICIENT_MEMORY for RAM, ACCESS_DENIED for /dev/kvm's permissions,
 * OPERATION_DENIED where there is no /dev/kvm, PROPERTY_VALUE_OUT_OF_RANGE for the properties,
 * PROCESSOR_FEATURE_NOT_SUPPORTED for a missing capability.
 */
hv_status partition_create(const struct partition_properties *properties, struct partition **ret,
			   struct hv_fault *fault);

/* Deletes the partition and its VPs, none of which may be running. NULL is fine. */
void partition_delete(struct partition *partition);

uint64_t partition_memory_size(const struct partition *partition);
uint32_t partition_vp_count(const struct partition *partition);

/* ---- time ------------------------------------------------------------------------------------ */

/* Whether the TSCs of this host run alike at one rate for ever. May open a file; any time. */
bool partition_tsc_is_stable(void);
/* Of the VPs' TSCs, in Hz; 0 when unknown. Since VP 0 was created. */
uint64_t partition_tsc_frequency(const struct partition *partition);
/* What the TSC of VP 0 reads now, unless the guest set it. Since VP 0 was created; any thread. */
uint64_t partition_guest_tsc(const struct partition *partition);

/* ---- guest physical memory ------------------------------------------------------------------ */

struct gpa_range {
	uint64_t base; /* GPA */
	uint64_t size; /* bytes */
};

/* The RAM ranges, ascending: one, or two around the PCI hole. Returns how many were written. */
size_t partition_ram_ranges(const struct partition *partition, struct gpa_range out[2]);

/*
 * The host address of [gpa, gpa + size), or NULL unless all of it is RAM of one range. The pointer
 * is good for the life of the partition. The guest writes there at any time: copy, then check.
 */
void *partition_gpa_pointer(const struct partition *partition, uint64_t gpa, uint64_t size);

/* Copies; INVALID_PARAMETER unless all of [gpa, gpa + size) is RAM (it may cross ranges' ends not).
 */
hv_status partition_read_gpa(const struct partition *partition, uint64_t gpa, void *data,
			     size_t size);
hv_status partition_write_gpa(struct partition *partition, uint64_t gpa, const void *data,
			      size_t size);

/*
 * The first part of RAM at or after gpa, in one range, that may hold anything but zeroes; false:
 * there is none. Whoever reads all RAM looks there only, for looking at memory that was never
 * touched takes it from the host.
 */
bool partition_next_used(const struct partition *partition, uint64_t gpa, struct gpa_range *used);

/*
 * Puts a private (copy-on-write) mapping of a file over guest RAM, before any VP runs, so that
 * partitions booted from one file share its pages. gpa, offset and size are page-aligned.
 */
hv_status partition_map_file(struct partition *partition, uint64_t gpa, int fd, uint64_t offset,
			     uint64_t size);

/* ---- virtual processors --------------------------------------------------------------------- */

/* vp_index is 0..vp_count-1 and is also the APIC id. VP 0 is the bootstrap processor. */
hv_status vp_create(struct partition *partition, uint32_t vp_index, struct vp **ret,
		    struct hv_fault *fault);
/* Also done by partition_delete. NULL is fine. */
void vp_delete(struct vp *vp);
uint32_t vp_index(const struct vp *vp);

struct hv_cpuid_entry {
	uint32_t function, index;
	bool indexed; /* index is significant */
	uint32_t eax, ebx, ecx, edx;
};

/*
 * What the hypervisor can offer on this host, *n_inout entries at most; *n_inout becomes the count
 * (NO_RESOURCES when there was no room). VP- and topology-dependent leaves are the host's:
 * hyperv/cpuid.h makes a guest's table of it.
 */
hv_status partition_supported_cpuid(const struct partition *partition,
				    struct hv_cpuid_entry *entries, size_t *n_inout);
hv_status vp_set_cpuid(struct vp *vp, const struct hv_cpuid_entry *entries, size_t n);

/* TLFS, HV_REGISTER_NAME. */
typedef enum hv_register_name {
	HV_X64_REGISTER_RAX = 0x00020000,
	HV_X64_REGISTER_RCX,
	HV_X64_REGISTER_RDX,
	HV_X64_REGISTER_RBX,
	HV_X64_REGISTER_RSP,
	HV_X64_REGISTER_RBP,
	HV_X64_REGISTER_RSI,
	HV_X64_REGISTER_RDI,
	HV_X64_REGISTER_R8,
	HV_X64_REGISTER_R9,
	HV_X64_REGISTER_R10,
	HV_X64_REGISTER_R11,
	HV_X64_REGISTER_R12,
	HV_X64_REGISTER_R13,
	HV_X64_REGISTER_R14,
	HV_X64_REGISTER_R15,
	HV_X64_REGISTER_RIP,
	HV_X64_REGISTER_RFLAGS,
	HV_X64_REGISTER_CR0 = 0x00040000,
	HV_X64_REGISTER_CR2,
	HV_X64_REGISTER_CR3,
	HV_X64_REGISTER_CR4,
	HV_X64_REGISTER_CR8,
	HV_X64_REGISTER_ES = 0x00060000,
	HV_X64_REGISTER_CS,
	HV_X64_REGISTER_SS,
	HV_X64_REGISTER_DS,
	HV_X64_REGISTER_FS,
	HV_X64_REGISTER_GS,
	HV_X64_REGISTER_LDTR,
	HV_X64_REGISTER_TR,
	HV_X64_REGISTER_IDTR = 0x00070000,
	HV_X64_REGISTER_GDTR,
	HV_X64_REGISTER_EFER = 0x00080001,
} hv_register_name;

struct hv_segment_register { /* TLFS, HV_X64_SEGMENT_REGISTER */
	uint64_t base;
	uint32_t limit;
	uint16_t selector;
	uint16_t attributes; /* type:4 s:1 dpl:2 p:1 reserved:4 avl:1 l:1 db:1 g:1 */
};

struct hv_table_register { /* TLFS, HV_X64_TABLE_REGISTER */
	uint16_t limit;
	uint64_t base;
};

union hv_register_value {
	uint64_t reg64;
	struct hv_segment_register segment;
	struct hv_table_register table;
};

/* All or none of the named registers; INVALID_PARAMETER for an unknown name. */
hv_status vp_get_registers(struct vp *vp, const hv_register_name *names,
			   union hv_register_value *values, size_t n);
hv_status vp_set_registers(struct vp *vp, const hv_register_name *names,
			   const union hv_register_value *values, size_t n);

/*
 * The registers of the TLFS's hypercall conventions. On the VP's thread while it serves an
 * intercept; where the hypervisor shares them with us, without a system call.
 */
struct hv_call_registers {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, r8, rflags;
};
hv_status vp_get_call_registers(struct vp *vp, struct hv_call_registers *registers);
/* Sets all of them. */
hv_status vp_set_call_registers(struct vp *vp, const struct hv_call_registers *registers);

/* Lets the next vp_run wait for an interrupt that the VP takes, as HLT does. On the VP's thread;
 * needs the in-kernel interrupt controllers. */
hv_status vp_halt(struct vp *vp);

/*
 * Ends an interrupt in the guest's stead, if it is the one in service; for guests that were told
 * not to (TLFS, "AutoEOI"). On the VP's thread. *left: it waits to be taken, or for one above it to
 * end. PROCESSOR_FEATURE_NOT_SUPPORTED where partition_can_end_interrupts says no.
 */
hv_status vp_end_interrupt(struct vp *vp, uint8_t vector, bool *left);
bool partition_can_end_interrupts(const struct partition *partition);

/* ---- hypercalls that the hypervisor below serves ----------------------------------------------
 */

/* Those of the TLFS that it serves without an intercept, and how guests reach it with them. */
struct partition_native_calls {
	bool tlb_flush;		/* HvFlushVirtualAddressSpace, ...List, and both ...Ex */
	bool ipi;		/* HvSendSyntheticClusterIpi, and ...Ex */
	uint8_t instruction[3]; /* with the registers of the TLFS; only when one of them is served
				 */
	bool apic_assist; /* not calls: the MSRs EOI, ICR and TPR, and EOIs by the assist page; when
			   * the partition's property asks for it */
};
void partition_native_calls(const struct partition *partition, struct partition_native_calls *out);

/*
 * Tells the hypervisor what the guest said that it is (TLFS, section 2.6): it serves nobody who did
 * not, which is 0. For the whole partition; on the VP's thread, after vp_set_cpuid.
 */
hv_status vp_set_guest_os_id(struct vp *vp, uint64_t id);

/*
 * Where a VP has its assist page, as its guest wrote that to the MSR (TLFS, section 7.8.7): its
 * EOIs need no intercept from then on. OPERATION_DENIED when there is no memory. On the VP's
 * thread.
 */
hv_status vp_set_assist_page(struct vp *vp, uint64_t value);

/* ---- running and intercepts ------------------------------------------------------------------ */

enum hv_intercept_type {
	HV_INTERCEPT_CANCELED,	    /* vp_cancel, or a signal */
	HV_INTERCEPT_IO_PORT,	    /* .io */
	HV_INTERCEPT_MMIO,	    /* .mmio */
	HV_INTERCEPT_MSR,	    /* .msr: of the synthetic ones (partition_properties) */
	HV_INTERCEPT_HALT,	    /* HLT without an in-kernel LAPIC */
	HV_INTERCEPT_TRIPLE_FAULT,  /* the VP shut down */
	HV_INTERCEPT_RESET,	    /* the hypervisor itself saw a reset request */
	HV_INTERCEPT_UNRECOVERABLE, /* .error: the VP cannot go on */
	HV_INTERCEPT_N
};

/* Static, as counters and users name it: "io", "mmio", ... */
const char *hv_intercept_type_name(enum hv_intercept_type type);

/* The reason in hv_intercept.error when entering the guest failed as a system call. */
#define HV_INTERCEPT_ERROR_RUN UINT32_MAX

struct hv_intercept {
	enum hv_intercept_type type;
	union {
		struct {
			uint16_t port;
			uint8_t size; /* 1, 2 or 4 bytes per access */
			bool write;
			uint32_t count; /* accesses, more than 1 for ins/outs */
			void *data;	/* count * size bytes: read them, or fill them in */
		} io;
		struct {
			uint64_t gpa;
			uint8_t size; /* 1..8 */
			bool write;
			void *data; /* size bytes: read them, or fill them in */
		} mmio;
		struct {
			uint32_t index;
			bool write;
			uint64_t *value; /* read it, or fill it in */
			bool *fault;	 /* set: the guest gets #GP */
		} msr;
		struct {
			uint32_t reason; /* KVM's exit reason, or HV_INTERCEPT_ERROR_RUN */
			uint64_t detail; /* KVM_INTERNAL_ERROR's suberror, the hardware's reason, or
					  * errno for HV_INTERCEPT_ERROR_RUN */
		} error;
	};
};

/*
 * Enters the guest until something must be done for it. The answers that an intercept asks for are
 * written through its pointers before the next vp_run, which completes the instruction; nothing in
 * *intercept outlives that call. Fails with INVALID_VP_STATE only when the VP can never run again.
 */
hv_status vp_run(struct vp *vp, struct hv_intercept *intercept);

/*
 * Makes the current or the next vp_run return HV_INTERCEPT_CANCELED soon; it may return so once
 * more than it was called. Any thread. Takes SIGRTMIN of the process and of the threads that run
 * VPs.
 */
void vp_cancel(struct vp *vp);

/* ---- interrupts and event descriptors -------------------------------------------------------- */

/* Drives a GSI of the in-kernel PIC and IOAPIC (0..23). */
hv_status partition_set_interrupt_line(struct partition *partition, uint32_t gsi, bool level);
/* Delivers an MSI (address and data as the device would write them). */
hv_status partition_signal_msi(struct partition *partition, uint64_t address, uint32_t data);
/* A write of `value` (size bytes; size 0: any) to the port makes fd readable without an intercept.
 */
hv_status partition_bind_port_eventfd(struct partition *partition, uint16_t port, uint8_t size,
				      uint32_t value, int fd);
/* The same arguments end it. INVALID_PARAMETER when there is no such binding. */
hv_status partition_unbind_port_eventfd(struct partition *partition, uint16_t port, uint8_t size,
					uint32_t value, int fd);
/* A write to the eventfd pulses the GSI. */
hv_status partition_bind_irqfd(struct partition *partition, uint32_t gsi, int fd);

/* ---- statistics ------------------------------------------------------------------------------ */

struct vp_statistics {
	uint64_t intercepts[HV_INTERCEPT_N]; /* returned by vp_run */
};
void vp_get_statistics(const struct vp *vp, struct vp_statistics *out);

/*
 * Calls back for each counter that the hypervisor keeps, of the partition (vp NULL) or one VP; the
 * name is valid during the call only. Silently none where the hypervisor keeps none.
 */
void partition_foreach_counter(const struct partition *partition, const struct vp *vp,
			       void (*visit)(void *context, const char *name, uint64_t value),
			       void *context);

/* ---- saved state -------------------------------------------------------------------------------
 */

/*
 * What the hypervisor keeps of a partition beside its VPs and its memory: interrupt controllers,
 * PIT, and how far the TSC is, which goes on from there. While no VP runs; any thread. Restored
 * after vp_create of all VPs, before vp_restore of any.
 */
hv_status partition_save(struct partition *partition, struct state_writer *writer);
hv_status partition_restore(struct partition *partition, struct state_reader *reader);

/*
 * A VP with all that a guest can find in it, but the synthetic MSRs, which are hv_save's. Any
 * thread, while the VP does not run. vp_save first completes the instruction of the last intercept,
 * which has to be answered. INVALID_VP_STATE: that takes one more intercept, which vp_run will
 * return; or the VP can never run again.
 *
 * vp_restore comes after vp_set_cpuid: the table has to be the one that was saved, else the host is
 * of another kind.
 *
 * When something cannot be restored the reader says why, and INVALID_PARAMETER is returned for bad
 * content; the partition is good for nothing but partition_delete then.
 */
hv_status vp_save(struct vp *vp, struct state_writer *writer);
hv_status vp_restore(struct vp *vp, struct state_reader *reader);

#endif
