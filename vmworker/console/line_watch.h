/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Watches a console's output for a Linux kernel's last words, "Kernel panic - not syncing: ...", at
 * the beginning of a line or behind a printk time stamp (a prompt may stand before that). The line
 * that closes a panic, "---[ end Kernel panic - not syncing: ... ]---", counts only if the first
 * was missed. What the guest prints is its own choice: a report is a hint for people, not a fact.
 * Pure; memory is bounded; one thread at a time.
 */
#ifndef LINE_WATCH_H
#define LINE_WATCH_H

#include <stddef.h>
#include <stdint.h>

struct line_watch;

/* line: "Kernel panic - not syncing: ...", printable ASCII, shorter than LINE_WATCH_MAX; valid
 * during the call. Runs on the thread that feeds. */
#define LINE_WATCH_MAX 512u
struct line_watch *line_watch_new(void (*panic)(void *context, const char *line), void *context);
void line_watch_free(struct line_watch *watch); /* NULL is fine */

void line_watch_feed(struct line_watch *watch, const uint8_t *data, size_t n);

/* The guest starts anew: forgets a half line and the last report. */
void line_watch_reset(struct line_watch *watch);

#endif
