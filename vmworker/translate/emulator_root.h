/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The directory in which libvirt's embedded driver and QEMU keep their files, "translate" in the
 * VM's own. It is spoken of as /proc/PID/fd/N: the names of sockets in it have to fit 108 bytes,
 * whatever the VM's directory is called.
 */
#ifndef EMULATOR_ROOT_H
#define EMULATOR_ROOT_H

#include <glib.h>

/* The descriptor of the directory, with libvirt's settings in it and its cache linked to cache_dir
 * (NULL: its own). -1 and a WORKER_ERROR. */
int emulator_root_make(const char *runtime_dir, const char *cache_dir, GError **error);

/* name in the directory, or a file that is open here ("": the descriptor itself), for QEMU; g_free.
 */
char *emulator_root_path(int fd, const char *name);

/* A file that a QEMU of this user can open by emulator_root_path: fd itself, or a copy in memory
 * when only whoever opened fd may read the file. The caller's; -1 and a WORKER_ERROR. */
int emulator_root_lend(int fd, const char *name, GError **error);

/* What QEMU said last, of why it ended; NULL: nothing. g_free. */
char *emulator_root_last_words(int root);

#endif
