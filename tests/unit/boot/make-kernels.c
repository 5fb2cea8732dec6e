/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes one small kernel of each kind into a folder: the corpus that fuzzing begins with. */
#include <stdio.h>

#include "kernel_builder.h"

static gboolean save(const char *folder, const char *name, const GByteArray *bytes)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	g_autoptr(GError) error = NULL;

	if (g_file_set_contents(path, (const char *)bytes->data, bytes->len, &error))
		return TRUE;
	fprintf(stderr, "%s\n", error->message);
	return FALSE;
}

int main(int argc, char **argv)
{
	static const char *const compressions[] = {"gzip", "bzip2", "xz",  "lzma",
						   "lz4",  "zstd",  "none"};
	const struct build_elf tiny = {
		.entry = 0x100000,
		.pvh_entry = 0x100010,
		.n_segments = 2,
		.segments = {{0x100000, 0x80, 0x80, 0}, {0x101000, 0x10, 0x1000, 0}}};
	g_autoptr(GByteArray) elf = build_elf(&tiny);

	if (argc != 2) {
		fprintf(stderr, "usage: make-kernels FOLDER\n");
		return 64;
	}
	if (!save(argv[1], "elf", elf))
		return 1;
	for (size_t i = 0; i < G_N_ELEMENTS(compressions); i++) {
		struct build_bzimage spec = build_bzimage_default;
		g_autoptr(GByteArray) image = NULL;

		spec.compression = compressions[i];
		spec.setup_sectors = 1;
		spec.payload_offset = 0;
		image = build_bzimage(&spec, elf);
		if (!save(argv[1], compressions[i], image))
			return 1;
	}
	return 0;
}
