/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The host's power policy. What it changes in sysfs is recorded in the store first, so that it can
 * be undone: when the service ends for good, or by a later one when this one crashed. How long idle
 * CPUs may take to wake up holds as long as a file is open, so that the kernel itself undoes it.
 * Main thread only.
 */
#ifndef POWER_H
#define POWER_H

#include <glib.h>
#include <json-c/json.h>
#include <stdint.h>

#include "store.h"

#define POWER_LATENCY_PATH "/dev/cpu_dma_latency"
#define POWER_NO_LATENCY   UINT32_MAX

struct power;
typedef struct power power_t;

/* Brings the stored policy into force. All are borrowed and outlive it. new_boot: what was changed
 * before is gone. NULL and STORE. */
struct power *power_new(struct store *store, const char *sysfs_root, const char *latency_path,
			gboolean new_boot, GError **error);
void power_free(struct power *power); /* NULL is fine; sysfs stays as it is */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(power_t, power_free)

/* schemas/json/power.schema.json. INVALID_DEFINITION, NOT_SUPPORTED for a custom one that this host
 * has not the means for; what of the others it has no means for is said by power_describe. */
gboolean power_set(struct power *power, const char *json, GError **error);
/* The shortest that a VM which runs asks for, in microseconds, or POWER_NO_LATENCY. */
void power_set_vm_latency(struct power *power, uint32_t microseconds);
/* Everything becomes what it was before; the policy stays for the next start. */
void power_restore(struct power *power);

/* "power" of docs/json.md, host; the caller's. */
struct json_object *power_describe(const struct power *power);
/* Why a VM does not get the latency that it asks for; NULL when it does. */
const char *power_latency_fault(const struct power *power);

#endif
