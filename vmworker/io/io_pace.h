/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a thread that serves devices comes to its turn on a CPU that others want as well. Eager: at
 * once, before whoever runs there, which is best for a guest that waits for each request.
 * Patient: when who runs there pauses or has had its time, so that a guest with more to ask goes
 * on asking, and one wake-up, one interrupt and one pass serve many requests. Which of them does
 * more work is tried out again and again, in short windows; patient has to be clearly better.
 *
 * Pure: the caller tells the time, and makes the thread what `patient` says.
 */
#ifndef IO_PACE_H
#define IO_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define IO_PACE_WINDOW_NS UINT64_C(50000000)

struct io_pace { /* all zero: eager, and nothing known */
	bool patient;
	bool trial;		/* this window tries what the ones before were not */
	uint32_t items;		/* of work in this window */
	uint64_t bytes;		/* likewise */
	uint64_t begun;		/* ns; 0: no window */
	uint64_t rate;		/* bytes per second in the windows since the last change */
	uint32_t windows;	/* since the last trial */
	uint32_t interval_log2; /* of windows from one trial to the next */
};

/* One request or frame was served. */
void io_pace_work(struct io_pace *pace, uint64_t bytes);
/* The thread has nothing more to do now; now: monotonic ns, not 0. True: `patient` changed. */
bool io_pace_turn(struct io_pace *pace, uint64_t now);

#endif
