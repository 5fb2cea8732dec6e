/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libvirt makes QEMU through a process that ends at once, so that QEMU becomes a child of whoever
 * adopts it. The host's first process may reap slowly, and libvirt waits until nothing is left of a
 * QEMU that ended: this process adopts, and reaps by a thread of its own.
 */
#ifndef ORPHANS_H
#define ORPHANS_H

/* Until the process ends. The thread needs a child that lasts, as the keeper is: without any it
 * ends. */
void orphans_adopt(void);

#endif
