/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Numbers and structures of Microsoft's "Hypervisor Top-Level Functional Specification" (TLFS),
 * release 6.0b, that the hypervisor interface is made of. Everything is little-endian, as are the
 * only machines that run this.
 */
#ifndef HV_TLFS_H
#define HV_TLFS_H

#include <stddef.h>
#include <stdint.h>

#define HV_BIT(n) (1ull << (n))

/* ---- CPUID, section 2.4 ---------------------------------------------------------------------- */

#define HV_CPUID_VENDOR	      0x40000000u
#define HV_CPUID_INTERFACE    0x40000001u
#define HV_CPUID_VERSION      0x40000002u
#define HV_CPUID_FEATURES     0x40000003u
#define HV_CPUID_ADVICE	      0x40000004u
#define HV_CPUID_LIMITS	      0x40000005u
#define HV_CPUID_HARDWARE     0x40000006u
#define HV_CPUID_SPIN_FOREVER UINT32_MAX

/* ---- MSRs, appendix C ------------------------------------------------------------------------ */

#define HV_MSR_GUEST_OS_ID	     0x40000000u
#define HV_MSR_HYPERCALL	     0x40000001u
#define HV_MSR_VP_INDEX		     0x40000002u
#define HV_MSR_RESET		     0x40000003u
#define HV_MSR_VP_RUNTIME	     0x40000010u
#define HV_MSR_TIME_REF_COUNT	     0x40000020u
#define HV_MSR_REFERENCE_TSC	     0x40000021u
#define HV_MSR_TSC_FREQUENCY	     0x40000022u
#define HV_MSR_APIC_FREQUENCY	     0x40000023u
#define HV_MSR_VP_ASSIST_PAGE	     0x40000073u
#define HV_MSR_SCONTROL		     0x40000080u
#define HV_MSR_SVERSION		     0x40000081u
#define HV_MSR_SIEFP		     0x40000082u
#define HV_MSR_SIMP		     0x40000083u
#define HV_MSR_EOM		     0x40000084u
#define HV_MSR_SINT0		     0x40000090u
#define HV_MSR_STIMER0_CONFIG	     0x400000b0u /* and COUNT behind each CONFIG */
#define HV_MSR_GUEST_IDLE	     0x400000f0u
#define HV_MSR_CRASH_P0		     0x40000100u
#define HV_MSR_CRASH_CTL	     0x40000105u
#define HV_MSR_TSC_INVARIANT_CONTROL 0x40000118u

/* In HYPERCALL, REFERENCE_TSC, VP_ASSIST_PAGE, SIEFP and SIMP: bit 0, and the page's GPA. */
#define HV_PAGE_ENABLE	HV_BIT(0)
#define HV_PAGE_ADDRESS (~0xfffull)
#define HV_PAGE_SIZE	4096u

#define HV_HYPERCALL_LOCKED HV_BIT(1)
#define HV_RESET_NOW	    HV_BIT(0)
#define HV_SCONTROL_ENABLE  HV_BIT(0)

#define HV_SINTS	     16u
#define HV_SINT_VECTOR	     0xffull
#define HV_SINT_MASKED	     HV_BIT(16)
#define HV_SINT_AUTO_EOI     HV_BIT(17)
#define HV_SINT_POLLING	     HV_BIT(18)
#define HV_SINT_FIRST_VECTOR 16u /* the processor keeps those below for itself */
#define HV_SYNIC_VERSION     1u
#define HV_EVENT_FLAGS	     2048u /* per SINT */

#define HV_STIMERS	      4u
#define HV_STIMER_ENABLE      HV_BIT(0)
#define HV_STIMER_PERIODIC    HV_BIT(1)
#define HV_STIMER_LAZY	      HV_BIT(2)
#define HV_STIMER_AUTO_ENABLE HV_BIT(3)
#define HV_STIMER_VECTOR(c)   ((uint8_t)((c) >> 4))
#define HV_STIMER_DIRECT      HV_BIT(12)
#define HV_STIMER_SINT(c)     ((unsigned int)((c) >> 16) & 15u)

#define HV_CRASH_PARAMETERS 5u
#define HV_CRASH_NOTIFY	    HV_BIT(63)
#define HV_CRASH_MESSAGE    HV_BIT(62) /* P3 is the GPA of a text of P4 bytes */

/* ---- the reference TSC page, section 12.7 ---------------------------------------------------- */

#define HV_TSC_SEQUENCE_INVALID 0u /* the guest uses the MSR */

struct hv_tsc_page {
	uint32_t sequence;
	uint32_t reserved;
	uint64_t scale; /* reference time = (tsc * scale >> 64) + offset */
	int64_t offset;
};
_Static_assert(sizeof(struct hv_tsc_page) == 24, "as on the page");

/* ---- hypercalls, section 3 ------------------------------------------------------------------- */

#define HV_CALL_FLUSH_SPACE	      0x0002u
#define HV_CALL_FLUSH_LIST	      0x0003u
#define HV_CALL_NOTIFY_LONG_SPIN_WAIT 0x0008u
#define HV_CALL_SEND_IPI	      0x000bu
#define HV_CALL_FLUSH_SPACE_EX	      0x0013u
#define HV_CALL_FLUSH_LIST_EX	      0x0014u
#define HV_CALL_SEND_IPI_EX	      0x0015u
#define HV_CALL_POST_MESSAGE	      0x005cu
#define HV_CALL_SIGNAL_EVENT	      0x005du

#define HV_CONTROL_CODE(c)	((uint16_t)(c))
#define HV_CONTROL_FAST		HV_BIT(16)
#define HV_CONTROL_HEADER(c)	((unsigned int)((c) >> 17) & 0x3ffu)
#define HV_CONTROL_NESTED	HV_BIT(31)
#define HV_CONTROL_REP_COUNT(c) ((unsigned int)((c) >> 32) & 0xfffu)
#define HV_CONTROL_REP_START(c) ((unsigned int)((c) >> 48) & 0xfffu)
/* Bits 30:27, 47:44 and 63:60. */
#define HV_CONTROL_RESERVED 0xf000f00078000000ull

struct hv_input_post_message {
	uint32_t connection_id;
	uint32_t reserved;
	uint32_t message_type;
	uint32_t payload_size;
	uint8_t payload[240];
};
_Static_assert(sizeof(struct hv_input_post_message) == 256, "as in the guest's page");

struct hv_input_signal_event {
	uint32_t connection_id;
	uint16_t flag_number;
	uint16_t reserved;
};
_Static_assert(sizeof(struct hv_input_signal_event) == 8, "as in RDX");

/* ---- messages, section 11.7 ------------------------------------------------------------------ */

#define HV_MESSAGE_NONE		 0u
#define HV_MESSAGE_TIMER_EXPIRED 0x80000010u
#define HV_MESSAGE_HYPERVISOR	 0x80000000u /* types with this bit come from the hypervisor only */
#define HV_MESSAGE_PAYLOAD	 240u
#define HV_MESSAGE_PENDING	 0x01u

struct hv_message_slot {
	uint32_t type; /* NONE: the slot is free */
	uint8_t payload_size;
	uint8_t flags;
	uint16_t reserved;
	uint64_t origin; /* port, or partition */
	uint8_t payload[HV_MESSAGE_PAYLOAD];
};
_Static_assert(sizeof(struct hv_message_slot) == 256, "16 of them fill a page");
_Static_assert(offsetof(struct hv_message_slot, payload) == 16, "as on the page");

struct hv_timer_message {
	uint32_t timer;
	uint32_t reserved;
	uint64_t expiration; /* reference time */
	uint64_t delivery;
};
_Static_assert(sizeof(struct hv_timer_message) == 24, "as in the slot");

#endif
