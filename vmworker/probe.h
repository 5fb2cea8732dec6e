/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What `vmworker --probe` prints: the hypervisor of this host as one line of JSON. */
#ifndef PROBE_H
#define PROBE_H

#include "partition.h"

/*
 * {"virtualization":"amd-v|vt-x|software|none","usable":bool,"reason":"…","apiVersion":12,
 * "maxVps":N,"capabilities":{"KVM_CAP_…":n,…}}, newline included; g_free. reason is empty when
 * usable.
 */
char *probe_format(const struct partition_host *host);

#endif
