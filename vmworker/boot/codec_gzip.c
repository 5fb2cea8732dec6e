/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <zlib.h>

#include "codec.h"

#define WINDOW_GZIP (15 + 16) /* 32 KiB window, gzip header and trailer (zlib.h, inflateInit2) */

static enum codec_status gzip_step(void *state, struct codec_window *window)
{
	z_stream *z = state;
	int code;

	z->next_in = (Bytef *)(uintptr_t)window->in;
	z->avail_in = (uInt)window->in_size;
	z->next_out = window->out;
	z->avail_out = (uInt)window->out_size;
	code = inflate(z, Z_NO_FLUSH);
	window->in = z->next_in;
	window->in_size = z->avail_in;
	window->out = z->next_out;
	window->out_size = z->avail_out;
	switch (code) {
	case Z_STREAM_END:
		return CODEC_DONE;
	case Z_OK:
	case Z_BUF_ERROR: /* no progress was possible: more input */
		return CODEC_MORE;
	case Z_MEM_ERROR:
		return CODEC_MEMORY;
	default:
		return CODEC_CORRUPT;
	}
}

enum codec_status codec_gzip_decode(struct codec_stream *stream)
{
	z_stream z = {0};
	enum codec_status status;

	if (inflateInit2(&z, WINDOW_GZIP) != Z_OK)
		return CODEC_MEMORY;
	status = codec_pump(stream, gzip_step, &z);
	inflateEnd(&z);
	return status;
}
