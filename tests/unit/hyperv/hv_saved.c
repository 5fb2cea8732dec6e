/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hv_saved.h"

#include <string.h>

#define SINT	 3u
#define TSC_PAGE 0x35000ull

static const struct partition_native_calls native = {true, true, {0x0f, 0x01, 0xd9}, true};

void hv_saved_reset(struct hv_test *t)
{
	hv_test_reset(t);
	fake_set_end_interrupts(t->partition, 2);
}

void hv_saved_build(struct hv_test *t, bool tsc_stable)
{
	hv_test_build(t, hv_features_all, tsc_stable);
	fake_set_native_calls(&native);
	hv_saved_reset(t);
}

GBytes *hv_saved_take(struct hv_test *t)
{
	g_autoptr(state_writer) writer = state_writer_new();

	hv_set_paused(t->hv, true);
	hv_save(t->hv, writer);
	return saved_bytes(writer);
}

bool hv_saved_restore(struct hv_test *t, GBytes *bytes, struct state_reader *reader)
{
	saved_bytes_read(reader, bytes);
	bool restored = hv_restore(t->hv, reader);
	g_assert_cmpint(restored, ==, state_ok(reader));
	if (restored)
		g_assert_true(reader->at == reader->end && reader->depth == 0);
	return restored;
}

void hv_saved_another(struct hv_test *t, bool same_time)
{
	uint64_t now = t->now_ns;
	g_autofree void *memory = g_memdup2(hv_test_at(t, 0), MEMORY);
	bool tsc_stable = t->tsc_stable;

	hv_test_drop(t);
	hv_saved_build(t, tsc_stable);
	memcpy(hv_test_at(t, 0), memory, MEMORY);
	if (same_time)
		hv_test_advance(t, now - t->now_ns);
}

GBytes *hv_saved_move(struct hv_test *t, bool same_time)
{
	GBytes *bytes = hv_saved_take(t);
	struct state_reader reader;

	hv_saved_another(t, same_time);
	hv_saved_restore(t, bytes, &reader);
	g_assert_cmpstr(reader.fault, ==, "");
	return bytes;
}

static const uint64_t pages[] = {SIM_PAGE, SIEF_PAGE, CALL_PAGE, TSC_PAGE, INPUT, NOWHERE};

static uint64_t random64(void)
{
	return (uint64_t)(uint32_t)g_test_rand_int() << 32 | (uint32_t)g_test_rand_int();
}

static uint64_t random_value(uint32_t index)
{
	switch (g_test_rand_int_range(0, 4)) {
	case 0:
		return random64();
	case 1:
		return pages[g_test_rand_int_range(0, G_N_ELEMENTS(pages))] | HV_PAGE_ENABLE;
	case 2:
		return index >= HV_MSR_STIMER0_CONFIG
			       ? (uint64_t)g_test_rand_int_range(0, 16) |
					 (uint64_t)g_test_rand_int_range(0, 16) << 16
			       : (uint64_t)g_test_rand_int_range(16, 256) |
					 (uint64_t)g_test_rand_int_range(0, 8) << 16;
	default:
		return (uint64_t)g_test_rand_int_range(0, 1000000);
	}
}

static void random_step(struct hv_test *t)
{
	uint32_t vp = (uint32_t)g_test_rand_int_range(0, HV_VPS);
	uint32_t index = PARTITION_SYNTHETIC_MSRS +
			 (uint32_t)g_test_rand_int_range(0, PARTITION_N_SYNTHETIC_MSRS);
	uint32_t sint = (uint32_t)g_test_rand_int_range(0, HV_SINTS);
	const struct hv_message message = {
		.type = 1 + (uint32_t)g_test_rand_int_range(0, 30),
		.size = (uint32_t)g_test_rand_int_range(0, HV_MESSAGE_PAYLOAD + 1),
		.origin = random64(),
		.payload = hv_test_at(t, INPUT),
	};
	uint64_t value;

	switch (g_test_rand_int_range(0, 8)) {
	case 0:
		(void)hv_message_post(t->hv, vp, sint, &message);
		break;
	case 1:
		hv_test_advance(t, (uint64_t)g_test_rand_int_range(1, 3000000));
		break;
	case 2:
		(void)hv_msr_read(t->hv, vp, HV_MSR_VP_RUNTIME, &value);
		break;
	default:
		(void)hv_msr_write(t->hv, vp, index, random_value(index));
		break;
	}
}

void hv_saved_random(struct hv_test *t)
{
	hv_test_enable_synic(t, SINT, 0xf3);
	hv_test_enable_calls(t);
	hv_test_write(t, 0, HV_MSR_SINT0 + 4, 0x44 | HV_SINT_AUTO_EOI);
	for (unsigned int i = 0; i < 400; i++)
		random_step(t);
}
