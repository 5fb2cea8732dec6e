/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest of hyperv_guest.h in user mode with every page and port, for measurements: some hosts
 * emulate kernel mode, an instruction after the other. */
#ifndef USER_MODE_H
#define USER_MODE_H

#include "hyperv_guest.h"

/* Where run_user_mode begins; the guest's memory is free from USER_DATA to USER_DATA_END. */
#define USER_CODE     0x36000ull
#define USER_STACK    0x38000ull
#define USER_DATA     0x40000ull
#define USER_DATA_END 0x80000ull

/* Puts the code there and enters the mode. */
void enter_user_mode(struct fixture *f, const void *code, size_t size);
/* From the beginning of the code until it writes to port 0x100. */
void run_user_mode(struct fixture *f);

#endif
