/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names of processor architectures, for the message about a kernel that is for another one. */
#ifndef MACHINE_NAME_H
#define MACHINE_NAME_H

#include <stdint.h>

/* Static string, or NULL for a number that is not listed. */
const char *machine_name_of_elf(uint16_t e_machine);
const char *machine_name_of_pe(uint16_t machine);

#endif
