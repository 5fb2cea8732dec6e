/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* UTF-16LE as guests send it, of any bytes, and UTF-8. Pure. */
#ifndef UTF16_H
#define UTF16_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The string in `size` bytes, up to the first NUL or the end, an odd last byte ignored; a new
 * valid UTF-8 string. What is no character (lone surrogates) or a control character becomes U+FFFD.
 */
char *utf16_decode(const uint8_t *bytes, size_t size);

/* Writes utf8 (valid) with a NUL to `size` bytes and returns how many units it took, without the
 * NUL; when there is no room *fits is false, and the bytes are zeros. */
size_t utf16_encode(const char *utf8, uint8_t *bytes, size_t size, bool *fits);

/* The same, cut after the last character that fits. What is not UTF-8 is left out. */
void utf16_encode_cut(const char *utf8, uint8_t *bytes, size_t size);

#endif
