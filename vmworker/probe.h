/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What `vmworker --probe` prints: the hypervisor of this host as one line of JSON. */
#ifndef PROBE_H
#define PROBE_H

#include "partition.h"
#include "speed.h"

/*
 * {"virtualization":"amd-v|vt-x|software|none","usable":bool,"reason":"…","apiVersion":12,
 * "maxVps":N,"capabilities":{"KVM_CAP_…":n,…},"speed":{"kernel":N,"user":N}}, newline included;
 * g_free. reason is empty when usable; speeds that are not known are not there.
 */
char *probe_format(const struct partition_host *host, const struct speed *speed);

#endif
