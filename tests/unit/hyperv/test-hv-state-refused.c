/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Saved state of the interface that is not to be believed. */
#include <string.h>

#include "hv_saved.h"

#define MS_NS 1000000ull

static void setup(struct hv_test *t, gconstpointer data)
{
	(void)data;
	hv_saved_build(t, true);
}

static void teardown(struct hv_test *t, gconstpointer data)
{
	(void)data;
	hv_test_drop(t);
}

/* ---- what is refused ------------------------------------------------------------------------- */

/* What is refused leaves nothing behind. */
static bool restore_checked(struct hv_test *t, GBytes *bytes)
{
	g_autoptr(GBytes) before = hv_saved_take(t);
	struct state_reader reader;

	if (hv_saved_restore(t, bytes, &reader))
		return true;
	g_assert_cmpstr(reader.fault, !=, "");
	g_autoptr(GBytes) after = hv_saved_take(t);
	g_assert_true(g_bytes_equal(after, before));
	g_assert_cmphex(fake_guest_os_id(t->partition), ==, 0);
	return false;
}

static void test_mutations(struct hv_test *t, gconstpointer data)
{
	(void)data;
	hv_saved_random(t);
	g_autoptr(GBytes) bytes = hv_saved_take(t);
	hv_saved_reset(t);
	size_t size = g_bytes_get_size(bytes);
	for (size_t i = 0; i < size; i++) {
		g_autofree uint8_t *copy = g_memdup2(g_bytes_get_data(bytes, NULL), size);
		copy[i] ^= (uint8_t)(1u << (i % 8));
		g_autoptr(GBytes) changed = g_bytes_new(copy, size);

		if (!restore_checked(t, changed))
			continue;
		/* Then it is one that can be. */
		hv_set_paused(t->hv, false);
		hv_test_advance(t, 10 * MS_NS);
		hv_before_run(t->hv, 0);
		hv_saved_reset(t);
	}
}

static void test_cut_off(struct hv_test *t, gconstpointer data)
{
	(void)data;
	hv_saved_random(t);
	g_autoptr(GBytes) bytes = hv_saved_take(t);
	hv_test_reset(t);
	for (size_t size = 0; size < g_bytes_get_size(bytes); size += 3) {
		g_autoptr(GBytes) part = g_bytes_new_from_bytes(bytes, 0, size);

		g_assert_false(restore_checked(t, part));
	}
}

static void test_other_features(void)
{
	struct hv_features features = hv_features_all;
	struct state_reader reader;
	struct hv_test t;

	features.on &= ~HV_FEATURE_BIT(HV_FEATURE_CRASH);
	hv_test_build(&t, features, true);
	g_autoptr(GBytes) bytes = hv_saved_take(&t);
	g_assert_true(hv_saved_restore(&t, bytes, &reader));
	hv_test_drop(&t);
	hv_test_build(&t, hv_features_all, true);
	g_assert_false(hv_saved_restore(&t, bytes, &reader));
	g_assert_cmpstr(reader.fault, ==, "hv: this host serves other enlightenments");
	hv_test_drop(&t);
}

/* One value each that no guest can have brought about. The state is written as it is when nothing
 * was told, but for that. */
struct image {
	bool newer; /* with what the guest has used */
	uint32_t vps, used;
	uint64_t time, os_id, hypercall, tsc_invariant, assist_page, scontrol, sint, eoi;
	uint64_t config, count, left;
	uint8_t waiting;
	uint32_t messages, type, size;
};

static void put_vp(struct state_writer *writer, const struct image *image)
{
	state_begin(writer, "hv.vp", 1);
	state_put_u64(writer, image->assist_page);
	state_put_u64(writer, 0); /* runtime */
	state_put_u64(writer, image->scontrol);
	state_put_u64(writer, 0); /* pages */
	state_put_u64(writer, 0);
	for (unsigned int i = 0; i < HV_SINTS; i++)
		state_put_u64(writer, i == 0 ? image->sint : HV_SINT_MASKED);
	for (unsigned int i = 0; i < 4; i++)
		state_put_u64(writer, i == 0 ? image->eoi : 0);
	for (unsigned int i = 0; i < HV_STIMERS; i++) {
		state_put_u64(writer, i == 0 ? image->config : 0);
		state_put_u64(writer, i == 0 ? image->count : 0);
		state_put_u64(writer, 0);
		state_put_u64(writer, i == 0 ? image->left : 0);
		state_put_u8(writer, i == 0 ? image->waiting : 0);
	}
	for (unsigned int i = 0; i < HV_SINTS; i++) {
		state_put_bool(writer, false);
		state_put_u32(writer, i == 0 ? image->messages : 0);
		for (uint32_t n = 0; i == 0 && n < image->messages; n++) {
			state_put_u32(writer, image->type);
			state_put_u64(writer, 0);
			state_put_u32(writer, image->size);
			for (uint32_t at = 0; at < image->size; at++)
				state_put_u8(writer, 0);
		}
	}
	state_end(writer);
}

static GBytes *put_image(const struct hv_test *t, const struct image *image)
{
	g_autoptr(state_writer) writer = state_writer_new();
	struct hv_features features = hv_features_served(t->hv);

	state_begin(writer, "hv", image->newer ? 2 : 1);
	state_put_u32(writer, image->vps);
	state_put_bool(writer, features.visible);
	state_put_u32(writer, features.on);
	state_put_u64(writer, TSC_HZ);
	state_put_bool(writer, false);
	state_put_u64(writer, 0);
	state_put_u64(writer, 0);
	state_put_u64(writer, image->time);
	state_put_u64(writer, image->os_id);
	state_put_u64(writer, image->hypercall);
	state_put_u64(writer, 0);
	state_put_u64(writer, image->tsc_invariant);
	for (unsigned int i = 0; i < HV_CRASH_PARAMETERS; i++)
		state_put_u64(writer, 0);
	if (image->newer)
		state_put_u32(writer, image->used);
	for (unsigned int i = 0; i < HV_VPS; i++)
		put_vp(writer, image);
	state_end(writer);
	return saved_bytes(writer);
}

#define TIMER (HV_STIMER_ENABLE | 1 << 16)
#define IMAGE(...)                                                 \
	{                                                          \
		.vps = HV_VPS, .sint = HV_SINT_MASKED, __VA_ARGS__ \
	}

static const struct {
	struct image image;
	const char *fault; /* NULL: none */
} images[] = {
	{IMAGE(.time = 1), NULL},
	{{.vps = 3}, "hv: it has another number of processors"},
	{IMAGE(.time = 1ull << 58), "hv: a time that cannot be"},
	{IMAGE(.os_id = 1, .hypercall = CALL_PAGE | 1), NULL},
	{IMAGE(.os_id = 1, .hypercall = NOWHERE | 1), "hv: a hypercall page that cannot be"},
	{IMAGE(.hypercall = CALL_PAGE | 1), "hv: a hypercall page that cannot be"},
	{IMAGE(.hypercall = NOWHERE), NULL},
	{IMAGE(.tsc_invariant = 2), "hv: a register with bits that it does not have"},
	{IMAGE(.assist_page = INPUT | 1), NULL},
	{IMAGE(.assist_page = NOWHERE | 1), "saved state: an assist page outside memory"},
	{{.vps = HV_VPS, .sint = 15}, "hv.vp: a SINT that cannot be raised"},
	{{.vps = HV_VPS, .sint = 16}, NULL},
	{IMAGE(.eoi = 1ull << 15), "hv.vp: an interrupt that cannot be ended"},
	{IMAGE(.eoi = 1ull << 16), NULL},
	{IMAGE(.config = TIMER, .count = 1, .left = 1), NULL},
	{IMAGE(.config = TIMER), "hv.vp: a timer that cannot be"},
	{IMAGE(.config = HV_STIMER_ENABLE, .count = 1), "hv.vp: a timer that cannot be"},
	{IMAGE(.config = TIMER, .count = 1, .left = 1ull << 63), "hv.vp: a timer that cannot be"},
	{IMAGE(.left = 1), "hv.vp: a timer that cannot be"},
	{IMAGE(.waiting = 1), "hv.vp: a timer that cannot be"},
	{IMAGE(.waiting = 2), "hv.vp: a yes or no that is neither"},
	{IMAGE(.config = 1 << 16, .waiting = 1), NULL},
	{IMAGE(.config = 1 << 16 | HV_STIMER_DIRECT, .waiting = 1),
	 "hv.vp: a timer that cannot be"},
	{IMAGE(.messages = 64, .type = 1, .size = 240), NULL},
	{IMAGE(.messages = 65, .type = 1), "hv.vp: a number that is too large"},
	{IMAGE(.messages = 1, .type = 1, .size = 241), "hv.vp: a number that is too large"},
	{IMAGE(.messages = 1, .type = 0), "hv.vp: a message of no type"},
	{IMAGE(.newer = true, .used = HV_FEATURE_BIT(HV_FEATURE_SYNIC)), NULL},
	{IMAGE(.newer = true, .used = HV_FEATURE_BIT(HV_FEATURE_N)), NULL},
	{IMAGE(.newer = true, .used = HV_FEATURE_BIT(HV_FEATURE_N + 1)),
	 "hv: enlightenments in use that are not served"},
	{IMAGE(.newer = true, .used = UINT32_MAX), "hv: enlightenments in use that are not served"},
};

static void test_values(struct hv_test *t, gconstpointer data)
{
	struct state_reader reader;

	(void)data;
	for (size_t i = 0; i < G_N_ELEMENTS(images); i++) {
		g_autoptr(GBytes) bytes = put_image(t, &images[i].image);

		hv_saved_restore(t, bytes, &reader);
		g_assert_cmpstr(reader.fault, ==, images[i].fault ? images[i].fault : "");
		hv_saved_reset(t);
	}
}

/* One that does not tell what the guest has used: its registers do, as far as they can. */
static void test_older(struct hv_test *t, gconstpointer data)
{
	const struct image image = {.vps = HV_VPS,
				    .os_id = 1,
				    .hypercall = CALL_PAGE | 1,
				    .tsc_invariant = 1,
				    .assist_page = INPUT | 1,
				    .scontrol = 1,
				    .sint = 16,
				    .config = TIMER,
				    .count = 1};
	static const enum hv_feature used[] = {HV_FEATURE_TSC_INVARIANT, HV_FEATURE_APIC_ASSIST,
					       HV_FEATURE_SYNIC, HV_FEATURE_STIMER};
	g_autoptr(GBytes) bytes = put_image(t, &image);
	struct state_reader reader;

	(void)data;
	g_assert_true(hv_saved_restore(t, bytes, &reader));
	g_assert_true(hv_hypercalls_used(t->hv));
	for (size_t i = 0; i < G_N_ELEMENTS(used); i++)
		g_assert_cmpint(hv_feature_use(t->hv, used[i]), ==, HV_USE_SEEN);
	g_assert_cmpint(hv_feature_use(t->hv, HV_FEATURE_STIMER_DIRECT), ==, HV_USE_NONE);
	g_assert_cmpint(hv_feature_use(t->hv, HV_FEATURE_CRASH), ==, HV_USE_NONE);
}

/* Timers, where the guest is not offered any. */
static void test_no_timers(void)
{
	const struct image timer = IMAGE(.config = TIMER, .count = 1);
	const struct image direct =
		IMAGE(.config = HV_STIMER_DIRECT | HV_STIMER_ENABLE, .count = 1);
	const uint32_t off[] = {HV_FEATURE_BIT(HV_FEATURE_STIMER),
				HV_FEATURE_BIT(HV_FEATURE_STIMER_DIRECT)};
	const struct image *const not [] = {&timer, &direct};
	struct state_reader reader;
	struct hv_test t;

	for (size_t i = 0; i < G_N_ELEMENTS(off); i++) {
		struct hv_features features = {true, hv_features_all.on & ~off[i]};

		hv_test_build(&t, features, true);
		g_autoptr(GBytes) bytes = put_image(&t, not [i]);
		g_assert_false(hv_saved_restore(&t, bytes, &reader));
		g_assert_cmpstr(reader.fault, ==, "hv.vp: a timer that cannot be");
		hv_test_drop(&t);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define CASE(name, fn) g_test_add("/hv/state/" name, struct hv_test, NULL, setup, fn, teardown)
	CASE("mutations", test_mutations);
	CASE("cut-off", test_cut_off);
	CASE("values", test_values);
	CASE("older", test_older);
	g_test_add_func("/hv/state/other-features", test_other_features);
	g_test_add_func("/hv/state/no-timers", test_no_timers);
	return g_test_run();
}
