/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The intercepts that a test pushes, and what the code under test answered to them. */
#include <string.h>

#include "fake_private.h"

static struct fake_push *push_new(enum hv_intercept_type type, size_t size, const void *data)
{
	struct fake_push *push = g_new0(struct fake_push, 1);

	push->intercept.type = type;
	push->size = size;
	if (size != 0) {
		push->data = g_malloc0(size);
		if (data != NULL)
			memcpy(push->data, data, size);
	}
	return push;
}

/* Takes over the push. */
static uint64_t push_add(struct vp *vp, struct fake_push *push)
{
	g_mutex_lock(&vp->lock);
	uint64_t number = vp->pushes->len;
	g_ptr_array_add(vp->pushes, push);
	g_cond_broadcast(&vp->changed);
	g_mutex_unlock(&vp->lock);
	return number;
}

uint64_t fake_vp_push_string_io(struct vp *vp, bool write, uint16_t port, uint8_t size,
				uint32_t count, const void *data)
{
	struct fake_push *push = push_new(HV_INTERCEPT_IO_PORT, (size_t)size * count, data);

	push->intercept.io.port = port;
	push->intercept.io.size = size;
	push->intercept.io.write = write;
	push->intercept.io.count = count;
	push->intercept.io.data = push->data;
	return push_add(vp, push);
}

uint64_t fake_vp_push_io(struct vp *vp, bool write, uint16_t port, uint8_t size, uint64_t value)
{
	uint64_t little_endian = GUINT64_TO_LE(value);

	g_assert_cmpuint(size, <=, sizeof(little_endian));
	return fake_vp_push_string_io(vp, write, port, size, 1, write ? &little_endian : NULL);
}

uint64_t fake_vp_push_mmio(struct vp *vp, bool write, uint64_t gpa, uint8_t size, uint64_t value)
{
	uint64_t little_endian = GUINT64_TO_LE(value);

	g_assert_cmpuint(size, <=, sizeof(little_endian));
	struct fake_push *push = push_new(HV_INTERCEPT_MMIO, size, write ? &little_endian : NULL);
	push->intercept.mmio.gpa = gpa;
	push->intercept.mmio.size = size;
	push->intercept.mmio.write = write;
	push->intercept.mmio.data = push->data;
	return push_add(vp, push);
}

uint64_t fake_vp_push_msr(struct vp *vp, bool write, uint32_t index, uint64_t value)
{
	struct fake_push *push = push_new(HV_INTERCEPT_MSR, 0, NULL);

	push->msr_value = value;
	push->intercept.msr.index = index;
	push->intercept.msr.write = write;
	push->intercept.msr.value = &push->msr_value;
	push->intercept.msr.fault = &push->msr_fault;
	return push_add(vp, push);
}

uint64_t fake_vp_push(struct vp *vp, enum hv_intercept_type type)
{
	return push_add(vp, push_new(type, 0, NULL));
}

uint64_t fake_vp_push_error(struct vp *vp, uint32_t reason, uint64_t detail)
{
	struct fake_push *push = push_new(HV_INTERCEPT_UNRECOVERABLE, 0, NULL);

	push->intercept.error.reason = reason;
	push->intercept.error.detail = detail;
	return push_add(vp, push);
}

static gint64 deadline(unsigned int timeout_ms)
{
	return g_get_monotonic_time() + (gint64)timeout_ms * G_TIME_SPAN_MILLISECOND;
}

bool fake_vp_answer(struct vp *vp, uint64_t n, void *answer, size_t size, bool *fault,
		    unsigned int timeout_ms)
{
	gint64 end = deadline(timeout_ms);
	bool in_time = true;

	g_mutex_lock(&vp->lock);
	while (in_time && vp->answered <= n)
		in_time = g_cond_wait_until(&vp->changed, &vp->lock, end);
	bool answered = vp->answered > n;
	if (answered) {
		const struct fake_push *push = g_ptr_array_index(vp->pushes, n);
		bool msr = push->intercept.type == HV_INTERCEPT_MSR;
		const void *from = msr ? (const void *)&push->msr_value : push->data;

		if (from != NULL && answer != NULL)
			memcpy(answer, from, MIN(size, msr ? sizeof(uint64_t) : push->size));
		if (fault != NULL)
			*fault = push->msr_fault;
	}
	g_mutex_unlock(&vp->lock);
	return answered;
}

bool fake_vp_idle(struct vp *vp, unsigned int timeout_ms)
{
	gint64 end = deadline(timeout_ms);
	bool in_time = true;

	g_mutex_lock(&vp->lock);
	while (in_time && !(vp->idle && vp->answered == vp->pushes->len && !vp->cancel))
		in_time = g_cond_wait_until(&vp->changed, &vp->lock, end);
	bool idle = vp->idle && vp->answered == vp->pushes->len && !vp->cancel;
	g_mutex_unlock(&vp->lock);
	return idle;
}
