/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An NBD server on a thread, that serves nothing and ends as a test wants. */
#ifndef NBD_DYING_SERVER_H
#define NBD_DYING_SERVER_H

#include <glib.h>

enum dying_how {
	DYING_SILENT,	 /* closes the connection on the nth request */
	DYING_MID_READ,	 /* says that data comes, and closes */
	DYING_GARBAGE,	 /* answers what is no answer */
	DYING_EIO,	 /* does not die: every request fails with EIO */
	DYING_BEFORE,	 /* greets with what is no greeting */
	DYING_READ_ONLY, /* serves, but not for writing */
};

struct dying_server {
	int fd; /* for the client */
	GThread *thread;
	int theirs;
	enum dying_how how;
	unsigned int after; /* requests that it takes without an answer before it dies */
};

void dying_server_start(struct dying_server *server, enum dying_how how, unsigned int after);
void dying_server_join(struct dying_server *server);

#endif
