/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GPADLs in any pieces, of any content, made and forgotten in any order. */
#include <glib.h>

#include "fuzz_input.h"
#include "gpadl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_list(struct partition *partition, const struct gpadl *gpadl)
{
	uint8_t *base = partition_gpa_pointer(partition, 0, 1 << 20);
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < gpadl->list.n; i++) {
		const struct iovec *part = &gpadl->list.parts[i];

		g_assert((uint8_t *)part->iov_base >= base);
		g_assert((uint8_t *)part->iov_base + part->iov_len <= base + (1 << 20));
		bytes += part->iov_len;
	}
	g_assert(bytes == gpadl->list.bytes && bytes <= gpadl->list.pages * 4096ull);
}

/* The last user of a list that was torn down has let go. */
static void on_released(void *context)
{
	*(bool *)context = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct partition_properties properties = {.memory_size = 1 << 20,
							       .vp_count = 1};
	static struct partition *partition;
	struct fuzz_input in = {data, size};
	struct gpadl_table *table;
	struct gpadl *kept = NULL;
	struct hv_fault fault;
	uint8_t bytes[240];
	uint32_t relid, torn;
	bool released = false;

	if (!partition)
		g_assert(partition_create(&properties, &partition, &fault) == HV_STATUS_SUCCESS);
	table = gpadl_table_new(partition, on_released, &released);
	while (in.size > 0) {
		uint8_t kind = fuzz_u8(&in);
		uint32_t id = kind >> 4;
		uint16_t want = fuzz_u16(&in);
		size_t n = fuzz_bytes(&in, bytes, fuzz_u8(&in) % (sizeof(bytes) + 1));

		switch (kind & 7) {
		case 0:
		case 1:
			gpadl_table_begin(table, id, 1 + id % 3, want,
					  kind & 1 ? 1 : (uint16_t)(want % 5), bytes, n);
			break;
		case 2:
		case 3:
			gpadl_table_continue(table, id, bytes, n, &relid);
			break;
		case 4:
			gpadl_table_tear(table, id);
			break;
		case 5:
			gpadl_table_remove_of(table, want % 4);
			break;
		default:
			gpadl_unref(kept);
			while (gpadl_table_next_torn(table, &torn))
				g_assert(released);
			kept = gpadl_table_find(table, id, 1, 3);
			if (kept)
				check_list(partition, kept);
			break;
		}
	}
	gpadl_unref(kept);
	gpadl_table_free(table);
	return 0;
}
