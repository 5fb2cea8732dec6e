/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "partition.h"

static const char *const names[HV_INTERCEPT_N] = {
	[HV_INTERCEPT_CANCELED] = "canceled", [HV_INTERCEPT_IO_PORT] = "io",
	[HV_INTERCEPT_MMIO] = "mmio",	      [HV_INTERCEPT_MSR] = "msr",
	[HV_INTERCEPT_HALT] = "halt",	      [HV_INTERCEPT_TRIPLE_FAULT] = "triple-fault",
	[HV_INTERCEPT_RESET] = "reset",	      [HV_INTERCEPT_UNRECOVERABLE] = "unrecoverable",
};

const char *hv_intercept_type_name(enum hv_intercept_type type)
{
	if ((unsigned int)type >= HV_INTERCEPT_N)
		return "?";
	return names[type];
}
