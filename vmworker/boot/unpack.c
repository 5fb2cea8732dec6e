/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unpack.h"

#include <inttypes.h>
#include <string.h>

#include "boot.h"
#include "bzimage.h"
#include "codec.h"
#include "elf_image.h"
#include "image_file.h"
#include "kernel_format.h"

#define SIZE_FIELD 4u /* the payload's size, appended or gzip's own ISIZE */

static void unpack_fail(const struct image_file *file, const struct codec *codec,
			struct codec_stream *stream, enum codec_status status, GError **error)
{
	switch (status) {
	case CODEC_TRUNCATED:
		image_file_error(error, file, BOOT_ERROR_IMAGE,
				 "the %s payload ends early (truncated file?); copy the file again",
				 codec->name);
		break;
	case CODEC_TOO_LARGE:
		image_file_error(error, file, BOOT_ERROR_IMAGE,
				 "the %s payload unpacks to more than %llu MiB; this is no kernel",
				 codec->name, UNPACK_PAYLOAD_MAX >> 20);
		break;
	case CODEC_MEMORY:
		image_file_error(
			error, file, BOOT_ERROR_IMAGE,
			"the %s payload needs more memory to unpack than is allowed; use a "
			"kernel packed with a smaller window",
			codec->name);
		break;
	case CODEC_READ:
		g_propagate_error(error, g_steal_pointer(&stream->error));
		break;
	case CODEC_WRITE:
		g_set_error(error, BOOT_ERROR, BOOT_ERROR_IO,
			    "kernel cache: writing the payload of %s failed: %s; make room in the "
			    "cache's file system",
			    file->name, strerrordesc_np(stream->write_errno));
		break;
	default:
		image_file_error(error, file, BOOT_ERROR_IMAGE,
				 "the %s payload is damaged; copy the file again", codec->name);
		break;
	}
}

static const struct codec *unpack_codec(const struct image_file *file, const struct bzimage *image,
					GError **error)
{
	uint8_t head[8];
	const struct codec *codec;
	size_t size = (size_t)MIN(image->payload_size, (uint64_t)sizeof(head));

	if (!image_file_read(file, image->payload_offset, head, size, error))
		return NULL;
	codec = codec_find(head, size);
	if (codec && codec->decode && image->payload_size > SIZE_FIELD)
		return codec;
	if (codec && !codec->decode)
		image_file_error(
			error, file, BOOT_ERROR_IMAGE,
			"its payload is packed by %s, which is not supported; use a kernel "
			"packed by gzip, bzip2, xz, lzma, lz4 or zstd",
			codec->name);
	else
		image_file_error(error, file, BOOT_ERROR_IMAGE,
				 "its payload is packed in no known way (damaged file?); copy the "
				 "file again");
	return NULL;
}

/* The announced size must be the one that came out; "none" announces nothing. */
static gboolean unpack_size_check(const struct image_file *file, const struct bzimage *image,
				  const struct codec *codec, uint64_t written, GError **error)
{
	uint32_t announced;

	if (codec->decode == codec_copy_decode)
		return TRUE;
	if (!image_file_read(file, image->payload_offset + image->payload_size - SIZE_FIELD,
			     &announced, sizeof(announced), error))
		return FALSE;
	if (announced == written)
		return TRUE;
	image_file_error(error, file, BOOT_ERROR_IMAGE,
			 "the %s payload unpacks to %" PRIu64 " bytes and announces %" PRIu32
			 " (truncated file?); copy the file again",
			 codec->name, written, announced);
	return FALSE;
}

static gboolean unpack_payload(const struct image_file *file, int out_fd,
			       struct unpack_result *result, GError **error)
{
	struct bzimage image;
	const struct codec *codec;
	struct codec_stream stream;
	enum codec_status status;

	if (!bzimage_parse(file, &image, error))
		return FALSE;
	codec = unpack_codec(file, &image, error);
	if (!codec)
		return FALSE;
	stream = (struct codec_stream){
		.file = file,
		.offset = image.payload_offset,
		.left = image.payload_size - (codec->size_appended ? SIZE_FIELD : 0),
		.out_fd = out_fd,
		.limit = UNPACK_PAYLOAD_MAX,
	};
	status = codec->decode(&stream);
	if (status != CODEC_DONE) {
		unpack_fail(file, codec, &stream, status, error);
		return FALSE;
	}
	result->compression = codec->name;
	result->size = stream.written;
	return unpack_size_check(file, &image, codec, stream.written, error);
}

gboolean unpack_kernel(int kernel_fd, const char *name, int out_fd, struct unpack_result *result,
		       GError **error)
{
	struct image_file file, payload;
	struct elf_image elf;
	enum kernel_format format;

	*result = (struct unpack_result){.compression = "none"};
	if (!image_file_init(&file, kernel_fd, "kernel", name, error) ||
	    !kernel_format_probe(&file, &format, error))
		return FALSE;
	if (format == KERNEL_ELF) {
		result->is_elf = TRUE;
		return elf_image_parse(&file, &elf, error);
	}
	return unpack_payload(&file, out_fd, result, error) &&
	       image_file_init(&payload, out_fd, "kernel", name, error) &&
	       elf_image_parse(&payload, &elf, error);
}
