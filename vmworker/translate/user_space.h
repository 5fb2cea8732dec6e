/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libvirt's driver for a user without powers, whoever runs the worker: root's would manage the host
 * (cgroups, owners of files, QEMU as another user). Root gets a user namespace in which it is
 * somebody else and owns the same files, and mounts without /dev/kvm: libvirt would read and check
 * what QEMU can do with it at each start, and probe anew when the processor tells other features.
 */
#ifndef USER_SPACE_H
#define USER_SPACE_H

#include <glib.h>

/* While there is one thread. Does nothing for anybody but root. WORKER_ERROR. */
gboolean user_space_enter(const char *runtime_dir, GError **error);

#endif
