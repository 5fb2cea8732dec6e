/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Recognises a kernel file and writes its ELF payload. Used by the program vmms-unpack, which
 * vmmsd runs once per kernel in a process of its own (decompressors read hostile input, and their
 * libraries stay out of the workers):
 *
 *   vmms-unpack --cache DIRFD-PATH NAME <kernel       (standard input: the kernel, opened by vmmsd)
 *
 * It prints one JSON line: {"format":"bzImage"|"elf","compression":"lz4"|…|"none","sha256":"…",
 * "payload":"<file name in DIR>"|null} and exits 0; or one sentence on standard error and exits 1
 * (cannot be booted) or 2 (I/O). The cache is content-addressed: the name is the SHA-256 of the
 * kernel file; an entry appears by linking a complete, synced file; entries least recently used
 * are removed while the cache exceeds its bound.
 */
#ifndef UNPACK_H
#define UNPACK_H

#include <glib.h>
#include <stdint.h>

struct unpack_result {
	gboolean is_elf;          /* the file itself is the ELF: nothing was written */
	const char *compression;  /* static: gzip, bzip2, xz, lzma, lz4, zstd, none */
	uint64_t size;            /* bytes of payload written */
};

/* Reads all of kernel_fd, writes the payload to out_fd. name is for messages (BOOT_ERROR). */
gboolean unpack_kernel(int kernel_fd, const char *name, int out_fd, struct unpack_result *result,
		       GError **error);

#endif
