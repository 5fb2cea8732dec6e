/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest that does as it likes with synthetic MSRs, hypercalls and its pages, while VMBus posts
 * messages and time passes.
 */
#include <glib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hv_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An input is a row of these. */
struct step {
	uint8_t kind, vp;
	uint16_t index;
	uint64_t value;
} __attribute__((packed));

/* Values that are pages, some of them RAM. */
static const uint64_t pages[] = {SIM_PAGE, SIEF_PAGE,	  CALL_PAGE, INPUT,
				 NOWHERE,  MEMORY - 4096, MEMORY,    0xfffffffffffff000};

static const uint16_t calls[] = {HV_CALL_POST_MESSAGE, HV_CALL_SIGNAL_EVENT,
				 HV_CALL_NOTIFY_LONG_SPIN_WAIT, 0x8001};

static hv_status on_message(void *context, uint32_t vp, uint32_t type, const uint8_t *payload,
			    uint32_t size)
{
	uint64_t *sum = context;

	g_assert_cmpuint(vp, <, HV_VPS);
	g_assert_cmpuint(size, <=, HV_MESSAGE_PAYLOAD);
	for (uint32_t i = 0; i < size; i++)
		*sum += payload[i];
	return (type & 1) != 0 ? HV_STATUS_SUCCESS : HV_STATUS_INSUFFICIENT_BUFFERS;
}

static void on_room(void *context, uint32_t vp)
{
	uint64_t *sum = context;

	*sum += vp;
}

static uint32_t msr_index(uint16_t index)
{
	uint32_t msr = PARTITION_SYNTHETIC_MSRS + index % PARTITION_N_SYNTHETIC_MSRS;

	return msr == HV_MSR_GUEST_IDLE ? HV_MSR_EOM : msr; /* it may sleep */
}

static void guest_call(struct hv_test *t, const struct step *step)
{
	static const uint16_t ports[] = {HV_PORT_CALL, HV_PORT_SIGNAL, HV_PORT_CALL_32, 0x80};
	uint32_t vp = step->vp % HV_VPS;
	uint64_t control = calls[step->index % G_N_ELEMENTS(calls)] | step->value << 16;
	struct hv_call_registers registers = {
		.rax = step->value,
		.rbx = step->value >> 32,
		.rcx = (step->index & 0x100) != 0 ? control : control & 0x1ffff,
		.rdx = (step->index & 0x200) != 0 ? step->value
						  : pages[step->value % G_N_ELEMENTS(pages)] +
							    (step->value >> 56 & 0xff8),
		.r8 = step->value,
	};

	if (vp_set_call_registers(t->vps[vp], &registers) != HV_STATUS_SUCCESS)
		g_error("the fake has no registers");
	(void)hv_port_write(t->hv, vp, ports[step->kind / 16 % G_N_ELEMENTS(ports)],
			    (uint32_t)step->value);
}

static void vmbus_act(struct hv_test *t, const struct step *step)
{
	static const uint8_t payload[HV_MESSAGE_PAYLOAD];
	const struct hv_message message = {
		.type = 1 + step->index,
		.size = (uint32_t)(step->value % (HV_MESSAGE_PAYLOAD + 1)),
		.payload = payload,
	};
	uint32_t vp = step->vp % HV_VPS, sint = step->vp / 16;

	if ((step->kind & 16) != 0)
		(void)hv_message_post(t->hv, vp, sint, &message);
	else
		(void)hv_event_set(t->hv, vp, sint, step->index % HV_EVENT_FLAGS);
}

static const struct partition_native_calls native = {
	.tlb_flush = true, .ipi = true, .apic_assist = true, .instruction = {0x0f, 0x01, 0xd9}};

static void step_do(struct hv_test *t, const struct step *step, int fd)
{
	uint32_t vp = step->vp % HV_VPS;
	uint64_t value;

	switch (step->kind % 8) {
	case 0:
		(void)hv_msr_write(t->hv, vp, msr_index(step->index), step->value);
		break;
	case 1:
		(void)hv_msr_write(t->hv, vp, msr_index(step->index),
				   pages[step->value % G_N_ELEMENTS(pages)] | 1);
		break;
	case 2:
		(void)hv_msr_read(t->hv, vp, msr_index(step->index), &value);
		break;
	case 3:
		guest_call(t, step);
		break;
	case 4:
		vmbus_act(t, step);
		break;
	case 5: /* up to a second */
		hv_test_advance(t, step->value % 1000000000 / (1 + step->index % 1000));
		hv_before_run(t->hv, vp);
		break;
	case 6: /* the guest writes to its memory */
		(void)partition_write_gpa(
			t->partition, pages[step->vp % G_N_ELEMENTS(pages)] + step->index % 4096,
			&step->value, sizeof(step->value));
		break;
	default:
		if (step->vp < 8) {
			fake_set_native_calls(step->vp < 4 ? &native : NULL);
			hv_test_reset(t);
		} else if (step->vp < 16) {
			hv_set_paused(t->hv, step->vp & 1);
		} else if ((step->index & 1) != 0) {
			(void)hv_signal_bind(t->hv, (uint32_t)step->value % 8, fd);
		} else {
			hv_signal_unbind(t->hv, (uint32_t)step->value % 8);
		}
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct hv_test t;
	struct step step;
	uint64_t sum = 0;

	hv_test_build(&t, hv_features_all, size % 2 == 0);
	if (size % 3 == 0)
		fake_set_end_interrupts(t.partition, 5);
	hv_message_handle(t.hv, 4, on_message, &sum);
	for (uint32_t sint = 0; sint < HV_SINTS; sint++)
		hv_message_on_room(t.hv, sint, on_room, &sum);
	for (; size >= sizeof(step); data += sizeof(step), size -= sizeof(step)) {
		memcpy(&step, data, sizeof(step));
		step_do(&t, &step, fd);
	}
	for (uint32_t id = 0; id < 8; id++)
		hv_signal_unbind(t.hv, id);
	hv_test_drop(&t);
	close(fd);
	return 0;
}
