/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * LZ4's legacy frame (lz4_Frame_format.md, "Legacy frame"), which the kernel's build makes with
 * `lz4 -l`: the magic, then blocks of a 32-bit size and that many bytes, each 8 MiB unpacked but
 * the last. The frame has no end mark; here the input ends with it.
 */
#include <lz4.h>
#include <string.h>

#include "codec.h"

#define LEGACY_MAGIC 0x184c2102u
#define BLOCK_SIZE   (8 << 20)

/* Reads exactly size bytes: CODEC_MORE, CODEC_DONE at the end of the input, or a failure. */
static enum codec_status lz4_read(struct codec_stream *stream, void *data, size_t size)
{
	size_t got;
	enum codec_status status = codec_stream_read(stream, data, size, &got);

	if (status != CODEC_MORE || got == size)
		return status;
	return got == 0 ? CODEC_DONE : CODEC_TRUNCATED;
}

static enum codec_status lz4_block(struct codec_stream *stream, char *packed, char *block)
{
	uint32_t size;
	int unpacked;
	enum codec_status status = lz4_read(stream, &size, sizeof(size));

	if (status != CODEC_MORE)
		return status;
	if (size == LEGACY_MAGIC) /* frames may follow each other */
		return CODEC_MORE;
	if (size == 0 || size > (uint32_t)LZ4_COMPRESSBOUND(BLOCK_SIZE))
		return CODEC_CORRUPT;
	status = lz4_read(stream, packed, size);
	if (status != CODEC_MORE)
		return status == CODEC_DONE ? CODEC_TRUNCATED : status;
	unpacked = LZ4_decompress_safe(packed, block, (int)size, BLOCK_SIZE);
	if (unpacked < 0)
		return CODEC_CORRUPT;
	return codec_stream_write(stream, block, (size_t)unpacked);
}

enum codec_status codec_lz4_decode(struct codec_stream *stream)
{
	char *packed, *block;
	uint32_t magic;
	enum codec_status status = lz4_read(stream, &magic, sizeof(magic));

	if (status == CODEC_DONE)
		return CODEC_TRUNCATED;
	if (status == CODEC_MORE && magic != LEGACY_MAGIC)
		return CODEC_CORRUPT;
	packed = g_malloc(LZ4_COMPRESSBOUND(BLOCK_SIZE));
	block = g_malloc(BLOCK_SIZE);
	while (status == CODEC_MORE)
		status = lz4_block(stream, packed, block);
	g_free(packed);
	g_free(block);
	return status;
}
