/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io_pace.h"

#include <string.h>

/* What a request costs beside its bytes. */
#define ITEM_BYTES 1024u
/* Less in a window, and there is nothing to gather. */
#define ITEMS_MIN 16u
/* A window that lasts so many of them had a pause in it, and tells nothing. */
#define WINDOWS_PAUSE 4u
/* A trial that is much worse ends after this part of a window. */
#define WINDOW_ENOUGH	  (IO_PACE_WINDOW_NS / 5)
#define INTERVAL_MIN_LOG2 1u
#define INTERVAL_MAX_LOG2 7u

void io_pace_work(struct io_pace *pace, uint64_t bytes)
{
	pace->items++;
	pace->bytes += bytes + ITEM_BYTES;
}

static void io_pace_begin(struct io_pace *pace, uint64_t now)
{
	pace->begun = now;
	pace->items = 0;
	pace->bytes = 0;
}

static void io_pace_forget(struct io_pace *pace)
{
	memset(pace, 0, sizeof(*pace));
}

static uint64_t io_pace_rate(const struct io_pace *pace, uint64_t elapsed)
{
	return (uint64_t)((double)pace->bytes * 1e9 / (double)elapsed);
}

static bool io_pace_won(const struct io_pace *pace, uint64_t rate)
{
	if (pace->patient)
		return rate > pace->rate + pace->rate / 4;
	return rate > pace->rate - pace->rate / 8;
}

static void io_pace_judge(struct io_pace *pace, uint64_t rate)
{
	pace->trial = false;
	pace->windows = 0;
	if (io_pace_won(pace, rate)) {
		pace->rate = rate;
		pace->interval_log2 = INTERVAL_MIN_LOG2;
		return;
	}
	pace->patient = !pace->patient;
	if (pace->interval_log2 < INTERVAL_MAX_LOG2)
		pace->interval_log2++;
}

static void io_pace_learn(struct io_pace *pace, uint64_t rate)
{
	bool other = rate > pace->rate + pace->rate / 2 || rate < pace->rate / 2;

	/* Something else is going on, which may want something else. */
	if (other || pace->interval_log2 < INTERVAL_MIN_LOG2)
		pace->interval_log2 = INTERVAL_MIN_LOG2;
	pace->rate = other ? rate : pace->rate / 2 + rate / 2;
	if (++pace->windows < 1u << pace->interval_log2)
		return;
	pace->trial = true;
	pace->patient = !pace->patient;
}

bool io_pace_turn(struct io_pace *pace, uint64_t now)
{
	bool before = pace->patient;
	uint64_t elapsed = now - pace->begun, rate;
	bool bad;

	if (pace->begun == 0) {
		if (pace->items > 0)
			io_pace_begin(pace, now);
		return false;
	}
	if (elapsed < WINDOW_ENOUGH || (elapsed < IO_PACE_WINDOW_NS && !pace->trial))
		return false;
	rate = io_pace_rate(pace, elapsed);
	bad = pace->trial && rate < pace->rate / 2;
	if (elapsed < IO_PACE_WINDOW_NS && !bad)
		return false;
	if (elapsed >= WINDOWS_PAUSE * IO_PACE_WINDOW_NS || (pace->items < ITEMS_MIN && !bad)) {
		io_pace_forget(pace);
		return before;
	}
	if (pace->trial)
		io_pace_judge(pace, rate);
	else
		io_pace_learn(pace, rate);
	io_pace_begin(pace, now);
	return pace->patient != before;
}
