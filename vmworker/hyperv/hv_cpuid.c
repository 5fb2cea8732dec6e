/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The hypervisor's CPUID leaves (TLFS, section 2.4): nothing is told that is not served. */
#include "cpuid_private.h"
#include "hv_private.h"

#define LAST_LEAF  HV_CPUID_HARDWARE
#define HYPERVISOR BIT(31) /* leaf 1, ECX */

/* The release whose interface this is: Windows Server 2022. */
#define VERSION_BUILD 20348u
#define VERSION_MAJOR 10u
#define VERSION_MINOR 0u

/* How often a lock is tried before the hypervisor is told of it. */
#define SPIN_RETRIES 0xfffu

enum word { FEATURES_EAX, FEATURES_EBX, FEATURES_EDX, ADVICE_EAX, WORD_N };

/* What every guest of the interface has: hypercalls and the VP index. Rather let it keep to EOIs
 * than have us do it for the SINTs, and take no missed tick for a broken timer. */
static const uint32_t always[WORD_N] = {
	[FEATURES_EAX] = BIT(5) | BIT(6),
	[ADVICE_EAX] = BIT(5) | BIT(9),
};

static const struct {
	enum hv_feature feature;
	enum word word;
	uint32_t bits;
} bits[] = {
	{HV_FEATURE_VP_RUNTIME, FEATURES_EAX, BIT(0)},
	{HV_FEATURE_REFERENCE_COUNTER, FEATURES_EAX, BIT(1)},
	{HV_FEATURE_SYNIC, FEATURES_EAX, BIT(2)},
	{HV_FEATURE_STIMER, FEATURES_EAX, BIT(3)},
	{HV_FEATURE_APIC_ASSIST, FEATURES_EAX, BIT(4)},
	{HV_FEATURE_RESET, FEATURES_EAX, BIT(7)},
	{HV_FEATURE_REFERENCE_TSC, FEATURES_EAX, BIT(9)},
	{HV_FEATURE_GUEST_IDLE, FEATURES_EAX, BIT(10)},
	{HV_FEATURE_FREQUENCIES, FEATURES_EAX, BIT(11)},
	{HV_FEATURE_TSC_INVARIANT, FEATURES_EAX, BIT(15)},
	{HV_FEATURE_SYNIC, FEATURES_EBX, BIT(4) | BIT(5)}, /* post messages, signal events */
	{HV_FEATURE_GUEST_IDLE, FEATURES_EDX, BIT(5)},
	{HV_FEATURE_FREQUENCIES, FEATURES_EDX, BIT(8)},
	{HV_FEATURE_CRASH, FEATURES_EDX, BIT(10)},
	{HV_FEATURE_STIMER_DIRECT, FEATURES_EDX, BIT(19)},
	{HV_FEATURE_TLB_FLUSH, ADVICE_EAX, BIT(2) | BIT(11)}, /* also for VPs above the 64th */
	{HV_FEATURE_IPI, ADVICE_EAX, BIT(10) | BIT(11)},
	{HV_FEATURE_APIC_ASSIST, ADVICE_EAX, BIT(3)},
};

static void words_fill(const struct hv *hv, uint32_t words[WORD_N])
{
	for (size_t i = 0; i < WORD_N; i++)
		words[i] = always[i];
	for (size_t i = 0; i < G_N_ELEMENTS(bits); i++)
		if (hv_serves(hv, bits[i].feature))
			words[bits[i].word] |= bits[i].bits;
}

static void hide(struct cpuid_table *table)
{
	struct hv_cpuid_entry *features = cpuid_table_find(table, 1, 0);

	if (features)
		features->ecx &= ~HYPERVISOR;
	for (uint32_t leaf = HV_CPUID_VENDOR; leaf <= LAST_LEAF; leaf++)
		cpuid_table_remove(table, leaf);
}

size_t hv_cpuid_apply(const struct hv *hv, struct hv_cpuid_entry *entries, size_t n, size_t max)
{
	struct cpuid_table table = {.entries = entries, .n = n, .max = max};
	uint32_t words[WORD_N];

	hide(&table);
	if (!hv->served.visible)
		return table.n;
	words_fill(hv, words);
	const struct hv_cpuid_entry leaves[] = {
		{.function = HV_CPUID_VENDOR, /* "Microsoft Hv" */
		 .eax = LAST_LEAF,
		 .ebx = 0x7263694d,
		 .ecx = 0x666f736f,
		 .edx = 0x76482074},
		{.function = HV_CPUID_INTERFACE, .eax = 0x31237648}, /* "Hv#1" */
		{.function = HV_CPUID_VERSION,
		 .eax = VERSION_BUILD,
		 .ebx = VERSION_MAJOR << 16 | VERSION_MINOR},
		{.function = HV_CPUID_FEATURES,
		 .eax = words[FEATURES_EAX],
		 .ebx = words[FEATURES_EBX],
		 .edx = words[FEATURES_EDX]},
		{.function = HV_CPUID_ADVICE,
		 .eax = words[ADVICE_EAX],
		 .ebx = hv_serves(hv, HV_FEATURE_SPIN_WAIT) ? SPIN_RETRIES : HV_CPUID_SPIN_FOREVER},
		{.function = HV_CPUID_LIMITS, .eax = PARTITION_MAX_VPS, .ebx = PARTITION_MAX_VPS},
		{.function = HV_CPUID_HARDWARE},
	};
	struct hv_cpuid_entry *features = cpuid_table_find(&table, 1, 0);

	if (features)
		features->ecx |= HYPERVISOR;
	for (size_t i = 0; i < G_N_ELEMENTS(leaves); i++)
		cpuid_table_add(&table, &leaves[i]);
	return table.full ? 0 : table.n;
}
