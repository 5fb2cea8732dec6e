/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GPADLs: lists of guest pages that the guest made known under a number of its choice, with a
 * GPADL_HEADER message and, when that has no room for all, GPADL_BODY messages.
 *
 * Bounds: what a list may have is bounded by its 16-bit length (8,190 pages); a table holds at most
 * GPADL_MAX lists, being built or ready, of GPADL_MAX_PAGES pages together; one that was
 * removed counts until its last reference is gone.
 *
 * A list that the guest tears down while somebody has a reference to it is found by nobody any
 * more, but keeps its number until the last reference is gone: only then may the guest be told that
 * its pages are its own again.
 *
 * Threading: a table is changed by one thread and read (gpadl_table_find) by any; references are
 * given back by any.
 */
#ifndef GPADL_H
#define GPADL_H

#include "gpa_list.h"
#include "state.h"

#define GPADL_MAX	4096u
#define GPADL_MAX_PAGES (1u << 20) /* 4 GiB of guest memory, 24 MiB of ours at worst */

struct gpadl_table;

struct gpadl { /* constant once ready */
	uint32_t id;
	uint32_t relid; /* of the channel that it was made for */
	uint32_t n_ranges;
	struct gpa_list list;
};

void gpadl_unref(struct gpadl *gpadl); /* NULL is fine */

enum gpadl_result {
	GPADL_READY,
	GPADL_MORE,    /* the rest comes in bodies */
	GPADL_REFUSED, /* say so to the guest; nothing is kept */
	GPADL_UNKNOWN, /* a body of nothing that is being built */
};

enum gpadl_teardown {
	GPADL_TORN,	  /* it is gone */
	GPADL_IN_USE,	  /* it will be, see `released` */
	GPADL_TORN_TWICE, /* it will be, as was asked before */
	GPADL_NONE,	  /* there is no such list */
};

/*
 * partition is borrowed. released is called when gpadl_table_next_torn has something to say, by the
 * thread that gave back the last reference, with no lock held.
 */
struct gpadl_table *gpadl_table_new(const struct partition *partition,
				    void (*released)(void *context), void *context);
/* No references may be left but the table's own. NULL is fine. */
void gpadl_table_free(struct gpadl_table *table);

/* A header: data are the range bytes in it, of range_bytes in all; what is too much is ignored. */
enum gpadl_result gpadl_table_begin(struct gpadl_table *table, uint32_t id, uint32_t relid,
				    uint16_t range_bytes, uint16_t range_count, const uint8_t *data,
				    size_t size);
/* A body; *relid: whose, unless UNKNOWN. */
enum gpadl_result gpadl_table_continue(struct gpadl_table *table, uint32_t id, const uint8_t *data,
				       size_t size, uint32_t *relid);

/* A reference to the list `id` when it is ready and made for one of the n relids from `relid` on.
 */
struct gpadl *gpadl_table_find(struct gpadl_table *table, uint32_t id, uint32_t relid, uint32_t n);
/* The same of one list, which may have been torn down: what a saved state names. */
struct gpadl *gpadl_table_find_listed(struct gpadl_table *table, uint32_t id, uint32_t relid);
/* The guest wants its pages back, also those of a half-built list. */
enum gpadl_teardown gpadl_table_tear(struct gpadl_table *table, uint32_t id);
/* Forgets one that was torn down and is not used any more. False: there is none. */
bool gpadl_table_next_torn(struct gpadl_table *table, uint32_t *id);
/* Forgets those of one relid, or with relid 0 all; who has a reference keeps the list. */
void gpadl_table_remove_of(struct gpadl_table *table, uint32_t relid);
uint32_t gpadl_table_count(struct gpadl_table *table);

/* ---- saved states --------------------------------------------------------------------------- */

/* All lists, also those being built or torn down, but for those that were removed. */
void gpadl_table_save(struct gpadl_table *table, struct state_writer *writer);
/* Into an empty table; what is wrong is told to the reader. */
void gpadl_table_restore(struct gpadl_table *table, struct state_reader *reader);
/* When all who use a list have a reference again: gpadl_table_next_torn has the others. */
void gpadl_table_restored(struct gpadl_table *table);
/* One that somebody has a reference to, whether it was removed or not. */
void gpadl_save(const struct gpadl *gpadl, struct state_writer *writer);
/* A reference to it; NULL with a fault. */
struct gpadl *gpadl_restore(struct gpadl_table *table, struct state_reader *reader);

#endif
