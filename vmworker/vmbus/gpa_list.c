/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gpa_list.h"

#include <glib.h>
#include <string.h>

#include "vmbus_wire.h"

static void gpa_list_add(struct gpa_list *list, uint8_t *address, uint32_t bytes)
{
	struct iovec *last = list->n > 0 ? &list->parts[list->n - 1] : NULL;

	list->bytes += bytes;
	if (last && (uint8_t *)last->iov_base + last->iov_len == address) {
		last->iov_len += bytes;
		return;
	}
	if (list->n == list->room) {
		list->room = list->room ? 2 * list->room : 8;
		list->parts = g_renew(struct iovec, list->parts, list->room);
	}
	list->parts[list->n++] = (struct iovec){address, bytes};
}

/* The pages of one range, of which there are enough. */
static bool gpa_list_add_range(struct gpa_list *list, const struct partition *partition,
			       const struct wire_gpa_range *range, const uint8_t *pages)
{
	uint32_t offset = range->byte_offset, left = range->byte_count;

	for (; left > 0; pages += sizeof(uint64_t)) {
		uint32_t here = (uint32_t)MIN(left, PARTITION_PAGE_SIZE - offset);
		uint64_t page;
		uint8_t *address;

		memcpy(&page, pages, sizeof(page));
		if (page > UINT64_MAX / PARTITION_PAGE_SIZE)
			return false;
		address =
			partition_gpa_pointer(partition, page * PARTITION_PAGE_SIZE + offset, here);
		if (!address)
			return false;
		gpa_list_add(list, address, here);
		list->pages++;
		left -= here;
		offset = 0;
	}
	return true;
}

static bool gpa_list_read(struct gpa_list *list, const struct partition *partition,
			  uint32_t n_ranges, const uint8_t *data, size_t size)
{
	for (; n_ranges > 0; n_ranges--) {
		struct wire_gpa_range range;
		uint64_t n_pages;

		if (size < sizeof(range))
			return false;
		memcpy(&range, data, sizeof(range));
		data += sizeof(range);
		size -= sizeof(range);
		if (range.byte_count == 0 || range.byte_offset >= PARTITION_PAGE_SIZE)
			return false;
		n_pages =
			((uint64_t)range.byte_offset + range.byte_count + PARTITION_PAGE_SIZE - 1) /
			PARTITION_PAGE_SIZE;
		if (n_pages > size / sizeof(uint64_t) ||
		    !gpa_list_add_range(list, partition, &range, data))
			return false;
		data += n_pages * sizeof(uint64_t);
		size -= n_pages * sizeof(uint64_t);
	}
	return true;
}

bool gpa_list_parse(struct gpa_list *list, const struct partition *partition, uint32_t n_ranges,
		    const uint8_t *data, size_t size)
{
	list->n = 0;
	list->pages = 0;
	list->bytes = 0;
	if (gpa_list_read(list, partition, n_ranges, data, size))
		return true;
	list->n = 0;
	list->pages = 0;
	list->bytes = 0;
	return false;
}

void gpa_list_clear(struct gpa_list *list)
{
	g_free(list->parts);
	memset(list, 0, sizeof(*list));
}
