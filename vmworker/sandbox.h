/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How the worker gives up what it does not need. A guest that breaks out into this process finds:
 * the descriptors of its own VM, the KVM ioctls on them, and nothing else by name.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <glib.h>

/* Closes every descriptor that was inherited but standard ones and the n_listen from 3 on. First
 * thing in main. */
void sandbox_close_inherited(unsigned int n_listen);

/*
 * Falls for good, when all that needs a name or a privilege is open and before any other thread
 * exists. The steps are in sandbox.c. *ret_steps (may be NULL) becomes a list of those taken, for
 * the log; g_free. WORKER_ERROR FAILED when a step that this kernel has was refused: then the
 * process must not run a guest.
 *
 * In builds with sanitizers or coverage, whose run-time libraries open files and make threads of
 * their own, Landlock is left out and the system calls are a deny-list; everything else holds.
 */
gboolean sandbox_enter(char **ret_steps, GError **error);

/* The steps of it that a process can take which has yet to run another program; twice is fine. */
gboolean sandbox_enter_outer(char **ret_steps, GError **error);

#endif
