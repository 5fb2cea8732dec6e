/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QEMU's state on its way into a file and out of it, which QEMU calls migration. */
#ifndef EMULATOR_STATE_H
#define EMULATOR_STATE_H

#include <glib.h>
#include <libvirt/libvirt.h>

enum emulator_move { EMULATOR_MOVE_NONE, EMULATOR_MOVING, EMULATOR_MOVED };

/* QEMU writes itself into the file, or reads itself from it, from the file's offset on; it goes on
 * with that after the return. WORKER_ERROR, as of all that follow. */
gboolean emulator_state_write(virDomainPtr domain, int fd, GError **error);
gboolean emulator_state_read(virDomainPtr domain, int fd, GError **error);
/* What has become of it; FALSE when QEMU says that it failed. */
gboolean emulator_state_look(virDomainPtr domain, enum emulator_move *ret, GError **error);
/* Asks it to write no more. */
gboolean emulator_state_cancel(virDomainPtr domain, GError **error);

/* "pc-i440fx-7.2"; g_free. */
char *emulator_state_machine(virDomainPtr domain, GError **error);

#endif
