/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine that runs the guest's instructions on the processor itself, through the partition API.
 */
#ifndef DIRECT_H
#define DIRECT_H

#include "engine.h"

extern const struct engine_ops direct_engine;

#endif
