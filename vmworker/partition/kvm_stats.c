/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The counters behind KVM_GET_STATS_FD (kernel documentation, "4.133 KVM_GET_STATS_FD"). */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "kvm_private.h"

#define MAX_COUNTERS 1024u
#define MAX_NAME     256u

static bool read_all(int fd, void *data, size_t size, uint64_t offset)
{
	uint8_t *to = data;

	while (size != 0) {
		ssize_t n = pread(fd, to, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		to += n;
		size -= (size_t)n;
		offset += (uint64_t)n;
	}
	return true;
}

/* Scalars only; KVM's histograms are for a tool that draws. */
static bool is_scalar(const struct kvm_stats_desc *desc)
{
	uint32_t type = desc->flags & KVM_STATS_TYPE_MASK;

	return desc->size == 1 && (type == KVM_STATS_TYPE_CUMULATIVE ||
				   type == KVM_STATS_TYPE_INSTANT || type == KVM_STATS_TYPE_PEAK);
}

static void visit_counters(int fd, void (*visit)(void *, const char *, uint64_t), void *context)
{
	struct kvm_stats_header header;

	if (!read_all(fd, &header, sizeof(header), 0) || header.num_desc > MAX_COUNTERS ||
	    header.name_size == 0 || header.name_size > MAX_NAME)
		return;
	size_t stride = sizeof(struct kvm_stats_desc) + header.name_size;
	char *descs = malloc(stride * header.num_desc);
	if (descs == NULL)
		return;
	if (!read_all(fd, descs, stride * header.num_desc, header.desc_offset)) {
		free(descs);
		return;
	}
	for (uint32_t i = 0; i < header.num_desc; i++) {
		/* The kernel aligns both parts of an element to 8 bytes. */
		struct kvm_stats_desc *desc = (void *)(descs + i * stride);
		uint64_t value;

		desc->name[header.name_size - 1] = '\0';
		if (is_scalar(desc) && read_all(fd, &value, sizeof(value),
						(uint64_t)header.data_offset + desc->offset))
			visit(context, desc->name, value);
	}
	free(descs);
}

void partition_foreach_counter(const struct partition *partition, const struct vp *vp,
			       void (*visit)(void *context, const char *name, uint64_t value),
			       void *context)
{
	if (vp != NULL) {
		if (vp->stats_fd >= 0)
			visit_counters(vp->stats_fd, visit, context);
		return;
	}
	int fd = kvm_ioctl(partition->vm_fd, KVM_GET_STATS_FD, NULL);
	if (fd < 0)
		return;
	visit_counters(fd, visit, context);
	(void)close(fd);
}
