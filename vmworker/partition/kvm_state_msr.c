/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * MSRs in saved state: those that KVM lists, and some that it has without saying so. What it can
 * read is saved. When restored, only what a new VP does not have already is set, since of some MSRs
 * KVM takes no value, not even its own.
 */
#include <errno.h>
#include <stdio.h>

#include "kvm_private.h"
#include "kvm_state.h"
#include "state.h"

#define MAX_LISTED 1024u

struct range {
	uint32_t first, last;
};

/* Memory types and banks of machine checks; AMD's HWCR. */
static const struct range unlisted[] = {
	{0x200, 0x20f}, {0x250, 0x250}, {0x258, 0x259},		  {0x268, 0x26f},
	{0x2ff, 0x2ff}, {0x400, 0x47f}, {0xc0010015, 0xc0010015},
};

/* The TSC and its deadline (kvm_state_vp.c); KVM's own clock and the rest that guests of KVM would
 * use; what performance counters and VMX could do, which guests are not told of; and what is the
 * hypervisor interface's. */
static const struct range left_out[] = {
	{0x10, 0x12},
	{0x345, 0x345},
	{0x480, 0x4ff},
	{0x6e0, 0x6e0},
	{0x4b564d00, 0x4b564dff},
	{PARTITION_SYNTHETIC_MSRS, PARTITION_SYNTHETIC_MSRS + PARTITION_N_SYNTHETIC_MSRS - 1},
};

struct list {
	struct kvm_msr_list head;
	uint32_t indices[MAX_LISTED];
};

static bool is_in(const struct range *ranges, size_t n, uint32_t index)
{
	for (size_t i = 0; i < n; i++)
		if (index >= ranges[i].first && index <= ranges[i].last)
			return true;
	return false;
}
#define IS_IN(ranges, index) is_in(ranges, sizeof(ranges) / sizeof((ranges)[0]), index)

static hv_status list_read(const struct vp *vp, struct list *list)
{
	list->head.nmsrs = MAX_LISTED;
	return kvm_ioctl(vp->partition->kvm_fd, KVM_GET_MSR_INDEX_LIST, list) < 0
		       ? kvm_fault_errno(NULL, "KVM_GET_MSR_INDEX_LIST", errno)
		       : HV_STATUS_SUCCESS;
}

static bool is_listed(const struct list *list, uint32_t index)
{
	for (uint32_t i = 0; i < list->head.nmsrs; i++)
		if (list->indices[i] == index)
			return true;
	return false;
}

/* Its number is what the reader needs first, but what can be read is only known at the end: a zero
 * of the index ends the list, and no MSR of ours has it. */
static void put(const struct vp *vp, struct state_writer *writer, uint32_t index)
{
	uint64_t value;

	if (!kvm_msr_get(vp, index, &value))
		return;
	state_put_u32(writer, index);
	state_put_u64(writer, value);
}

hv_status kvm_state_put_msrs(const struct vp *vp, struct state_writer *writer)
{
	struct list list = {0};
	hv_status status = list_read(vp, &list);

	if (status != HV_STATUS_SUCCESS)
		return status;
	for (uint32_t i = 0; i < list.head.nmsrs; i++)
		if (!IS_IN(left_out, list.indices[i]) && !IS_IN(unlisted, list.indices[i]))
			put(vp, writer, list.indices[i]);
	for (size_t i = 0; i < sizeof(unlisted) / sizeof(unlisted[0]); i++)
		for (uint32_t index = unlisted[i].first; index <= unlisted[i].last; index++)
			put(vp, writer, index);
	state_put_u32(writer, 0);
	return HV_STATUS_SUCCESS;
}

static void get(const struct vp *vp, struct state_reader *reader, const struct list *list,
		uint32_t index)
{
	uint64_t value = state_get_u64(reader), now;
	char text[64];

	if (!state_ok(reader) || (kvm_msr_get(vp, index, &now) && now == value))
		return;
	bool ours = !IS_IN(left_out, index) && (is_listed(list, index) || IS_IN(unlisted, index));
	/* One that a newer kernel had more, and that the guest did not use. */
	if ((ours && kvm_msr_set(vp, index, value)) || value == 0)
		return;
	snprintf(text, sizeof(text), "the hypervisor here refuses MSR 0x%x", index);
	state_fail(reader, text);
}

hv_status kvm_state_get_msrs(const struct vp *vp, struct state_reader *reader)
{
	struct list list = {0};
	hv_status status = list_read(vp, &list);

	if (status != HV_STATUS_SUCCESS) {
		state_fail(reader, "the hypervisor here does not list its MSRs");
		return status;
	}
	for (uint32_t index; (index = state_get_u32(reader)) != 0;)
		get(vp, reader, &list, index);
	return kvm_state_status(reader);
}
