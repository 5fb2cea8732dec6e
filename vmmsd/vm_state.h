/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The state table of a VM: state x event -> state. Pure; tested exhaustively. */
#ifndef VM_STATE_H
#define VM_STATE_H

#include <stdbool.h>

#include "vmms1.h"

enum vm_state {
#define X(sym, name) VM_STATE_##sym,
	VMMS_STATES(X)
#undef X
		VM_STATE_N
};

enum vm_event {
	VM_EVENT_START,	       /* asked: off, crashed -> starting; saved -> restoring */
	VM_EVENT_STARTED,      /* VPs run: starting, restoring -> running */
	VM_EVENT_START_FAILED, /* starting -> off; restoring -> saved, as before */
	VM_EVENT_SHUTDOWN,     /* asked the guest, also to reboot or hibernate: running stays
				* running (stopping is the plug) */
	VM_EVENT_STOP,	       /* plug: every active state -> stopping, so a stop can be repeated */
	VM_EVENT_PAUSE,	       /* running -> pausing */
	VM_EVENT_PAUSED, /* pausing -> paused; saving -> paused: as before a save that failed */
	VM_EVENT_RESUME, /* paused -> running */
	VM_EVENT_RESUME_FAILED, /* pausing -> running: a pause that did not come about */
	VM_EVENT_RESET,		/* running, paused -> running */
	VM_EVENT_SAVE,		/* asked: running, paused -> saving */
	VM_EVENT_SAVED,		/* its state is in a file, and its worker gone: saving -> saved;
				 * stopping -> saved: a restore that was stopped */
	VM_EVENT_SAVE_FAILED,	/* saving -> running */
	VM_EVENT_DISCARD,	/* the saved state is forgotten: saved -> off */
	VM_EVENT_ENDED,		/* the worker is gone, in an orderly way -> off */
	VM_EVENT_CRASHED,	/* the guest or the worker broke -> crashed */
	VM_EVENT_EDIT,		/* definition changes that a running VM cannot take */
	VM_EVENT_DELETE,	/* off, saved, crashed only; state is kept */
	VM_EVENT_N
};

const char *vm_state_name(enum vm_state state);
bool vm_state_from_name(const char *name, enum vm_state *ret);
const char *vm_event_name(enum vm_event event);

/* true and *next when the table allows it. */
bool vm_state_next(enum vm_state state, enum vm_event event, enum vm_state *next);

/* What a user can do instead, a clause for the message: "stop it first". Static, never NULL. */
const char *vm_state_remedy(enum vm_state state, enum vm_event event);

/* A worker process exists or is coming up in this state. */
bool vm_state_is_active(enum vm_state state);

#endif
