/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vm_state.h"

#include <stddef.h>
#include <string.h>

/* A cell holds the next state plus one, so that a cell that is not written refuses the event. */
#define TO(sym) ((VM_STATE_##sym) + 1)

static const unsigned char table[VM_STATE_N][VM_EVENT_N] = {
	[VM_STATE_OFF] =
		{
			[VM_EVENT_START] = TO(STARTING),
			[VM_EVENT_EDIT] = TO(OFF),
			[VM_EVENT_DELETE] = TO(OFF),
		},
	[VM_STATE_STARTING] =
		{
			[VM_EVENT_STARTED] = TO(RUNNING),
			[VM_EVENT_START_FAILED] = TO(OFF),
			[VM_EVENT_STOP] = TO(STOPPING),
			[VM_EVENT_ENDED] = TO(OFF),
			[VM_EVENT_CRASHED] = TO(CRASHED),
		},
	[VM_STATE_RUNNING] =
		{
			[VM_EVENT_SHUTDOWN] = TO(RUNNING),
			[VM_EVENT_STOP] = TO(STOPPING),
			[VM_EVENT_PAUSE] = TO(PAUSING),
			[VM_EVENT_RESET] = TO(RUNNING),
			[VM_EVENT_SAVE] = TO(SAVING),
			[VM_EVENT_ENDED] = TO(OFF),
			[VM_EVENT_CRASHED] = TO(CRASHED),
		},
	[VM_STATE_PAUSING] =
		{
			[VM_EVENT_STOP] = TO(STOPPING),
			[VM_EVENT_PAUSED] = TO(PAUSED),
			[VM_EVENT_RESUME_FAILED] = TO(RUNNING),
			[VM_EVENT_ENDED] = TO(OFF),
			[VM_EVENT_CRASHED] = TO(CRASHED),
		},
	[VM_STATE_PAUSED] =
		{
			[VM_EVENT_STOP] = TO(STOPPING),
			[VM_EVENT_RESUME] = TO(RUNNING),
			[VM_EVENT_RESET] = TO(RUNNING),
			[VM_EVENT_SAVE] = TO(SAVING),
			[VM_EVENT_ENDED] = TO(OFF),
			[VM_EVENT_CRASHED] = TO(CRASHED),
		},
	[VM_STATE_SAVING] =
		{
			[VM_EVENT_STOP] = TO(STOPPING),
			[VM_EVENT_PAUSED] = TO(PAUSED),
			[VM_EVENT_SAVED] = TO(SAVED),
			[VM_EVENT_SAVE_FAILED] = TO(RUNNING),
			[VM_EVENT_ENDED] = TO(OFF),
			[VM_EVENT_CRASHED] = TO(CRASHED),
		},
	[VM_STATE_SAVED] =
		{
			[VM_EVENT_START] = TO(RESTORING),
			[VM_EVENT_DISCARD] = TO(OFF),
			[VM_EVENT_DELETE] = TO(SAVED),
		},
	[VM_STATE_RESTORING] =
		{
			[VM_EVENT_STARTED] = TO(RUNNING),
			[VM_EVENT_START_FAILED] = TO(SAVED),
			[VM_EVENT_STOP] = TO(STOPPING),
			[VM_EVENT_ENDED] = TO(OFF),
			[VM_EVENT_CRASHED] = TO(CRASHED),
		},
	/* A stop that timed out may be asked for again. */
	[VM_STATE_STOPPING] =
		{
			[VM_EVENT_STOP] = TO(STOPPING),
			[VM_EVENT_SAVED] = TO(SAVED),
			[VM_EVENT_ENDED] = TO(OFF),
			[VM_EVENT_CRASHED] = TO(CRASHED),
		},
	[VM_STATE_CRASHED] =
		{
			[VM_EVENT_START] = TO(STARTING),
			[VM_EVENT_EDIT] = TO(CRASHED),
			[VM_EVENT_DELETE] = TO(CRASHED),
		},
};

static const char *const state_names[VM_STATE_N] = {
#define X(sym, name) [VM_STATE_##sym] = (name),
	VMMS_STATES(X)
#undef X
};

static const char *const event_names[VM_EVENT_N] = {
	[VM_EVENT_START] = "start",
	[VM_EVENT_STARTED] = "started",
	[VM_EVENT_START_FAILED] = "start-failed",
	[VM_EVENT_SHUTDOWN] = "shutdown",
	[VM_EVENT_STOP] = "stop",
	[VM_EVENT_PAUSE] = "pause",
	[VM_EVENT_PAUSED] = "paused",
	[VM_EVENT_RESUME] = "resume",
	[VM_EVENT_RESUME_FAILED] = "resume-failed",
	[VM_EVENT_RESET] = "reset",
	[VM_EVENT_SAVE] = "save",
	[VM_EVENT_SAVED] = "saved",
	[VM_EVENT_SAVE_FAILED] = "save-failed",
	[VM_EVENT_DISCARD] = "discard",
	[VM_EVENT_ENDED] = "ended",
	[VM_EVENT_CRASHED] = "crashed",
	[VM_EVENT_EDIT] = "edit",
	[VM_EVENT_DELETE] = "delete",
};

static const bool active[VM_STATE_N] = {
	[VM_STATE_STARTING] = true, [VM_STATE_RUNNING] = true, [VM_STATE_PAUSING] = true,
	[VM_STATE_PAUSED] = true,   [VM_STATE_SAVING] = true,  [VM_STATE_RESTORING] = true,
	[VM_STATE_STOPPING] = true,
};

const char *vm_state_name(enum vm_state state)
{
	return (unsigned)state < VM_STATE_N ? state_names[state] : "unknown";
}

bool vm_state_from_name(const char *name, enum vm_state *ret)
{
	if (!name)
		return false;
	for (unsigned state = 0; state < VM_STATE_N; state++) {
		if (strcmp(name, state_names[state]) == 0) {
			*ret = (enum vm_state)state;
			return true;
		}
	}
	return false;
}

const char *vm_event_name(enum vm_event event)
{
	return (unsigned)event < VM_EVENT_N ? event_names[event] : "unknown";
}

bool vm_state_next(enum vm_state state, enum vm_event event, enum vm_state *next)
{
	if ((unsigned)state >= VM_STATE_N || (unsigned)event >= VM_EVENT_N)
		return false;
	if (table[state][event] == 0)
		return false;
	*next = (enum vm_state)(table[state][event] - 1);
	return true;
}

/* What to do about a request that the state refuses, by the state. */
static const char *const state_remedies[VM_STATE_N] = {
	[VM_STATE_OFF] = "start it first",
	[VM_STATE_STARTING] = "wait until it runs, or stop it",
	[VM_STATE_RUNNING] = "stop it first",
	[VM_STATE_PAUSING] = "wait until it is paused, or stop it",
	[VM_STATE_PAUSED] = "resume it first",
	[VM_STATE_SAVING] = "wait until it is saved",
	[VM_STATE_SAVED] = "start it, or discard its saved state",
	[VM_STATE_RESTORING] = "wait until it runs, or stop it",
	[VM_STATE_STOPPING] = "wait until it is off",
	[VM_STATE_CRASHED] = "start it first",
};

const char *vm_state_remedy(enum vm_state state, enum vm_event event)
{
	if ((unsigned)state >= VM_STATE_N)
		return "look at it with show";
	/* These want the VM at rest, whatever it does now. */
	if ((event == VM_EVENT_EDIT || event == VM_EVENT_DELETE) && active[state] &&
	    state != VM_STATE_STOPPING)
		return "stop it first";
	if (event == VM_EVENT_EDIT && state == VM_STATE_SAVED)
		return "discard its saved state, or start it and shut it down first";
	if (event == VM_EVENT_SAVE && (state == VM_STATE_SAVED || state == VM_STATE_SAVING))
		return "there is nothing to do";
	if (event == VM_EVENT_DISCARD && state != VM_STATE_SAVED && state != VM_STATE_SAVING)
		return "there is no saved state";
	if (event == VM_EVENT_STOP && !active[state] && state != VM_STATE_SAVED)
		return "there is nothing to stop";
	if (event == VM_EVENT_START && state == VM_STATE_RUNNING)
		return "there is nothing to do, or reset it";
	if (event == VM_EVENT_RESUME && state == VM_STATE_RUNNING)
		return "only a paused VM can be resumed";
	return state_remedies[state];
}

bool vm_state_is_active(enum vm_state state)
{
	return (unsigned)state < VM_STATE_N && active[state];
}
