/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "codec.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* The compressors that Linux's build offers for x86 (init/Kconfig, "Kernel compression mode"). */
static const struct codec codecs[] = {
	{"gzip", {0x1f, 0x8b}, 2, FALSE, codec_gzip_decode},
	{"bzip2", {'B', 'Z', 'h'}, 3, TRUE, codec_bzip2_decode},
	{"xz", {0xfd, '7', 'z', 'X', 'Z', 0x00}, 6, TRUE, codec_xz_decode},
	{"lzma", {0x5d, 0x00, 0x00}, 3, TRUE, codec_lzma_decode},
	{"lz4", {0x02, 0x21, 0x4c, 0x18}, 4, TRUE, codec_lz4_decode},
	{"zstd", {0x28, 0xb5, 0x2f, 0xfd}, 4, TRUE, codec_zstd_decode},
	{"none", {0x7f, 'E', 'L', 'F'}, 4, FALSE, codec_copy_decode},
	{"lzo", {0x89, 'L', 'Z', 'O'}, 4, TRUE, NULL},
};

const struct codec *codec_find(const uint8_t *head, size_t size)
{
	for (size_t i = 0; i < G_N_ELEMENTS(codecs); i++) {
		if (codecs[i].magic_size <= size &&
		    memcmp(head, codecs[i].magic, codecs[i].magic_size) == 0)
			return &codecs[i];
	}
	return NULL;
}

enum codec_status codec_stream_read(struct codec_stream *stream, void *data, size_t size,
				    size_t *got)
{
	size_t want = (size_t)MIN((uint64_t)size, stream->left);

	*got = 0;
	if (want == 0)
		return CODEC_MORE;
	if (!image_file_read(stream->file, stream->offset, data, want, &stream->error))
		return CODEC_READ;
	stream->offset += want;
	stream->left -= want;
	*got = want;
	return CODEC_MORE;
}

enum codec_status codec_stream_write(struct codec_stream *stream, const void *data, size_t size)
{
	const uint8_t *bytes = data;

	if (size > stream->limit - stream->written)
		return CODEC_TOO_LARGE;
	stream->written += size;
	while (size > 0) {
		ssize_t n = write(stream->out_fd, bytes, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			stream->write_errno = errno;
			return CODEC_WRITE;
		}
		bytes += n;
		size -= (size_t)n;
	}
	return CODEC_MORE;
}

enum codec_status codec_pump(struct codec_stream *stream, codec_step step, void *state)
{
	uint8_t in[CODEC_CHUNK], out[CODEC_CHUNK];
	struct codec_window window = {0};

	for (;;) {
		enum codec_status status = CODEC_MORE, written;
		size_t before;

		if (window.in_size == 0) {
			status = codec_stream_read(stream, in, CODEC_CHUNK, &window.in_size);
			window.in = in;
		}
		if (status != CODEC_MORE)
			return status;
		window.out = out;
		window.out_size = CODEC_CHUNK;
		before = window.in_size;
		status = step(state, &window);
		written = codec_stream_write(stream, out, CODEC_CHUNK - window.out_size);
		if (written != CODEC_MORE)
			return written;
		if (status != CODEC_MORE)
			return status;
		/* No progress: with nothing left to read the stream is cut off. */
		if (window.in_size == before && window.out_size == CODEC_CHUNK)
			return before == 0 && stream->left == 0 ? CODEC_TRUNCATED : CODEC_CORRUPT;
	}
}

static enum codec_status copy_step(void *state, struct codec_window *window)
{
	size_t size = MIN(window->in_size, window->out_size);

	(void)state;
	if (size == 0)
		return CODEC_DONE;
	memcpy(window->out, window->in, size);
	window->in += size;
	window->in_size -= size;
	window->out += size;
	window->out_size -= size;
	return CODEC_MORE;
}

enum codec_status codec_copy_decode(struct codec_stream *stream)
{
	return codec_pump(stream, copy_step, NULL);
}
