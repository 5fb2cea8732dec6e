/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Core scheduling: a cookie of one's own keeps others off the siblings of a core in use. */
#ifndef CORE_COOKIE_H
#define CORE_COOKIE_H

#include <glib.h>

/* Gives this process a cookie that no other has; threads that it makes later get it, too. Call it
 * before the sandbox. FALSE: the kernel would not, and *reason says why; g_free. */
gboolean core_cookie_make(char **reason);

#endif
