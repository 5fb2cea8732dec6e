/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <zstd.h>

#include "codec.h"

#define WINDOW_LOG_MAX 27 /* 128 MiB: what `zstd --ultra -22`, the kernel's build, may use */

static enum codec_status zstd_step(void *state, struct codec_window *window)
{
	ZSTD_inBuffer in = {window->in, window->in_size, 0};
	ZSTD_outBuffer out = {window->out, window->out_size, 0};
	size_t code = ZSTD_decompressStream(state, &out, &in);

	window->in += in.pos;
	window->in_size -= in.pos;
	window->out += out.pos;
	window->out_size -= out.pos;
	if (ZSTD_isError(code))
		return CODEC_CORRUPT;
	return code == 0 ? CODEC_DONE : CODEC_MORE;
}

enum codec_status codec_zstd_decode(struct codec_stream *stream)
{
	ZSTD_DCtx *context = ZSTD_createDCtx();
	enum codec_status status;

	if (!context)
		return CODEC_MEMORY;
	ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
	status = codec_pump(stream, zstd_step, context);
	ZSTD_freeDCtx(context);
	return status;
}
