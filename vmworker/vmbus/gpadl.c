/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gpadl.h"

#include <glib.h>
#include <stdatomic.h>
#include <string.h>

struct gpadl_entry { /* a list, ready or not */
	struct gpadl gpadl;
	struct gpadl_table *table;
	uint32_t refs; /* with the table's own; under its lock */
	bool ready;
	bool torn;	  /* to be forgotten with the last reference but the table's own */
	bool released;	  /* it is in the table's queue */
	uint32_t charged; /* pages that count against the table as long as anybody has the list */
	uint8_t *bytes;	  /* its ranges as the guest said them */
	uint32_t have, want;
};

/* Locking: `lock` guards the hash table. The thread that changes it may read without. It guards the
 * entries' references, too, and what was torn down. */
struct gpadl_table {
	const struct partition *partition;
	void (*released)(void *context);
	void *context;
	GMutex lock;
	GQueue torn;		  /* ids whose last user has let go; some may be forgotten since */
	GHashTable *entries;	  /* id -> struct gpadl_entry */
	atomic_uint pages, lists; /* charged, with those that were removed and are still in use */
};

/* Locked, or of nobody else yet. */
static void gpadl_entry_unref(gpointer data)
{
	struct gpadl_entry *entry = data;

	if (--entry->refs > 0)
		return;
	atomic_fetch_sub(&entry->table->pages, entry->charged);
	atomic_fetch_sub(&entry->table->lists, 1);
	gpa_list_clear(&entry->gpadl.list);
	g_free(entry->bytes);
	g_free(entry);
}

/* Locked. True: it was torn down, and nobody uses it any more as of now. */
static bool gpadl_entry_release(struct gpadl_entry *entry)
{
	if (!entry->torn || entry->released || entry->refs > 1)
		return false;
	entry->released = true;
	g_queue_push_tail(&entry->table->torn, GUINT_TO_POINTER(entry->gpadl.id));
	return true;
}

void gpadl_unref(struct gpadl *gpadl)
{
	struct gpadl_entry *entry = (struct gpadl_entry *)gpadl;
	struct gpadl_table *table;
	bool released = false;

	if (!gpadl)
		return;
	table = entry->table;
	g_mutex_lock(&table->lock);
	if (entry->refs > 1) {
		entry->refs--;
		released = gpadl_entry_release(entry);
	} else {
		gpadl_entry_unref(entry);
	}
	g_mutex_unlock(&table->lock);
	if (released)
		table->released(table->context);
}

struct gpadl_table *gpadl_table_new(const struct partition *partition,
				    void (*released)(void *context), void *context)
{
	struct gpadl_table *table = g_new0(struct gpadl_table, 1);

	table->partition = partition;
	table->released = released;
	table->context = context;
	g_mutex_init(&table->lock);
	g_queue_init(&table->torn);
	table->entries = g_hash_table_new_full(NULL, NULL, NULL, gpadl_entry_unref);
	return table;
}

void gpadl_table_free(struct gpadl_table *table)
{
	if (!table)
		return;
	g_hash_table_unref(table->entries);
	g_queue_clear(&table->torn);
	g_mutex_clear(&table->lock);
	g_free(table);
}

static struct gpadl_entry *gpadl_table_get(struct gpadl_table *table, uint32_t id)
{
	return g_hash_table_lookup(table->entries, GUINT_TO_POINTER(id));
}

static void gpadl_table_remove(struct gpadl_table *table, uint32_t id)
{
	g_mutex_lock(&table->lock);
	g_hash_table_remove(table->entries, GUINT_TO_POINTER(id));
	g_mutex_unlock(&table->lock);
}

enum gpadl_teardown gpadl_table_tear(struct gpadl_table *table, uint32_t id)
{
	enum gpadl_teardown result = GPADL_IN_USE;
	struct gpadl_entry *entry;

	g_mutex_lock(&table->lock);
	entry = gpadl_table_get(table, id);
	if (!entry) {
		result = GPADL_NONE;
	} else if (entry->torn) {
		result = GPADL_TORN_TWICE;
	} else if (entry->refs == 1) {
		g_hash_table_remove(table->entries, GUINT_TO_POINTER(id));
		result = GPADL_TORN;
	} else {
		entry->torn = true;
	}
	g_mutex_unlock(&table->lock);
	return result;
}

bool gpadl_table_next_torn(struct gpadl_table *table, uint32_t *id)
{
	bool found = false;

	g_mutex_lock(&table->lock);
	while (!found && table->torn.length > 0) {
		gpointer key = g_queue_pop_head(&table->torn);
		const struct gpadl_entry *entry = g_hash_table_lookup(table->entries, key);

		/* Else it went with its channel, or another one has the number by now. */
		found = entry && entry->released;
		if (found)
			g_hash_table_remove(table->entries, key);
		*id = GPOINTER_TO_UINT(key);
	}
	g_mutex_unlock(&table->lock);
	return found;
}

void gpadl_table_remove_of(struct gpadl_table *table, uint32_t relid)
{
	GHashTableIter iter;
	gpointer value;

	g_mutex_lock(&table->lock);
	g_hash_table_iter_init(&iter, table->entries);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct gpadl_entry *entry = value;

		if (relid == 0 || entry->gpadl.relid == relid)
			g_hash_table_iter_remove(&iter);
	}
	g_mutex_unlock(&table->lock);
}

/* NULL: there may be no such list. */
static struct gpadl_entry *gpadl_entry_new(struct gpadl_table *table, uint32_t id, uint32_t relid,
					   uint16_t range_bytes, uint16_t range_count)
{
	uint32_t pages = range_bytes / (uint32_t)sizeof(uint64_t);
	struct gpadl_entry *entry;

	if (range_count == 0 || range_bytes == 0 || atomic_load(&table->lists) >= GPADL_MAX ||
	    pages > GPADL_MAX_PAGES - atomic_load(&table->pages))
		return NULL;
	entry = g_new0(struct gpadl_entry, 1);
	entry->refs = 1;
	entry->gpadl.id = id;
	entry->gpadl.relid = relid;
	entry->gpadl.n_ranges = range_count;
	entry->want = range_bytes;
	entry->bytes = g_malloc(range_bytes);
	entry->charged = pages;
	atomic_fetch_add(&table->pages, pages);
	atomic_fetch_add(&table->lists, 1);
	entry->table = table;
	return entry;
}

static void gpadl_table_insert(struct gpadl_table *table, struct gpadl_entry *entry)
{
	g_mutex_lock(&table->lock);
	g_hash_table_insert(table->entries, GUINT_TO_POINTER(entry->gpadl.id), entry);
	g_mutex_unlock(&table->lock);
}

static bool gpadl_entry_parse(struct gpadl_entry *entry)
{
	return gpa_list_parse(&entry->gpadl.list, entry->table->partition, entry->gpadl.n_ranges,
			      entry->bytes, entry->want);
}

/* Takes what it can use of the bytes; READY, MORE, or REFUSED and removed. */
static enum gpadl_result gpadl_table_feed(struct gpadl_table *table, struct gpadl_entry *entry,
					  const uint8_t *data, size_t size)
{
	uint32_t n = (uint32_t)MIN(size, entry->want - entry->have);

	if (n > 0)
		memcpy(entry->bytes + entry->have, data, n);
	entry->have += n;
	if (entry->have < entry->want) {
		if (n > 0)
			return GPADL_MORE;
		gpadl_table_remove(table, entry->gpadl.id);
		return GPADL_REFUSED;
	}
	if (!gpadl_entry_parse(entry)) {
		gpadl_table_remove(table, entry->gpadl.id);
		return GPADL_REFUSED;
	}
	g_mutex_lock(&table->lock);
	entry->ready = true;
	g_mutex_unlock(&table->lock);
	return GPADL_READY;
}

enum gpadl_result gpadl_table_begin(struct gpadl_table *table, uint32_t id, uint32_t relid,
				    uint16_t range_bytes, uint16_t range_count, const uint8_t *data,
				    size_t size)
{
	struct gpadl_entry *entry;

	if (gpadl_table_get(table, id))
		return GPADL_REFUSED;
	entry = gpadl_entry_new(table, id, relid, range_bytes, range_count);
	if (!entry)
		return GPADL_REFUSED;
	gpadl_table_insert(table, entry);
	return gpadl_table_feed(table, entry, data, size);
}

enum gpadl_result gpadl_table_continue(struct gpadl_table *table, uint32_t id, const uint8_t *data,
				       size_t size, uint32_t *relid)
{
	struct gpadl_entry *entry = gpadl_table_get(table, id);

	if (!entry || entry->ready)
		return GPADL_UNKNOWN;
	*relid = entry->gpadl.relid;
	return gpadl_table_feed(table, entry, data, size);
}

static struct gpadl *gpadl_table_ref(struct gpadl_table *table, uint32_t id, uint32_t relid,
				     uint32_t n, bool torn)
{
	struct gpadl_entry *entry;
	struct gpadl *found = NULL;

	g_mutex_lock(&table->lock);
	entry = gpadl_table_get(table, id);
	if (entry && entry->ready && entry->gpadl.relid - relid < n && (torn || !entry->torn)) {
		entry->refs++;
		found = &entry->gpadl;
	}
	g_mutex_unlock(&table->lock);
	return found;
}

struct gpadl *gpadl_table_find(struct gpadl_table *table, uint32_t id, uint32_t relid, uint32_t n)
{
	return gpadl_table_ref(table, id, relid, n, false);
}

struct gpadl *gpadl_table_find_listed(struct gpadl_table *table, uint32_t id, uint32_t relid)
{
	return gpadl_table_ref(table, id, relid, 1, true);
}

uint32_t gpadl_table_count(struct gpadl_table *table)
{
	return g_hash_table_size(table->entries);
}

/* ---- saved states --------------------------------------------------------------------------- */

#define TABLE_VERSION 2u /* 1: without what was torn down */

void gpadl_save(const struct gpadl *gpadl, struct state_writer *writer)
{
	const struct gpadl_entry *entry = (const struct gpadl_entry *)gpadl;

	state_put_u32(writer, gpadl->id);
	state_put_u32(writer, gpadl->relid);
	state_put_u32(writer, gpadl->n_ranges);
	state_put_u32(writer, entry->want);
	state_put_u32(writer, entry->have);
	state_put_bytes(writer, entry->bytes, entry->have);
}

/* NULL with a fault. */
static struct gpadl_entry *gpadl_entry_restore(struct gpadl_table *table,
					       struct state_reader *reader)
{
	uint32_t id = state_get_u32(reader), relid = state_get_u32(reader);
	uint32_t n_ranges = state_get_count(reader, UINT16_MAX);
	uint32_t want = state_get_count(reader, UINT16_MAX), have = state_get_count(reader, want);
	const uint8_t *bytes = state_get_view(reader, have);
	struct gpadl_entry *entry;

	if (!bytes)
		return NULL;
	entry = gpadl_entry_new(table, id, relid, (uint16_t)want, (uint16_t)n_ranges);
	if (!entry) {
		state_fail(reader, "a list of pages that there may not be");
		return NULL;
	}
	if (have > 0)
		memcpy(entry->bytes, bytes, have);
	entry->have = have;
	if (have < want)
		return entry;
	entry->ready = gpadl_entry_parse(entry);
	if (entry->ready)
		return entry;
	state_fail(reader, "a list of pages outside memory");
	gpadl_entry_unref(entry);
	return NULL;
}

struct gpadl *gpadl_restore(struct gpadl_table *table, struct state_reader *reader)
{
	struct gpadl_entry *entry = gpadl_entry_restore(table, reader);

	if (!entry || entry->ready)
		return entry ? &entry->gpadl : NULL;
	state_fail(reader, "a list of pages that is used before it is complete");
	gpadl_entry_unref(entry);
	return NULL;
}

void gpadl_table_save(struct gpadl_table *table, struct state_writer *writer)
{
	GHashTableIter iter;
	gpointer value;

	state_begin(writer, "vmbus.gpadls", TABLE_VERSION);
	state_put_u32(writer, g_hash_table_size(table->entries));
	g_hash_table_iter_init(&iter, table->entries);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct gpadl_entry *entry = value;

		gpadl_save(&entry->gpadl, writer);
		state_put_bool(writer, entry->torn);
	}
	state_end(writer);
}

static void gpadl_table_restore_one(struct gpadl_table *table, struct state_reader *reader,
				    uint32_t version)
{
	struct gpadl_entry *entry = gpadl_entry_restore(table, reader);

	if (!entry)
		return;
	entry->torn = version >= 2 && state_get_bool(reader);
	if (gpadl_table_get(table, entry->gpadl.id))
		state_fail(reader, "two lists of pages with one number");
	if (entry->torn && !entry->ready)
		state_fail(reader, "a list of pages that is in use before it is complete");
	if (state_ok(reader))
		gpadl_table_insert(table, entry);
	else
		gpadl_entry_unref(entry);
}

void gpadl_table_restore(struct gpadl_table *table, struct state_reader *reader)
{
	uint32_t version = state_enter(reader, "vmbus.gpadls", TABLE_VERSION), n;

	if (version == 0)
		return;
	n = state_get_count(reader, GPADL_MAX);
	for (uint32_t i = 0; i < n && state_ok(reader); i++)
		gpadl_table_restore_one(table, reader, version);
	state_leave(reader);
}

void gpadl_table_restored(struct gpadl_table *table)
{
	GHashTableIter iter;
	gpointer value;

	g_mutex_lock(&table->lock);
	g_hash_table_iter_init(&iter, table->entries);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		(void)gpadl_entry_release(value);
	g_mutex_unlock(&table->lock);
}
