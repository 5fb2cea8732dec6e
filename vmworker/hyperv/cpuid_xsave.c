/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Leaf 0xd: Intel SDM volume 1, chapter 13, "Managing State Using the XSAVE Feature Set". */
#include "cpuid_private.h"

#define XSAVE_LEAF  0xdu
#define LEGACY_SIZE 576u /* the legacy area and the header */
#define FIRST_STATE 2u
#define N_STATES    63u
#define EAX_XSAVEC  BIT(1)
#define EAX_XSAVES  BIT(3)

/* The feature without which a guest may not find a state component. */
static const struct {
	unsigned int state;
	uint32_t function;
	uint32_t ebx, ecx, edx; /* the bit of leaf `function`, sub-leaf 0 */
} needs[] = {
	{.state = 2, .function = 1, .ecx = BIT(28)}, /* AVX */
	{.state = 3, .function = 7, .ebx = BIT(14)}, /* MPX */
	{.state = 4, .function = 7, .ebx = BIT(14)},
	{.state = 5, .function = 7, .ebx = BIT(16)}, /* AVX-512 */
	{.state = 6, .function = 7, .ebx = BIT(16)},
	{.state = 7, .function = 7, .ebx = BIT(16)},
	{.state = 9, .function = 7, .ecx = BIT(3)},  /* PKU */
	{.state = 11, .function = 7, .ecx = BIT(7)}, /* CET */
	{.state = 12, .function = 7, .ecx = BIT(7)},
	{.state = 17, .function = 7, .edx = BIT(24)}, /* AMX */
	{.state = 18, .function = 7, .edx = BIT(24)},
};

/* The components whose feature the other leaves offer; x87 and SSE always. */
static uint64_t states_offered(const struct cpuid_table *table)
{
	uint64_t states = 3;

	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		const struct hv_cpuid_entry *leaf = cpuid_table_find(table, needs[i].function, 0);

		if (leaf != NULL &&
		    ((leaf->ebx & needs[i].ebx) != 0 || (leaf->ecx & needs[i].ecx) != 0 ||
		     (leaf->edx & needs[i].edx) != 0))
			states |= 1ull << needs[i].state;
	}
	/* AVX-512 may not be enabled without AVX. */
	if ((states & 4) == 0)
		states &= ~0xe0ull;
	return states;
}

/* Removes the sub-leaves of components not in `states`. */
static void remove_states(struct cpuid_table *table, uint64_t states)
{
	size_t kept = 0;

	for (size_t i = 0; i < table->n; i++) {
		const struct hv_cpuid_entry *entry = &table->entries[i];

		if (entry->function == XSAVE_LEAF && entry->index >= FIRST_STATE &&
		    (entry->index >= N_STATES || (states >> entry->index & 1) == 0))
			continue;
		table->entries[kept++] = *entry;
	}
	table->n = kept;
}

/* Bytes of the standard format with every component of xcr0. */
static uint32_t standard_size(const struct cpuid_table *table, uint64_t xcr0)
{
	uint32_t size = LEGACY_SIZE;

	for (uint32_t state = FIRST_STATE; state < N_STATES; state++) {
		const struct hv_cpuid_entry *entry = cpuid_table_find(table, XSAVE_LEAF, state);

		if ((xcr0 >> state & 1) != 0 && entry != NULL && entry->eax + entry->ebx > size)
			size = entry->eax + entry->ebx;
	}
	return size;
}

void cpuid_set_xsave(struct cpuid_table *table)
{
	const struct hv_cpuid_entry *features = cpuid_table_find(table, 1, 0);
	struct hv_cpuid_entry *head = cpuid_table_find(table, XSAVE_LEAF, 0);

	if (head == NULL || features == NULL || (features->ecx & BIT(26)) == 0) {
		cpuid_table_remove(table, XSAVE_LEAF);
		return;
	}
	uint64_t offered = states_offered(table);
	uint64_t xcr0 = ((uint64_t)head->edx << 32 | head->eax) & offered;
	uint64_t xss = 0;
	struct hv_cpuid_entry *more = cpuid_table_find(table, XSAVE_LEAF, 1);

	if (more != NULL && (more->eax & EAX_XSAVES) != 0)
		xss = ((uint64_t)more->edx << 32 | more->ecx) & offered & ~xcr0;
	/* The sizes for what is enabled (EBX) KVM keeps as the guest sets XCR0; this is reset's. */
	head->eax = (uint32_t)xcr0;
	head->edx = (uint32_t)(xcr0 >> 32);
	head->ebx = LEGACY_SIZE;
	head->ecx = standard_size(table, xcr0);
	if (more != NULL) {
		more->ecx = (uint32_t)xss;
		more->edx = (uint32_t)(xss >> 32);
		more->ebx = (more->eax & (EAX_XSAVEC | EAX_XSAVES)) != 0 ? LEGACY_SIZE : 0;
	}
	remove_states(table, xcr0 | xss);
}
