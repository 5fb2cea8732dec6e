/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each errno of a system call becomes the status that partition.h promises for it. */
#include <errno.h>
#include <glib.h>

#include "kvm_private.h"

static void test_errnos(void)
{
	static const struct {
		int sys_errno;
		hv_status status;
	} cases[] = {
		{EACCES, HV_STATUS_ACCESS_DENIED},	 {EPERM, HV_STATUS_ACCESS_DENIED},
		{ENOENT, HV_STATUS_OPERATION_DENIED},	 {ENODEV, HV_STATUS_OPERATION_DENIED},
		{ENXIO, HV_STATUS_OPERATION_DENIED},	 {EBUSY, HV_STATUS_OPERATION_DENIED},
		{ENOMEM, HV_STATUS_INSUFFICIENT_MEMORY}, {EMFILE, HV_STATUS_NO_RESOURCES},
		{ENFILE, HV_STATUS_NO_RESOURCES},	 {EINVAL, HV_STATUS_INVALID_PARAMETER},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct hv_fault fault = {0};

		g_assert_cmpint(kvm_fault_errno(&fault, "open(/dev/kvm)", cases[i].sys_errno), ==,
				cases[i].status);
		g_assert_cmpint(fault.status, ==, cases[i].status);
		g_assert_cmpint(fault.sys_errno, ==, cases[i].sys_errno);
		g_assert_cmpstr(fault.call, ==, "open(/dev/kvm)");
		g_assert_cmpint(kvm_fault_errno(NULL, "", cases[i].sys_errno), ==, cases[i].status);
	}
}

/* Without /dev/kvm as with it, a probe answers, and says why not. */
static void test_probe_answers(void)
{
	struct partition_host host;

	partition_probe(&host);
	g_assert_cmpuint(host.n_caps, >, 0);
	g_assert_cmpuint(host.n_caps, <=, PARTITION_MAX_CAPS);
	if (!host.usable) {
		g_assert_cmpint(host.fault.status, !=, HV_STATUS_SUCCESS);
		g_assert_nonnull(host.fault.call);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/kvm-fault/errnos", test_errnos);
	g_test_add_func("/kvm-fault/probe-answers", test_probe_answers);
	return g_test_run();
}
