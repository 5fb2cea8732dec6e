/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Decompressors of kernel payloads, each a thin step over its library. Input comes from a slice of
 * the kernel file, output goes to a file and is bounded.
 */
#ifndef CODEC_H
#define CODEC_H

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

#include "image_file.h"

enum codec_status {
	CODEC_MORE, /* of a step: call again */
	CODEC_DONE,
	CODEC_TRUNCATED, /* the input ended inside the stream */
	CODEC_CORRUPT,
	CODEC_TOO_LARGE, /* more output than codec_stream.limit */
	CODEC_MEMORY,	 /* the stream asks for more memory than a kernel needs */
	CODEC_READ,	 /* codec_stream.error says why */
	CODEC_WRITE,	 /* codec_stream.write_errno */
};

#define CODEC_CHUNK 65536u

struct codec_stream {
	const struct image_file *file;
	uint64_t offset, left; /* of the input not yet read */
	int out_fd;
	uint64_t written, limit; /* bytes of output */
	GError *error;
	int write_errno;
};

/* Reads up to size bytes of the rest of the input; *got is 0 at its end. */
enum codec_status codec_stream_read(struct codec_stream *stream, void *data, size_t size,
				    size_t *got);
enum codec_status codec_stream_write(struct codec_stream *stream, const void *data, size_t size);

/* Windows on input and output that a step moves forward. */
struct codec_window {
	const uint8_t *in;
	size_t in_size;
	uint8_t *out;
	size_t out_size;
};
typedef enum codec_status (*codec_step)(void *state, struct codec_window *window);

/* Feeds the stream through a step until it is done or fails. */
enum codec_status codec_pump(struct codec_stream *stream, codec_step step, void *state);

struct codec {
	const char *name;
	uint8_t magic[6];
	size_t magic_size;
	/* The kernel's build appends the size of the payload to this one's stream. */
	gboolean size_appended;
	/* CODEC_DONE when the whole stream was written; NULL: known, but not supported. */
	enum codec_status (*decode)(struct codec_stream *stream);
};

/* The codec of a payload that begins so, or NULL. */
const struct codec *codec_find(const uint8_t *head, size_t size);

enum codec_status codec_copy_decode(struct codec_stream *stream);
enum codec_status codec_gzip_decode(struct codec_stream *stream);
enum codec_status codec_bzip2_decode(struct codec_stream *stream);
enum codec_status codec_xz_decode(struct codec_stream *stream);
enum codec_status codec_lzma_decode(struct codec_stream *stream);
enum codec_status codec_lz4_decode(struct codec_stream *stream);
enum codec_status codec_zstd_decode(struct codec_stream *stream);

#endif
