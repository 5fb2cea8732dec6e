/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Recognises a kernel file and writes its ELF payload: the inside of the program vmms-unpack, which
 * is a process of its own because decompressors read hostile input and their libraries stay out of
 * the workers. See unpack_main.c for the program's contract.
 */
#ifndef UNPACK_H
#define UNPACK_H

#include <glib.h>
#include <stdint.h>

/* The largest payload that is written; kernels take about 60 MB. */
#define UNPACK_PAYLOAD_MAX (512ull << 20)

struct unpack_result {
	gboolean is_elf;	 /* the file itself is the ELF: nothing was written */
	const char *compression; /* static: gzip, bzip2, xz, lzma, lz4, zstd, none */
	uint64_t size;		 /* bytes of payload written */
};

/*
 * Checks all of kernel_fd and writes the payload to out_fd (an empty file, open for reading and
 * writing). What was written parses as an x86-64 ELF kernel. name is for messages (BOOT_ERROR). On
 * failure out_fd holds rubbish. Opens no file and calls nothing that does.
 */
gboolean unpack_kernel(int kernel_fd, const char *name, int out_fd, struct unpack_result *result,
		       GError **error);

#endif
