/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef UUID_H
#define UUID_H

#include <stdbool.h>

/* 8-4-4-4-12 lower-case hexadecimal digits and nothing else. NULL is not. */
bool uuid_is_canonical(const char *text);

#endif
