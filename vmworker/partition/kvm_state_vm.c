/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The partition's part of saved state. KVM's clock is not in it: no guest of ours is told of it.
 * The PIT's counters begin their period anew, as KVM has it.
 */
#include <errno.h>
#include <string.h>
#include <x86intrin.h>

#include "kvm_private.h"
#include "kvm_state.h"
#include "state.h"

#define TAG	"partition"
#define VERSION 1u

static const uint32_t chips[] = {
	KVM_IRQCHIP_PIC_MASTER,
	KVM_IRQCHIP_PIC_SLAVE,
	KVM_IRQCHIP_IOAPIC,
};
#define N_CHIPS (sizeof(chips) / sizeof(chips[0]))

static hv_status machine_put(const struct partition *partition, struct state_writer *writer)
{
	struct kvm_pit_state2 pit = {0};
	hv_status status = HV_STATUS_SUCCESS;

	for (size_t i = 0; i < N_CHIPS && status == HV_STATUS_SUCCESS; i++) {
		struct kvm_irqchip chip = {.chip_id = chips[i]};

		status = kvm_state_put(writer, partition->vm_fd, KVM_GET_IRQCHIP, "KVM_GET_IRQCHIP",
				       &chip, sizeof(chip));
	}
	if (status == HV_STATUS_SUCCESS)
		status = kvm_state_put(writer, partition->vm_fd, KVM_GET_PIT2, "KVM_GET_PIT2", &pit,
				       sizeof(pit));
	return status;
}

static hv_status machine_get(const struct partition *partition, struct state_reader *reader)
{
	for (size_t i = 0; i < N_CHIPS; i++) {
		const void *saved =
			kvm_state_get(reader, "KVM_SET_IRQCHIP", sizeof(struct kvm_irqchip));
		struct kvm_irqchip chip;

		if (saved == NULL)
			return kvm_state_status(reader);
		memcpy(&chip, saved, sizeof(chip));
		if (chip.chip_id != chips[i]) {
			state_fail(reader, "an interrupt controller that is another one");
			return kvm_state_status(reader);
		}
		if (kvm_ioctl(partition->vm_fd, KVM_SET_IRQCHIP, &chip) < 0)
			return kvm_state_refused(reader, "KVM_SET_IRQCHIP", errno);
	}
	const void *pit = kvm_state_get(reader, "KVM_SET_PIT2", sizeof(struct kvm_pit_state2));
	if (pit != NULL && kvm_ioctl(partition->vm_fd, KVM_SET_PIT2, pit) < 0)
		return kvm_state_refused(reader, "KVM_SET_PIT2", errno);
	return kvm_state_status(reader);
}

hv_status partition_save(struct partition *partition, struct state_writer *writer)
{
	hv_status status = HV_STATUS_SUCCESS;

	state_begin(writer, TAG, VERSION);
	state_put_u64(writer, partition_guest_tsc(partition));
	state_put_bool(writer, partition->irqchip);
	if (partition->irqchip)
		status = machine_put(partition, writer);
	state_end(writer);
	return status;
}

hv_status partition_restore(struct partition *partition, struct state_reader *reader)
{
	hv_status status = HV_STATUS_SUCCESS;

	state_enter(reader, TAG, VERSION);
	uint64_t tsc = state_get_u64(reader);
	if (state_get_bool(reader) != partition->irqchip)
		state_fail(reader, "it has other interrupt controllers");
	if (state_ok(reader) && partition->irqchip)
		status = machine_get(partition, reader);
	state_leave(reader);
	if (!state_ok(reader))
		return status == HV_STATUS_SUCCESS ? kvm_state_status(reader) : status;
	/* vp_restore lets each VP's TSC go by this. */
	partition->tsc_offset = tsc - __rdtsc();
	return HV_STATUS_SUCCESS;
}
