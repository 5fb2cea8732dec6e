/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A file of saved state, as anybody may have made it, into the hypervisor interface and a
 * partition. What is taken is one that can go on, and that can be saved and restored again.
 */
#include <glib.h>

#include "hv_saved.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void go_on(struct hv_test *t)
{
	uint64_t value;

	for (uint32_t vp = 0; vp < HV_VPS; vp++)
		hv_before_run(t->hv, vp);
	hv_set_paused(t->hv, false);
	hv_test_advance(t, 50000000);
	for (uint32_t vp = 0; vp < HV_VPS; vp++) {
		(void)hv_event_set(t->hv, vp, 2, 1);
		(void)hv_msr_read(t->hv, vp, HV_MSR_TIME_REF_COUNT, &value);
		(void)hv_msr_write(t->hv, vp, HV_MSR_EOM, 0);
		(void)hv_port_write(t->hv, vp, HV_PORT_CALL, 0);
	}
}

static void save_again(struct hv_test *t)
{
	g_autoptr(GBytes) bytes = hv_saved_take(t);
	struct state_reader reader;

	hv_saved_reset(t);
	if (!hv_saved_restore(t, bytes, &reader))
		g_error("what it saved it does not take: %s", reader.fault);
}

static bool restore_partition(struct hv_test *t, struct state_reader *reader)
{
	hv_status status = partition_restore(t->partition, reader);

	for (uint32_t vp = 0; vp < HV_VPS && status == HV_STATUS_SUCCESS; vp++)
		status = vp_restore(t->vps[vp], reader);
	g_assert_cmpint(status == HV_STATUS_SUCCESS, ==, state_ok(reader));
	return state_ok(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct state_reader reader;
	struct hv_test t;

	if (size == 0)
		return 0;
	hv_saved_build(&t, data[0] % 2 == 0);
	state_reader_init(&reader, data + 1, size - 1);
	if ((!state_next_is(&reader, "partition") || restore_partition(&t, &reader)) &&
	    hv_restore(t.hv, &reader)) {
		go_on(&t);
		save_again(&t);
	}
	hv_test_drop(&t);
	return 0;
}
