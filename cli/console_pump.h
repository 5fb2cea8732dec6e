/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Moves bytes between a terminal and the console of a VM until one of them ends. */
#ifndef CONSOLE_PUMP_H
#define CONSOLE_PUMP_H

#include <stdbool.h>

enum pump_end {
	PUMP_ENDED,    /* the VM's end */
	PUMP_DETACHED, /* the escape key */
	PUMP_SIGNAL,   /* .signal; to be raised again when the terminal is restored */
	PUMP_HANGUP,   /* the terminal is gone */
	PUMP_FAILED,   /* .error is an errno */
};

struct pump {
	int console; /* the VM's stream socket */
	int input;   /* a terminal in raw mode, or -1: only copy output */
	int output;
	int escape;	      /* the byte that detaches, or -1: none */
	const char *greeting; /* for standard error, once the terminal is raw; or NULL */
	bool read_only;	      /* keys are looked at for the escape key, not sent */
	int signal, error;    /* results */
};

/* With an input, signals are taken care of meanwhile (stop and continue included). */
enum pump_end pump_run(struct pump *pump);

#endif
