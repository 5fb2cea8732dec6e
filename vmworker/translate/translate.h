/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine that has QEMU translate the guest's instructions, for hosts whose processor cannot run
 * a guest itself. */
#ifndef TRANSLATE_H
#define TRANSLATE_H

#include "engine.h"

extern const struct engine_ops translate_engine;

/* Refuses what QEMU, as we use it, cannot do; vmmsd has done so before, when the definition was
 * accepted. NOT_SUPPORTED. */
gboolean translate_check(const struct engine_config *config, GError **error);

#endif
