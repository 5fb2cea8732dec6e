/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The console of one serial port: a scroll-back ring in a shared file, and its viewers. The UART
 * puts bytes in on a VP thread; the main thread (sd-event) feeds each viewer from the ring with a
 * cursor of its own. A viewer is never waited for and loses nothing unless the ring laps it; then
 * it is told how many bytes it missed, "\r\n[vmms: 1234 bytes dropped]\r\n", and goes on with
 * a whole line (what that skips is in the number).
 */
#ifndef CONSOLE_H
#define CONSOLE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "state.h"

#define CONSOLE_ERROR (console_error_quark())
GQuark console_error_quark(void);
enum console_error {
	CONSOLE_ERROR_RING,    /* the ring's file or size cannot be used; the message says why */
	CONSOLE_ERROR_VIEWERS, /* CONSOLE_MAX_VIEWERS are attached */
	CONSOLE_ERROR_SYSTEM,  /* no descriptor, no memory, ... */
};

struct console;

struct console_input {
	/* Offers viewer input to the guest, on the main thread; returns how many bytes were taken.
	 * What is not taken is offered again after console_input_ready; until then the viewers are
	 * not read. Several viewers take turns, 16 bytes each. May be NULL: input is ignored. */
	size_t (*put)(void *context, const uint8_t *data, size_t size);
	void *context;
};

/*
 * ring_fd is a file or memfd, read-write, that the console maps and does not keep. Its previous
 * content is replaced by an empty ring of `size` bytes (a power of two, 4 KiB..16 MiB) unless it
 * already holds a valid ring of that size: then the scroll-back is kept (a reset or an earlier
 * run).
 */
struct console *console_new(sd_event *event, int ring_fd, size_t size,
			    const struct console_input *input, GError **error);
void console_free(
	struct console *console); /* closes the viewers after what they can take at once */

/* One VP or main thread at a time (the UART's lock). Never blocks. */
void console_write(struct console *console, const uint8_t *data, size_t size);

/* The UART can take input again. Any thread. */
void console_input_ready(struct console *console);

/* Main thread. */
unsigned int console_viewers(const struct console *console);

/* Output of the last milliseconds is being gathered, and will be sent. Main thread. */
bool console_resting(const struct console *console);

/* The scroll-back's text, for the ring of another run. Main thread, while nobody writes. */
void console_save(struct console *console, struct state_writer *writer);
/* Comes before all else; a ring that was kept has it already, and stays as it is. */
bool console_restore(struct console *console, struct state_reader *reader);

/* A new viewer: *ret_fd is the far end of a stream socket pair, the caller's. flags:
 * VMMS_CONSOLE_*. A viewer that shuts down its writing side still gets output; one that closes is
 * forgotten, after what it wrote last was offered to the guest once. Main thread. */
#define CONSOLE_MAX_VIEWERS 32u
gboolean console_add_viewer(struct console *console, uint32_t flags, int *ret_fd, GError **error);

#endif
