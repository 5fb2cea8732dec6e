/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the hypervisor refused, said to the person who has to mend it. */
#ifndef HV_ERROR_H
#define HV_ERROR_H

#include <glib.h>
#include <stdint.h>

#include "hv_status.h"

/* Sets a WORKER_ERROR: DENIED, NO_HYPERVISOR, NO_MEMORY, NOT_SUPPORTED or FAILED. memory: of the
 * VM, in bytes. */
void hv_error_set(GError **error, const char *vm_name, uint64_t memory,
		  const struct hv_fault *fault);

/* One clause about a host that cannot run partitions, for the probe; g_free. */
char *hv_error_describe(const struct hv_fault *fault);

#endif
