/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The beginning of an image from anywhere: never a crash, and every refusal says why. */
#include "qcow2_header.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first bytes are the file's length and whether the magic and the version are to be right. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t begin[] = {'Q', 'F', 'I', 0xfb, 0, 0, 0, 3};
	g_autoptr(GError) error = NULL;
	struct qcow2_header header;
	uint64_t length;

	if (size < sizeof(length) + 1 + sizeof(begin))
		return 0;
	memcpy(&length, data, sizeof(length));
	gboolean right = data[sizeof(length)] & 1;
	size -= sizeof(length) + 1;
	/* Exactly that long, so that a read behind the end is seen. */
	g_autofree uint8_t *copy = g_memdup2(data + sizeof(length) + 1, size);
	if (right)
		memcpy(copy, begin, sizeof(begin));
	gboolean ok = qcow2_header_parse(copy, size, length, &header, &error);
	g_assert_true(ok == (error == NULL));
	if (ok && header.backing)
		g_assert_cmpuint(strlen(header.backing), <=, 1023);
	qcow2_header_clear(&header);
	return 0;
}
