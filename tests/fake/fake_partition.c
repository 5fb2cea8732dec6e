/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake_private.h"

struct guest_memory *partition_guest_memory(const struct partition *partition)
{
	return (struct guest_memory *)&partition->memory;
}

/* Something to hold and to close: the fake's hypervisor is always there. */
int partition_open_hypervisor(struct hv_fault *fault)
{
	int fd = memfd_create("fake-hypervisor", MFD_CLOEXEC);

	if (fd < 0 && fault)
		*fault = (struct hv_fault){HV_STATUS_NO_RESOURCES, errno, "memfd_create"};
	return fd;
}

hv_status partition_create(const struct partition_properties *properties, struct partition **ret,
			   struct hv_fault *fault)
{
	hv_status status;

	if (fake_call_fails(FAKE_PARTITION_CREATE, "partition_create", &status, fault))
		return status;
	if (properties->vp_count == 0 || properties->vp_count > PARTITION_MAX_VPS) {
		*fault = (struct hv_fault){HV_STATUS_PROPERTY_VALUE_OUT_OF_RANGE, 0, "vp_count"};
		return fault->status;
	}
	struct partition *partition = g_new0(struct partition, 1);
	status = guest_memory_init(&partition->memory, properties->memory_size,
				   properties->pages_fd, fault);
	if (status != HV_STATUS_SUCCESS) {
		g_free(partition);
		return status;
	}
	partition->vp_count = properties->vp_count;
	partition->synthetic_msrs = properties->synthetic_msrs;
	partition->apic_assist = properties->apic_assist;
	g_mutex_init(&partition->lock);
	partition->bindings = g_array_new(FALSE, FALSE, sizeof(struct fake_binding));
	for (size_t i = 0; i < FAKE_N_GSIS; i++)
		partition->irqfd[i] = -1;
	fake_count_partition(partition, true);
	*ret = partition;
	return HV_STATUS_SUCCESS;
}

struct partition *fake_partition_of(uint64_t memory_size)
{
	const struct partition_properties properties = {.memory_size = memory_size, .vp_count = 1};
	struct partition *partition = NULL;
	struct hv_fault fault;

	g_assert_cmpint(partition_create(&properties, &partition, &fault), ==, HV_STATUS_SUCCESS);
	return partition;
}

void partition_delete(struct partition *partition)
{
	if (partition == NULL)
		return;
	for (size_t i = 0; i < PARTITION_MAX_VPS; i++)
		vp_delete(partition->vps[i]);
	fake_count_partition(partition, false);
	g_array_unref(partition->bindings);
	guest_memory_release(&partition->memory);
	g_mutex_clear(&partition->lock);
	g_free(partition);
}

uint32_t partition_vp_count(const struct partition *partition)
{
	return partition->vp_count;
}

bool fake_synthetic_msrs(struct partition *partition)
{
	return partition->synthetic_msrs;
}

struct vp *fake_partition_vp(struct partition *partition, uint32_t index)
{
	return index < PARTITION_MAX_VPS ? partition->vps[index] : NULL;
}

/* A small AMD-like processor: enough for code that builds a guest's table of it. */
hv_status partition_supported_cpuid(const struct partition *partition,
				    struct hv_cpuid_entry *entries, size_t *n_inout)
{
	static const struct hv_cpuid_entry supported[] = {
		{.function = 0,
		 .eax = 0xd,
		 .ebx = 0x68747541,
		 .ecx = 0x444d4163,
		 .edx = 0x69746e65},
		{.function = 1, .eax = 0x00800f12, .ecx = 0x00200000, .edx = 0x078bfbff},
		{.function = 0x80000000,
		 .eax = 0x80000008,
		 .ebx = 0x68747541,
		 .ecx = 0x444d4163,
		 .edx = 0x69746e65},
		{.function = 0x80000001, .eax = 0x00800f12, .ecx = 0x00000001, .edx = 0x20100800},
		{.function = 0x80000008, .eax = 0x3030},
	};
	hv_status status;

	(void)partition;
	if (fake_call_fails(FAKE_SUPPORTED_CPUID, "partition_supported_cpuid", &status, NULL))
		return status;
	if (*n_inout < G_N_ELEMENTS(supported))
		return HV_STATUS_NO_RESOURCES;
	for (size_t i = 0; i < G_N_ELEMENTS(supported); i++)
		entries[i] = supported[i];
	*n_inout = G_N_ELEMENTS(supported);
	return HV_STATUS_SUCCESS;
}

/* ---- interrupts ----------------------------------------------------------------------------- */

hv_status partition_set_interrupt_line(struct partition *partition, uint32_t gsi, bool level)
{
	hv_status status;

	if (fake_call_fails(FAKE_SET_INTERRUPT_LINE, "partition_set_interrupt_line", &status, NULL))
		return status;
	if (gsi >= FAKE_N_GSIS)
		return HV_STATUS_INVALID_PARAMETER;
	g_mutex_lock(&partition->lock);
	if (level && !partition->level[gsi])
		partition->raises[gsi]++;
	partition->level[gsi] = level;
	g_mutex_unlock(&partition->lock);
	return HV_STATUS_SUCCESS;
}

bool fake_line_level(struct partition *partition, uint32_t gsi)
{
	g_mutex_lock(&partition->lock);
	bool level = gsi < FAKE_N_GSIS && partition->level[gsi];
	g_mutex_unlock(&partition->lock);
	return level;
}

unsigned int fake_line_raises(struct partition *partition, uint32_t gsi)
{
	g_mutex_lock(&partition->lock);
	unsigned int n = gsi < FAKE_N_GSIS ? partition->raises[gsi] : 0;
	g_mutex_unlock(&partition->lock);
	return n;
}

hv_status partition_signal_msi(struct partition *partition, uint64_t address, uint32_t data)
{
	hv_status status;

	if (fake_call_fails(FAKE_SIGNAL_MSI, "partition_signal_msi", &status, NULL))
		return status;
	g_mutex_lock(&partition->lock);
	if (partition->n_msis < FAKE_MAX_MSIS)
		partition->msis[partition->n_msis] = (struct fake_msi){address, data};
	partition->n_msis++;
	g_mutex_unlock(&partition->lock);
	return HV_STATUS_SUCCESS;
}

size_t fake_msis(struct partition *partition, struct fake_msi *out, size_t max)
{
	g_mutex_lock(&partition->lock);
	size_t n = partition->n_msis;
	for (size_t i = 0; i < MIN(n, MIN(max, FAKE_MAX_MSIS)); i++)
		out[i] = partition->msis[i];
	g_mutex_unlock(&partition->lock);
	return n;
}

/* ---- ends of interrupts -----------------------------------------------------------------------
 */

void fake_set_end_interrupts(struct partition *partition, unsigned int left)
{
	g_mutex_lock(&partition->lock);
	partition->can_end = true;
	partition->left = left;
	g_mutex_unlock(&partition->lock);
}

unsigned int fake_ends(struct partition *partition)
{
	g_mutex_lock(&partition->lock);
	unsigned int n = partition->ends;
	g_mutex_unlock(&partition->lock);
	return n;
}

bool partition_can_end_interrupts(const struct partition *partition)
{
	GMutex *lock = (GMutex *)&partition->lock;

	g_mutex_lock(lock);
	bool can = partition->can_end;
	g_mutex_unlock(lock);
	return can;
}

hv_status vp_end_interrupt(struct vp *vp, uint8_t vector, bool *left)
{
	struct partition *partition = vp->partition;

	(void)vector;
	if (!partition_can_end_interrupts(partition))
		return HV_STATUS_PROCESSOR_FEATURE_NOT_SUPPORTED;
	g_mutex_lock(&partition->lock);
	*left = partition->left > 0;
	if (*left)
		partition->left--;
	else
		partition->ends++;
	g_mutex_unlock(&partition->lock);
	return HV_STATUS_SUCCESS;
}

/* ---- event descriptors ---------------------------------------------------------------------- */

hv_status partition_bind_port_eventfd(struct partition *partition, uint16_t port, uint8_t size,
				      uint32_t value, int fd)
{
	struct fake_binding binding = {.port = port, .size = size, .value = value, .fd = fd};
	hv_status status;

	if (fake_call_fails(FAKE_BIND_PORT_EVENTFD, "partition_bind_port_eventfd", &status, NULL))
		return status;
	if ((size != 0 && size != 1 && size != 2 && size != 4) || fd < 0)
		return HV_STATUS_INVALID_PARAMETER;
	g_mutex_lock(&partition->lock);
	g_array_append_val(partition->bindings, binding);
	g_mutex_unlock(&partition->lock);
	return HV_STATUS_SUCCESS;
}

hv_status partition_unbind_port_eventfd(struct partition *partition, uint16_t port, uint8_t size,
					uint32_t value, int fd)
{
	hv_status status;

	if (fake_call_fails(FAKE_UNBIND_PORT_EVENTFD, "partition_unbind_port_eventfd", &status,
			    NULL))
		return status;
	status = HV_STATUS_INVALID_PARAMETER;
	g_mutex_lock(&partition->lock);
	for (guint i = 0; i < partition->bindings->len; i++) {
		const struct fake_binding *binding =
			&g_array_index(partition->bindings, struct fake_binding, i);

		if (binding->port == port && binding->size == size && binding->value == value &&
		    binding->fd == fd) {
			g_array_remove_index_fast(partition->bindings, i);
			status = HV_STATUS_SUCCESS;
			break;
		}
	}
	g_mutex_unlock(&partition->lock);
	return status;
}

bool fake_port_write(struct partition *partition, uint16_t port, uint8_t size, uint32_t value)
{
	const uint64_t one = 1;
	int fd = -1;

	g_mutex_lock(&partition->lock);
	for (guint i = 0; i < partition->bindings->len; i++) {
		const struct fake_binding *binding =
			&g_array_index(partition->bindings, struct fake_binding, i);

		if (binding->port == port &&
		    (binding->size == 0 || (binding->size == size && binding->value == value)))
			fd = binding->fd;
	}
	g_mutex_unlock(&partition->lock);
	return fd >= 0 && write(fd, &one, sizeof(one)) == sizeof(one);
}

hv_status partition_bind_irqfd(struct partition *partition, uint32_t gsi, int fd)
{
	hv_status status;

	if (fake_call_fails(FAKE_BIND_IRQFD, "partition_bind_irqfd", &status, NULL))
		return status;
	if (gsi >= FAKE_N_GSIS || fd < 0)
		return HV_STATUS_INVALID_PARAMETER;
	g_mutex_lock(&partition->lock);
	partition->irqfd[gsi] = fd;
	g_mutex_unlock(&partition->lock);
	return HV_STATUS_SUCCESS;
}

int fake_irqfd(struct partition *partition, uint32_t gsi)
{
	g_mutex_lock(&partition->lock);
	int fd = gsi < FAKE_N_GSIS ? partition->irqfd[gsi] : -1;
	g_mutex_unlock(&partition->lock);
	return fd;
}
