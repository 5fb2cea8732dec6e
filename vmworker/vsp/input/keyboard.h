/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The synthetic keyboard: keystrokes of the host for the guest (Linux: hyperv-keyboard).
 *
 * Threading: keyboard_new and keyboard_free belong to the main thread, the rest, with the
 * callbacks, to the I/O thread.
 */
#ifndef KEYBOARD_H
#define KEYBOARD_H

#include <glib.h>
#include <stdbool.h>

#include "scan_code.h"
#include "vmbus.h"

struct keyboard;

#define KEYBOARD_LED_SCROLL 0x1u
#define KEYBOARD_LED_NUM    0x2u
#define KEYBOARD_LED_CAPS   0x4u

struct keyboard_config {
	struct vmbus *bus;			 /* borrowed */
	struct io_thread *thread;		 /* borrowed */
	uint64_t (*monotonic_ns)(void *context); /* the clock of io_timer_arm */
	/* The guest's driver came or went; may be NULL. */
	void (*available)(void *context, bool is);
	/* The guest switched lamps: KEYBOARD_LED_*; may be NULL. Linux does not. */
	void (*leds)(void *context, unsigned int leds);
	void *context;
};

struct keyboard *keyboard_new(const struct keyboard_config *config, GError **error);
void keyboard_free(struct keyboard *keyboard); /* NULL is fine */

/* Keystrokes that wait for the guest at most. */
#define KEYBOARD_QUEUE 16384u

enum keyboard_result {
	KEYBOARD_DONE,	 /* they are on their way */
	KEYBOARD_ABSENT, /* the guest has no driver for it, or not yet */
	KEYBOARD_FULL,	 /* it does not take what was typed before: none of these were queued */
};

/* Queues them; they go out at about 1,600 a second, so that the guest's terminal keeps up. */
enum keyboard_result keyboard_press(struct keyboard *keyboard, const struct keystroke *strokes,
				    size_t n);
/* Keystrokes that were not sent yet. */
size_t keyboard_backlog(const struct keyboard *keyboard);

#endif
