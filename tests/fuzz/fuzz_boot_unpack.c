/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A hostile kernel file as vmms-unpack reads it: format, header, every decompressor. */
#include <sys/mman.h>
#include <unistd.h>

#include "boot.h"
#include "unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int in = memfd_create("kernel", MFD_CLOEXEC), out = memfd_create("payload", MFD_CLOEXEC);
	struct unpack_result result;
	GError *error = NULL;

	if (write(in, data, size) == (ssize_t)size) {
		g_assert(unpack_kernel(in, "k", out, &result, &error) == (error == NULL));
		g_clear_error(&error);
	}
	close(in);
	close(out);
	return 0;
}
