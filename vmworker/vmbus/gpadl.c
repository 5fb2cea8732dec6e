/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gpadl.h"

#include <glib.h>
#include <stdatomic.h>
#include <string.h>

struct gpadl_entry { /* a list, ready or not */
	struct gpadl gpadl;
	struct gpadl_table *table;
	atomic_uint refs;
	bool ready;
	uint32_t charged; /* pages that count against the table as long as anybody has the list */
	uint8_t *bytes;	  /* its ranges as the guest said them */
	uint32_t have, want;
};

/* Locking: `lock` guards the hash table. The thread that changes it may read without. */
struct gpadl_table {
	const struct partition *partition;
	GMutex lock;
	GHashTable *entries;	  /* id -> struct gpadl_entry */
	atomic_uint pages, lists; /* charged, with those that were removed and are still in use */
};

struct gpadl *gpadl_ref(struct gpadl *gpadl)
{
	atomic_fetch_add(&((struct gpadl_entry *)gpadl)->refs, 1);
	return gpadl;
}

void gpadl_unref(struct gpadl *gpadl)
{
	struct gpadl_entry *entry = (struct gpadl_entry *)gpadl;

	if (!gpadl || atomic_fetch_sub(&entry->refs, 1) > 1)
		return;
	atomic_fetch_sub(&entry->table->pages, entry->charged);
	atomic_fetch_sub(&entry->table->lists, 1);
	gpa_list_clear(&gpadl->list);
	g_free(entry->bytes);
	g_free(entry);
}

static void gpadl_entry_unref(gpointer data)
{
	gpadl_unref(&((struct gpadl_entry *)data)->gpadl);
}

struct gpadl_table *gpadl_table_new(const struct partition *partition)
{
	struct gpadl_table *table = g_new0(struct gpadl_table, 1);

	table->partition = partition;
	g_mutex_init(&table->lock);
	table->entries = g_hash_table_new_full(NULL, NULL, NULL, gpadl_entry_unref);
	return table;
}

void gpadl_table_free(struct gpadl_table *table)
{
	if (!table)
		return;
	g_hash_table_unref(table->entries);
	g_mutex_clear(&table->lock);
	g_free(table);
}

static struct gpadl_entry *gpadl_table_get(struct gpadl_table *table, uint32_t id)
{
	return g_hash_table_lookup(table->entries, GUINT_TO_POINTER(id));
}

bool gpadl_table_remove(struct gpadl_table *table, uint32_t id)
{
	bool found;

	g_mutex_lock(&table->lock);
	found = g_hash_table_remove(table->entries, GUINT_TO_POINTER(id));
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
	atomic_init(&entry->refs, 1);
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

struct gpadl *gpadl_table_find(struct gpadl_table *table, uint32_t id, uint32_t relid, uint32_t n)
{
	struct gpadl_entry *entry;
	struct gpadl *found = NULL;

	g_mutex_lock(&table->lock);
	entry = gpadl_table_get(table, id);
	if (entry && entry->ready && entry->gpadl.relid - relid < n)
		found = gpadl_ref(&entry->gpadl);
	g_mutex_unlock(&table->lock);
	return found;
}

uint32_t gpadl_table_count(struct gpadl_table *table)
{
	return g_hash_table_size(table->entries);
}

/* ---- saved states --------------------------------------------------------------------------- */

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

	state_begin(writer, "vmbus.gpadls", 1);
	state_put_u32(writer, g_hash_table_size(table->entries));
	g_hash_table_iter_init(&iter, table->entries);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		gpadl_save(&((struct gpadl_entry *)value)->gpadl, writer);
	state_end(writer);
}

void gpadl_table_restore(struct gpadl_table *table, struct state_reader *reader)
{
	uint32_t n;

	if (state_enter(reader, "vmbus.gpadls", 1) == 0)
		return;
	n = state_get_count(reader, GPADL_MAX);
	for (uint32_t i = 0; i < n && state_ok(reader); i++) {
		struct gpadl_entry *entry = gpadl_entry_restore(table, reader);

		if (entry && gpadl_table_get(table, entry->gpadl.id)) {
			state_fail(reader, "two lists of pages with one number");
			gpadl_entry_unref(entry);
		} else if (entry) {
			gpadl_table_insert(table, entry);
		}
	}
	state_leave(reader);
}
