/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What confines the process that reads hostile kernels. */
#ifndef UNPACK_SANDBOX_H
#define UNPACK_SANDBOX_H

#include <glib.h>

/*
 * From here on this process, which must have one thread, can read and write the descriptors it has,
 * allocate up to 1 GiB, use 60 s of CPU, and end: nothing else. A system call outside that
 * kills it. Cannot be undone; BOOT_ERROR_IO when the kernel refuses.
 */
gboolean unpack_sandbox_enter(GError **error);

#endif
