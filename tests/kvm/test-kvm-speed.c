/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The measurement on the machine's own hypervisor: it ends, and both modes run. */
#include "kvm_fixture.h"
#include "speed.h"

static void test_speed(void)
{
	struct speed speed;

	speed_measure(&speed);
	g_test_message("kernel %" G_GINT64_FORMAT ", user %" G_GINT64_FORMAT, speed.kernel,
		       speed.user);
	/* The slowest that was ever seen is 700000. */
	g_assert_cmpint(speed.kernel, >, 10000);
	g_assert_cmpint(speed.user, >, 1000000);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	int missing = kvm_missing();
	if (missing != 0)
		return missing;
	g_test_add_func("/kvm/speed", test_speed);
	return g_test_run();
}
