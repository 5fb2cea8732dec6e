/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between measure.c and measure_rom.S. */
#ifndef MEASURE_ROM_H
#define MEASURE_ROM_H

#define MEASURE_ROM_SIZE 0x1000
/* Of a loop with two instructions. */
#define MEASURE_TURNS 50000000

#endif
