/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The console of one serial port: a scroll-back ring in a shared file, and its viewers. The UART
 * puts bytes in on a VP thread; the main thread (sd-event) feeds each viewer from the ring with a
 * cursor of its own. A viewer is never waited for and loses nothing unless the ring laps it; then
 * it is told how many bytes it missed: "\r\n[vmms: 1234 bytes dropped]\r\n".
 */
#ifndef CONSOLE_H
#define CONSOLE_H

#include <glib.h>
#include <stdint.h>
#include <systemd/sd-event.h>

struct console;

struct console_input {
	/* Offers viewer input to the guest, on the main thread; returns how many bytes were taken.
	 * What is not taken is offered again after console_input_ready. */
	size_t (*put)(void *context, const uint8_t *data, size_t size);
	void *context;
};

/*
 * ring_fd is a file or memfd that console keeps (dup'ed); its previous content is replaced by an
 * empty ring of `size` bytes (a power of two, 4 KiB..16 MiB) unless it already holds a valid ring of that size
 * (then the scroll-back is kept: a reset or an earlier run).
 */
struct console *console_new(sd_event *event, int ring_fd, size_t size,
			    const struct console_input *input, GError **error);
void console_free(struct console *console); /* closes the viewers after what they can take at once */

/* One VP or main thread at a time (the UART's lock). Never blocks. */
void console_write(struct console *console, const uint8_t *data, size_t size);

/* The UART can take input again. Any thread. */
void console_input_ready(struct console *console);

/* A new viewer: *ret_fd is the far end of a stream socket pair, the caller's. flags: VMMS_CONSOLE_*.
 * NO_RESOURCES-like failure (G_IO_ERROR-style GError) beyond CONSOLE_MAX_VIEWERS. Main thread. */
#define CONSOLE_MAX_VIEWERS 32
gboolean console_add_viewer(struct console *console, uint32_t flags, int *ret_fd, GError **error);

#endif
