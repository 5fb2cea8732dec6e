/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What VP and I/O threads have to tell the main thread: that the guest stopped, that it panicked,
 * that a disk waits. One slot each, the first message counts, an eventfd wakes the main loop.
 * Posting never waits for the main thread.
 */
#ifndef MAILBOX_H
#define MAILBOX_H

#include "engine.h"

struct mailbox;

/* events is copied; its callbacks run from the event loop. */
struct mailbox *mailbox_new(sd_event *event, const struct engine_events *events, GError **error);
void mailbox_free(struct mailbox *mailbox); /* NULL is fine */

/* Any thread. The line may be any bytes; it is made UTF-8 without control characters. */
void mailbox_post_halt(struct mailbox *mailbox, const struct engine_halt *halt);
void mailbox_post_panic(struct mailbox *mailbox, const char *line, size_t size);
/* What the guest told the hypervisor: a line (size 0: what the console said), and what to add. */
void mailbox_post_crash(struct mailbox *mailbox, const char *line, size_t size, const char *detail);

/* A disk waits for the host's storage to be mended. */
void mailbox_post_disk(struct mailbox *mailbox, const char *text);

/* A disk waits for another server. */
void mailbox_post_server(struct mailbox *mailbox, uint32_t controller, uint32_t lun);

/* Forgets what was posted and not delivered, and takes the next of each. While no VP runs. */
void mailbox_clear(struct mailbox *mailbox);

#endif
