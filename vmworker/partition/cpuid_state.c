/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cpuid_state.h"

#include <stdio.h>

#include "state.h"

void cpuid_state_save(struct state_writer *writer, const struct hv_cpuid_entry *entries, size_t n)
{
	state_put_u32(writer, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		const struct hv_cpuid_entry *entry = &entries[i];

		state_put_u32(writer, entry->function);
		state_put_u32(writer, entry->index);
		state_put_bool(writer, entry->indexed);
		state_put_u32(writer, entry->eax);
		state_put_u32(writer, entry->ebx);
		state_put_u32(writer, entry->ecx);
		state_put_u32(writer, entry->edx);
	}
}

static struct hv_cpuid_entry entry_get(struct state_reader *reader)
{
	struct hv_cpuid_entry entry = {.function = state_get_u32(reader)};

	entry.index = state_get_u32(reader);
	entry.indexed = state_get_bool(reader);
	entry.eax = state_get_u32(reader);
	entry.ebx = state_get_u32(reader);
	entry.ecx = state_get_u32(reader);
	entry.edx = state_get_u32(reader);
	return entry;
}

static bool entry_equal(const struct hv_cpuid_entry *a, const struct hv_cpuid_entry *b)
{
	return a->function == b->function && a->index == b->index && a->indexed == b->indexed &&
	       a->eax == b->eax && a->ebx == b->ebx && a->ecx == b->ecx && a->edx == b->edx;
}

static void differs(struct state_reader *reader, uint32_t leaf, uint32_t index)
{
	char text[96];

	snprintf(text, sizeof(text),
		 "this host offers other processor features (CPUID leaf 0x%x, index %u)", leaf,
		 index);
	state_fail(reader, text);
}

void cpuid_state_check(struct state_reader *reader, const struct hv_cpuid_entry *entries, size_t n)
{
	uint32_t saved = state_get_u32(reader);

	for (uint32_t i = 0; i < saved && state_ok(reader); i++) {
		const struct hv_cpuid_entry entry = entry_get(reader);

		if (i >= n || !entry_equal(&entry, &entries[i]))
			differs(reader, entry.function, entry.index);
	}
	if (state_ok(reader) && saved < n)
		differs(reader, entries[saved].function, entries[saved].index);
}
