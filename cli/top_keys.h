/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes from a terminal -> what `hvctl top` is to do. Keys that are not one byte are the sequences
 * that xterm sends, and those that take its names. */
#ifndef TOP_KEYS_H
#define TOP_KEYS_H

enum top_key {
	TOP_KEY_NONE, /* none, or not all of it yet */
	TOP_KEY_QUIT,
	TOP_KEY_SLOWER,
	TOP_KEY_FASTER,
	TOP_KEY_UP,
	TOP_KEY_DOWN,
	TOP_KEY_PAGE_UP,
	TOP_KEY_PAGE_DOWN,
	TOP_KEY_FIRST,
	TOP_KEY_LAST,
	TOP_KEY_SORT, /* + an enum top_sort */
};

/* Zeroed at first. */
struct top_keys {
	enum { KEYS_GROUND, KEYS_ESCAPE, KEYS_CSI, KEYS_SS3 } state;
	char parameter; /* of a CSI sequence: its only digit, 0, or '?' for anything longer */
};

int top_keys_take(struct top_keys *keys, char byte);

#endif
