/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hypercalls: the page that guests call, the control word (TLFS, section 3.7), and the calls. */
#include <sched.h>
#include <string.h>

#include "hv_private.h"

union input {
	uint64_t words[32];
	struct hv_input_post_message post_message;
	struct hv_input_signal_event signal_event;
};

static hv_status call_spin_wait(struct hv_vp *vp, const union input *input)
{
	(void)input;
	hv_use(vp->hv, HV_FEATURE_SPIN_WAIT);
	/* Whoever holds the lock may be waiting for this processor. */
	(void)sched_yield();
	return HV_STATUS_SUCCESS;
}

static hv_status call_post_message(struct hv_vp *vp, const union input *input)
{
	return hv_connection_post(vp, &input->post_message);
}

static hv_status call_signal_event(struct hv_vp *vp, const union input *input)
{
	const struct hv_input_signal_event *event = &input->signal_event;

	return hv_connection_signal(vp->hv, event->connection_id, event->flag_number);
}

/* Every call there is; none repeats or has a header of variable size. */
static const struct call {
	uint16_t code;
	uint16_t size; /* bytes of input */
	enum hv_feature feature;
	enum hv_counter counter;
	hv_status (*serve)(struct hv_vp *vp, const union input *input);
} calls[] = {
	{HV_CALL_NOTIFY_LONG_SPIN_WAIT, 8, HV_FEATURE_SPIN_WAIT, HV_COUNT_CALL_SPIN_WAIT,
	 call_spin_wait},
	{HV_CALL_POST_MESSAGE, sizeof(struct hv_input_post_message), HV_FEATURE_SYNIC,
	 HV_COUNT_CALL_POST_MESSAGE, call_post_message},
	{HV_CALL_SIGNAL_EVENT, sizeof(struct hv_input_signal_event), HV_FEATURE_SYNIC,
	 HV_COUNT_CALL_SIGNAL_EVENT, call_signal_event},
};

static const struct call *call_find(const struct hv *hv, uint16_t code)
{
	for (size_t i = 0; i < G_N_ELEMENTS(calls); i++)
		if (calls[i].code == code && hv_serves(hv, calls[i].feature))
			return &calls[i];
	return NULL;
}

/* A private copy of the input: two registers, or part of one page of the guest's. */
static hv_status input_read(const struct hv_vp *vp, const struct call *call, bool fast,
			    uint64_t low, uint64_t high, union input *input)
{
	if (fast) {
		input->words[0] = low;
		input->words[1] = high;
		return call->size <= 2 * sizeof(uint64_t) ? HV_STATUS_SUCCESS
							  : HV_STATUS_INVALID_HYPERCALL_INPUT;
	}
	if (low % sizeof(uint64_t) != 0 || low % HV_PAGE_SIZE + call->size > HV_PAGE_SIZE)
		return HV_STATUS_INVALID_ALIGNMENT;
	/* The partition is there for as long as this VP runs. */
	if (partition_read_gpa(vp->hv->partition, low, input, call->size) != HV_STATUS_SUCCESS)
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	return HV_STATUS_SUCCESS;
}

uint64_t hv_hypercall(struct hv_vp *vp, uint64_t control, uint64_t low, uint64_t high)
{
	const struct call *call = call_find(vp->hv, HV_CONTROL_CODE(control));
	union input input;
	hv_status status;

	hv_count(vp->hv, call ? call->counter : HV_COUNT_CALL_OTHER);
	if (!call)
		status = HV_STATUS_INVALID_HYPERCALL_CODE;
	else if ((control & (HV_CONTROL_RESERVED | HV_CONTROL_NESTED)) != 0 ||
		 HV_CONTROL_HEADER(control) != 0 || HV_CONTROL_REP_COUNT(control) != 0 ||
		 HV_CONTROL_REP_START(control) != 0)
		status = HV_STATUS_INVALID_HYPERCALL_INPUT;
	else
		status = input_read(vp, call, (control & HV_CONTROL_FAST) != 0, low, high, &input);
	if (call && status == HV_STATUS_SUCCESS)
		status = call->serve(vp, &input);
	if (status != HV_STATUS_SUCCESS)
		hv_count(vp->hv, HV_COUNT_CALL_REFUSED);
	return (uint64_t)status;
}

/* ---- the page and its ports ------------------------------------------------------------------ */

/* The calls that go to the hypervisor below; its layer has the same conventions in both modes. */
static const struct {
	uint16_t code;
	enum hv_feature feature;
} native_calls[] = {
	{HV_CALL_FLUSH_SPACE, HV_FEATURE_TLB_FLUSH},
	{HV_CALL_FLUSH_LIST, HV_FEATURE_TLB_FLUSH},
	{HV_CALL_FLUSH_SPACE_EX, HV_FEATURE_TLB_FLUSH},
	{HV_CALL_FLUSH_LIST_EX, HV_FEATURE_TLB_FLUSH},
	{HV_CALL_SEND_IPI, HV_FEATURE_IPI},
	{HV_CALL_SEND_IPI_EX, HV_FEATURE_IPI},
};

#define COMPARE_SIZE 6u /* cmp ax, imm16; je rel8 */
#define PORT_SIZE    3u /* out imm8, eax; ret */
#define NATIVE_SIZE  4u /* vmcall or vmmcall; ret */
_Static_assert(G_N_ELEMENTS(native_calls) * COMPARE_SIZE + PORT_SIZE + NATIVE_SIZE <=
		       HV_PAGE_ROUTE_32 - HV_PAGE_ROUTE_64,
	       "there is room for all of them");

/* Puts comparisons with AX, for the calls that are served below, before what is at `at`. */
static void route(const struct hv *hv, uint8_t *at)
{
	const uint8_t *instruction = hv->native.instruction;
	uint8_t port[PORT_SIZE], *to = at;
	size_t left = 0;

	memcpy(port, at, sizeof(port));
	for (size_t i = 0; i < G_N_ELEMENTS(native_calls); i++)
		left += hv_serves(hv, native_calls[i].feature);
	if (left == 0)
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(native_calls); i++) {
		uint16_t code = native_calls[i].code;

		if (!hv_serves(hv, native_calls[i].feature))
			continue;
		left--;
		const uint8_t compare[COMPARE_SIZE] = {
			0x66,	       0x3d,
			(uint8_t)code, (uint8_t)(code >> 8),
			0x74,	       (uint8_t)(left * COMPARE_SIZE + PORT_SIZE)};
		memcpy(to, compare, sizeof(compare));
		to += sizeof(compare);
	}
	memcpy(to, port, sizeof(port));
	const uint8_t native[NATIVE_SIZE] = {instruction[0], instruction[1], instruction[2], 0xc3};
	memcpy(to + sizeof(port), native, sizeof(native));
}

bool hv_hypercall_install(struct hv *hv, uint64_t value)
{
	uint8_t *page = partition_gpa_pointer(hv->partition, value & HV_PAGE_ADDRESS, HV_PAGE_SIZE);

	if (!page)
		return false;
	memset(page, 0xcc, HV_PAGE_SIZE);
	memcpy(page, hv_hypercall_page, hv_hypercall_page_size);
	route(hv, page + HV_PAGE_ROUTE_64);
	route(hv, page + HV_PAGE_ROUTE_32);
	return true;
}

static void call_64(struct hv_vp *vp, struct hv_call_registers *regs)
{
	regs->rax = hv_hypercall(vp, regs->rcx, regs->rdx, regs->r8);
}

static uint64_t pair(uint64_t high, uint64_t low)
{
	return high << 32 | (uint32_t)low;
}

/* TLFS, section 3.8: EDX:EAX, EBX:ECX, EDI:ESI; the result is in EDX:EAX. */
static void call_32(struct hv_vp *vp, struct hv_call_registers *regs)
{
	uint64_t result = hv_hypercall(vp, pair(regs->rdx, regs->rax), pair(regs->rbx, regs->rcx),
				       pair(regs->rdi, regs->rsi));

	regs->rax = (uint32_t)result;
	regs->rdx = result >> 32;
}

/* No eventfd took it: the connection is not there, or the hypervisor could not bind it. */
static void call_signal(struct hv_vp *vp, struct hv_call_registers *regs)
{
	uint64_t result =
		hv_hypercall(vp, HV_CALL_SIGNAL_EVENT | HV_CONTROL_FAST, (uint32_t)regs->rax, 0);

	regs->rax = result;
	regs->rflags = (regs->rflags & ~1ull) | (result != HV_STATUS_SUCCESS ? 1 : 0);
}

bool hv_port_write(struct hv *hv, uint32_t index, uint16_t port, uint32_t value)
{
	struct hv_vp *vp = &hv->vps[index];
	struct hv_call_registers regs;
	void (*serve)(struct hv_vp * vp, struct hv_call_registers * regs) =
		port == HV_PORT_CALL	  ? call_64
		: port == HV_PORT_SIGNAL  ? call_signal
		: port == HV_PORT_CALL_32 ? call_32
					  : NULL;

	(void)value; /* what the signal port got is in RAX, too */
	if (!serve || !hv->served.visible)
		return false;
	/* Not by way of the page, then. */
	if ((atomic_load_explicit(&hv->hypercall, memory_order_relaxed) & HV_PAGE_ENABLE) == 0 ||
	    vp_get_call_registers(vp->vp, &regs) != HV_STATUS_SUCCESS)
		return false;
	serve(vp, &regs);
	(void)vp_set_call_registers(vp->vp, &regs);
	return true;
}
