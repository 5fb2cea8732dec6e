/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Takes numbers and bytes from a fuzzer's input; zeros when it has ended. */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct fuzz_input {
	const uint8_t *data;
	size_t size;
};

/* Copies n bytes at most; returns how many there were. */
static inline size_t fuzz_bytes(struct fuzz_input *in, void *to, size_t n)
{
	size_t take = n < in->size ? n : in->size;

	memset(to, 0, n);
	if (take > 0)
		memcpy(to, in->data, take);
	in->data += take;
	in->size -= take;
	return take;
}

static inline uint8_t fuzz_u8(struct fuzz_input *in)
{
	uint8_t value;

	fuzz_bytes(in, &value, sizeof(value));
	return value;
}

static inline uint16_t fuzz_u16(struct fuzz_input *in)
{
	uint16_t value;

	fuzz_bytes(in, &value, sizeof(value));
	return value;
}

static inline uint32_t fuzz_u32(struct fuzz_input *in)
{
	uint32_t value;

	fuzz_bytes(in, &value, sizeof(value));
	return value;
}

#endif
