/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hvctl on a pseudo-terminal. */
#ifndef HVCTL_SESSION_H
#define HVCTL_SESSION_H

#include <termios.h>

#include "hvctl_fixture.h"

struct session {
	struct service service;
	int master, slave; /* the slave is held open so that its settings can be read */
	struct termios before;
	pid_t pid;
	GString *seen;
};

/* The terminal; and its end. */
void session_open(struct session *s);
void session_close(struct session *s);
/* A session of its own with the terminal as its controlling one, as a shell has it. */
void session_run(struct session *s, char *const *argv);
/* Reads the terminal until `text` was seen. */
void session_await(struct session *s, const char *text);
void session_type(struct session *s, const char *keys);
/* Its settings are what they were at first. */
void session_assert_restored(struct session *s);

#endif
