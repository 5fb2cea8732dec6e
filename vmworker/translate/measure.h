/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How fast the translator runs guest code here: see speed.h. */
#ifndef MEASURE_H
#define MEASURE_H

#include "speed.h"

/* Runs a QEMU of its own for less than a second, or for MEASURE_LIMIT_MS when the host is busy;
 * what is not known by then stays unknown. */
#define MEASURE_LIMIT_MS 8000
void measure_translator(struct speed *ret);

#endif
