/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <bzlib.h>

#include "codec.h"

static enum codec_status bzip2_step(void *state, struct codec_window *window)
{
	bz_stream *bz = state;
	int code;

	bz->next_in = (char *)(uintptr_t)window->in;
	bz->avail_in = (unsigned int)window->in_size;
	bz->next_out = (char *)window->out;
	bz->avail_out = (unsigned int)window->out_size;
	code = BZ2_bzDecompress(bz);
	window->in = (const uint8_t *)bz->next_in;
	window->in_size = bz->avail_in;
	window->out = (uint8_t *)bz->next_out;
	window->out_size = bz->avail_out;
	switch (code) {
	case BZ_STREAM_END:
		return CODEC_DONE;
	case BZ_OK:
		return CODEC_MORE;
	case BZ_MEM_ERROR:
		return CODEC_MEMORY;
	default:
		return CODEC_CORRUPT;
	}
}

enum codec_status codec_bzip2_decode(struct codec_stream *stream)
{
	bz_stream bz = {0};
	enum codec_status status;

	if (BZ2_bzDecompressInit(&bz, 0, 0) != BZ_OK)
		return CODEC_MEMORY;
	status = codec_pump(stream, bzip2_step, &bz);
	BZ2_bzDecompressEnd(&bz);
	return status;
}
