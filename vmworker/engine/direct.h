/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine that runs the guest's instructions on the processor itself, through the partition API.
 */
#ifndef DIRECT_H
#define DIRECT_H

#include "engine.h"
#include "hv.h"

extern const struct engine_ops direct_engine;

/*
 * Refuses what the definition asks for and this engine does not have, or cannot have together,
 * before anything is built: a machine never runs without a part of its definition. NOT_SUPPORTED.
 */
gboolean direct_check_devices(const struct engine_config *config, GError **error);

/* What the guest may see of the hypervisor. */
struct hv_features direct_features(const struct engine_devices *devices);
/* The property of its partition. */
bool direct_wants_apic_assist(const struct engine_devices *devices);

#endif
