/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU must not outlive its worker, and libvirt makes it a process that nobody's death ends. The
 * keeper is a child of the worker that only waits for the worker's end, however that comes, and
 * then kills QEMU. Where there is a unit, its cgroup does the same; elsewhere there is only this.
 */
#ifndef KEEPER_H
#define KEEPER_H

#include <glib.h>

/* While there is one thread. Returns the worker's end of a socket, which ends the keeper when the
 * last duplicate of it is closed. -1 and a WORKER_ERROR. */
int keeper_start(GError **error);

/* Which process to kill, once it is known; until then, the directory of emulator_root.h, where
 * libvirt notes it as soon as it is made: a QEMU that hangs at its start is killed, too. */
gboolean keeper_tell(int socket, int fd, GError **error);

#endif
