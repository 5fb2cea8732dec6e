/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xz, and the older .lzma ("LZMA alone") container. */
#include <lzma.h>

#include "codec.h"

#define MEMORY_LIMIT (256ull << 20) /* a kernel's dictionary has 32 or 64 MiB */

static enum codec_status lzma_step(void *state, struct codec_window *window)
{
	lzma_stream *lzma = state;
	lzma_ret code;

	lzma->next_in = window->in;
	lzma->avail_in = window->in_size;
	lzma->next_out = window->out;
	lzma->avail_out = window->out_size;
	code = lzma_code(lzma, LZMA_RUN);
	window->in = lzma->next_in;
	window->in_size = lzma->avail_in;
	window->out = lzma->next_out;
	window->out_size = lzma->avail_out;
	switch (code) {
	case LZMA_STREAM_END:
		return CODEC_DONE;
	case LZMA_OK:
	case LZMA_BUF_ERROR: /* no progress was possible: more input */
		return CODEC_MORE;
	case LZMA_MEM_ERROR:
	case LZMA_MEMLIMIT_ERROR:
		return CODEC_MEMORY;
	default:
		return CODEC_CORRUPT;
	}
}

enum codec_status codec_xz_decode(struct codec_stream *stream)
{
	lzma_stream lzma = LZMA_STREAM_INIT;
	enum codec_status status;

	if (lzma_stream_decoder(&lzma, MEMORY_LIMIT, 0) != LZMA_OK)
		return CODEC_MEMORY;
	status = codec_pump(stream, lzma_step, &lzma);
	lzma_end(&lzma);
	return status;
}

enum codec_status codec_lzma_decode(struct codec_stream *stream)
{
	lzma_stream lzma = LZMA_STREAM_INIT;
	enum codec_status status;

	if (lzma_alone_decoder(&lzma, MEMORY_LIMIT) != LZMA_OK)
		return CODEC_MEMORY;
	status = codec_pump(stream, lzma_step, &lzma);
	lzma_end(&lzma);
	return status;
}
