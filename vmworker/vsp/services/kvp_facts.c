/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kvp_facts.h"

#include <inttypes.h>
#include <string.h>

#include "kvp_wire.h"
#include "utf16.h"

static void pair_free(gpointer data)
{
	struct kvp_pair *pair = data;

	g_free(pair->key);
	g_free(pair->value);
	g_free(pair);
}

static void adapter_free(gpointer data)
{
	struct kvp_adapter *adapter = data;

	g_free(adapter->addresses);
	g_free(adapter->masks);
	g_free(adapter->gateways);
	g_free(adapter->dns);
	g_free(adapter);
}

struct kvp_facts *kvp_facts_new(void)
{
	struct kvp_facts *facts = g_new0(struct kvp_facts, 1);

	facts->pairs = g_ptr_array_new_with_free_func(pair_free);
	facts->adapters = g_ptr_array_new_with_free_func(adapter_free);
	return facts;
}

void kvp_facts_free(struct kvp_facts *facts)
{
	if (!facts)
		return;
	g_ptr_array_unref(facts->pairs);
	g_ptr_array_unref(facts->adapters);
	g_free(facts);
}

static gpointer pair_copy(gconstpointer data)
{
	struct kvp_pair *pair = g_memdup2(data, sizeof(*pair));

	pair->key = g_strdup(pair->key);
	pair->value = g_strdup(pair->value);
	return pair;
}

static gpointer adapter_copy(gconstpointer data)
{
	struct kvp_adapter *adapter = g_memdup2(data, sizeof(*adapter));

	adapter->addresses = g_strdup(adapter->addresses);
	adapter->masks = g_strdup(adapter->masks);
	adapter->gateways = g_strdup(adapter->gateways);
	adapter->dns = g_strdup(adapter->dns);
	return adapter;
}

struct kvp_facts *kvp_facts_copy(const struct kvp_facts *facts)
{
	struct kvp_facts *copy = kvp_facts_new();

	for (guint i = 0; i < facts->pairs->len; i++)
		g_ptr_array_add(copy->pairs, pair_copy(facts->pairs->pdata[i]));
	for (guint i = 0; i < facts->adapters->len; i++)
		g_ptr_array_add(copy->adapters, adapter_copy(facts->adapters->pdata[i]));
	return copy;
}

static bool pair_equal(const struct kvp_pair *a, const struct kvp_pair *b)
{
	return a->pool == b->pool && g_str_equal(a->key, b->key) && g_str_equal(a->value, b->value);
}

static bool adapter_equal(const struct kvp_adapter *a, const struct kvp_adapter *b)
{
	return g_str_equal(a->mac, b->mac) && a->dhcp == b->dhcp &&
	       g_str_equal(a->addresses, b->addresses) && g_str_equal(a->masks, b->masks) &&
	       g_str_equal(a->gateways, b->gateways) && g_str_equal(a->dns, b->dns);
}

bool kvp_facts_equal(const struct kvp_facts *a, const struct kvp_facts *b)
{
	if (a->pairs->len != b->pairs->len || a->adapters->len != b->adapters->len)
		return false;
	for (guint i = 0; i < a->pairs->len; i++) {
		if (!pair_equal(a->pairs->pdata[i], b->pairs->pdata[i]))
			return false;
	}
	for (guint i = 0; i < a->adapters->len; i++) {
		if (!adapter_equal(a->adapters->pdata[i], b->adapters->pdata[i]))
			return false;
	}
	return true;
}

const char *kvp_facts_find(const struct kvp_facts *facts, enum kvp_pool pool, const char *key)
{
	for (guint i = 0; i < facts->pairs->len; i++) {
		const struct kvp_pair *pair = facts->pairs->pdata[i];

		if (pair->pool == pool && g_str_equal(pair->key, key))
			return pair->value;
	}
	return NULL;
}

/* NULL: its size does not suit its type. */
static char *value_text(const struct kvp_wire_value *value)
{
	uint32_t u32;
	uint64_t u64;

	switch (value->type) {
	case KVP_TYPE_STRING:
		return utf16_decode(value->value, value->value_size);
	case KVP_TYPE_U32:
		memcpy(&u32, value->value, sizeof(u32));
		return g_strdup_printf("%" PRIu32, u32);
	case KVP_TYPE_U64:
		memcpy(&u64, value->value, sizeof(u64));
		return g_strdup_printf("%" PRIu64, u64);
	default:
		return NULL;
	}
}

bool kvp_facts_add_pair(struct kvp_facts *facts, enum kvp_pool pool, const uint8_t *body,
			size_t size)
{
	const size_t offset = offsetof(struct kvp_wire_exchange, enumerate.value);
	struct kvp_wire_value value;
	struct kvp_pair *pair;
	char *text;

	if (size < offset + sizeof(value))
		return false;
	memcpy(&value, body + offset, sizeof(value));
	if (value.key_size > sizeof(value.key) || value.value_size > sizeof(value.value))
		return false;
	text = value_text(&value);
	if (!text)
		return false;
	pair = g_new0(struct kvp_pair, 1);
	pair->pool = pool;
	pair->key = utf16_decode(value.key, value.key_size);
	pair->value = text;
	g_ptr_array_add(facts->pairs, pair);
	return true;
}

bool kvp_facts_add_adapter(struct kvp_facts *facts, const char *mac, const uint8_t *body,
			   size_t size)
{
	const struct kvp_wire_ip *ip = (const struct kvp_wire_ip *)body; /* of bytes only */
	struct kvp_adapter *adapter;

	if (size < sizeof(*ip))
		return false;
	adapter = g_new0(struct kvp_adapter, 1);
	g_strlcpy(adapter->mac, mac, sizeof(adapter->mac));
	adapter->dhcp = ip->dhcp != 0;
	adapter->addresses = utf16_decode(ip->addresses, sizeof(ip->addresses));
	adapter->masks = utf16_decode(ip->masks, sizeof(ip->masks));
	adapter->gateways = utf16_decode(ip->gateways, sizeof(ip->gateways));
	adapter->dns = utf16_decode(ip->dns, sizeof(ip->dns));
	g_ptr_array_add(facts->adapters, adapter);
	return true;
}

/* ---- saved states ---------------------------------------------------------------------------- */

#define SAVED_PAIRS_MAX	   1024u
#define SAVED_ADAPTERS_MAX 64u
#define SAVED_TEXT_MAX	   16384u /* bytes */

void kvp_facts_save(const struct kvp_facts *facts, struct state_writer *writer)
{
	state_begin(writer, "kvp.facts", 1);
	state_put_u32(writer, facts->pairs->len);
	for (guint i = 0; i < facts->pairs->len; i++) {
		const struct kvp_pair *pair = facts->pairs->pdata[i];

		state_put_u8(writer, (uint8_t)pair->pool);
		state_put_string(writer, pair->key);
		state_put_string(writer, pair->value);
	}
	state_put_u32(writer, facts->adapters->len);
	for (guint i = 0; i < facts->adapters->len; i++) {
		const struct kvp_adapter *adapter = facts->adapters->pdata[i];

		state_put_string(writer, adapter->mac);
		state_put_bool(writer, adapter->dhcp);
		state_put_string(writer, adapter->addresses);
		state_put_string(writer, adapter->masks);
		state_put_string(writer, adapter->gateways);
		state_put_string(writer, adapter->dns);
	}
	state_end(writer);
}

/* NULL with a fault. */
static char *text_restore(struct state_reader *reader)
{
	g_autofree char *text = state_get_string(reader, SAVED_TEXT_MAX);

	if (!text || !g_utf8_validate(text, -1, NULL)) {
		state_fail(reader, "a text that is none");
		return NULL;
	}
	for (const char *at = text; *at; at = g_utf8_next_char(at)) {
		if (g_unichar_iscntrl(g_utf8_get_char(at))) {
			state_fail(reader, "a text with control characters");
			return NULL;
		}
	}
	return g_steal_pointer(&text);
}

static void pairs_restore(struct kvp_facts *facts, struct state_reader *reader)
{
	uint32_t n = state_get_count(reader, SAVED_PAIRS_MAX);

	for (uint32_t i = 0; i < n && state_ok(reader); i++) {
		struct kvp_pair *pair = g_new0(struct kvp_pair, 1);
		uint8_t pool = state_get_u8(reader);

		if (pool > KVP_POOL_AUTO)
			state_fail(reader, "a pair of no pool");
		pair->pool = pool;
		pair->key = text_restore(reader);
		pair->value = text_restore(reader);
		g_ptr_array_add(facts->pairs, pair);
	}
}

static void adapters_restore(struct kvp_facts *facts, struct state_reader *reader)
{
	uint32_t n = state_get_count(reader, SAVED_ADAPTERS_MAX);

	for (uint32_t i = 0; i < n && state_ok(reader); i++) {
		struct kvp_adapter *adapter = g_new0(struct kvp_adapter, 1);
		g_autofree char *mac = text_restore(reader);

		g_strlcpy(adapter->mac, mac ? mac : "", sizeof(adapter->mac));
		adapter->dhcp = state_get_bool(reader);
		adapter->addresses = text_restore(reader);
		adapter->masks = text_restore(reader);
		adapter->gateways = text_restore(reader);
		adapter->dns = text_restore(reader);
		g_ptr_array_add(facts->adapters, adapter);
	}
}

struct kvp_facts *kvp_facts_restore(struct state_reader *reader)
{
	struct kvp_facts *facts;

	if (state_enter(reader, "kvp.facts", 1) == 0)
		return NULL;
	facts = kvp_facts_new();
	pairs_restore(facts, reader);
	adapters_restore(facts, reader);
	state_leave(reader);
	if (!state_ok(reader))
		g_clear_pointer(&facts, kvp_facts_free);
	return facts;
}
