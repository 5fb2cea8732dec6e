/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What kind of kernel a file is, from its first bytes. */
#ifndef KERNEL_FORMAT_H
#define KERNEL_FORMAT_H

#include <glib.h>

#include "image_file.h"

enum kernel_format { KERNEL_BZIMAGE, KERNEL_ELF };

/*
 * Fails with BOOT_ERROR_IMAGE for everything else, naming what it is where that can be told: a
 * kernel of another architecture, a compressed file, a UEFI program.
 */
gboolean kernel_format_probe(const struct image_file *file, enum kernel_format *format,
			     GError **error);

#endif
