/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Linear probing over at least twice as many slots as there may be addresses. Removal moves the
 * following entries back, so there are no tombstones to fill the table.
 */
#include "mac_table.h"

#include <glib.h>
#include <string.h>

struct mac_slot {
	uint8_t mac[6];
	bool used;
	uint32_t port;
	uint64_t seen; /* seconds */
};

/* What a port learned, oldest first from `learned` on. An address that moved to another port stays
 * here until its turn comes: find by the slot whether it is still this port's. */
struct mac_port {
	uint64_t learned;
	uint8_t (*macs)[6];
};

struct mac_table {
	uint32_t mask, count, n_ports, per_port, age;
	struct mac_port *ports;
	uint8_t (*macs)[6]; /* of all ports */
	struct mac_slot *slots;
};

struct mac_table *mac_table_new(uint32_t n_ports, uint32_t per_port, uint32_t age)
{
	struct mac_table *table = g_new0(struct mac_table, 1);
	uint32_t size = 16, most;

	g_assert(n_ports > 0 && n_ports <= 1u << 12 && per_port > 0 && per_port <= 1u << 12);
	most = n_ports * per_port;
	while (size < 2 * most)
		size *= 2;
	*table = (struct mac_table){.mask = size - 1,
				    .n_ports = n_ports,
				    .per_port = per_port,
				    .age = age,
				    .ports = g_new0(struct mac_port, n_ports),
				    .macs = g_malloc0_n(most, sizeof(*table->macs)),
				    .slots = g_new0(struct mac_slot, size)};
	for (uint32_t i = 0; i < n_ports; i++)
		table->ports[i].macs = table->macs + (size_t)i * per_port;
	return table;
}

void mac_table_free(struct mac_table *table)
{
	if (!table)
		return;
	g_free(table->ports);
	g_free(table->macs);
	g_free(table->slots);
	g_free(table);
}

static uint32_t mac_table_home(const struct mac_table *table, const uint8_t mac[6])
{
	uint64_t key = 0;

	memcpy(&key, mac, 6);
	return (uint32_t)((key * 0x9e3779b97f4a7c15u) >> 32) & table->mask;
}

/* The slot of the address, or the free one where it belongs. */
static uint32_t mac_table_slot(const struct mac_table *table, const uint8_t mac[6])
{
	uint32_t at = mac_table_home(table, mac);

	while (table->slots[at].used && memcmp(table->slots[at].mac, mac, 6) != 0)
		at = (at + 1) & table->mask;
	return at;
}

static void mac_table_remove(struct mac_table *table, uint32_t hole)
{
	uint32_t at = hole;

	table->count--;
	for (;;) {
		uint32_t home;

		at = (at + 1) & table->mask;
		if (!table->slots[at].used)
			break;
		home = mac_table_home(table, table->slots[at].mac);
		/* An entry may move back only if its home is not behind the hole. */
		if (((at - home) & table->mask) >= ((at - hole) & table->mask)) {
			table->slots[hole] = table->slots[at];
			hole = at;
		}
	}
	table->slots[hole].used = false;
}

/* Removes the address unless it moved away from the port. */
static void mac_table_drop(struct mac_table *table, const uint8_t mac[6], uint32_t port)
{
	uint32_t at = mac_table_slot(table, mac);

	if (table->slots[at].used && table->slots[at].port == port)
		mac_table_remove(table, at);
}

/* Every address of a port is in its list, so there are never more than all lists hold. */
static void mac_table_list(struct mac_table *table, const uint8_t mac[6], uint32_t port)
{
	struct mac_port *list = &table->ports[port];
	uint8_t *place = list->macs[list->learned % table->per_port];

	if (list->learned >= table->per_port && memcmp(place, mac, 6) != 0)
		mac_table_drop(table, place, port);
	memcpy(place, mac, 6);
	list->learned++;
}

void mac_table_learn(struct mac_table *table, const uint8_t mac[6], uint32_t port, uint64_t now)
{
	struct mac_slot *slot = &table->slots[mac_table_slot(table, mac)];

	g_assert(port < table->n_ports);
	if (slot->used && slot->port == port) {
		slot->seen = now;
		return;
	}
	mac_table_list(table, mac, port);
	slot = &table->slots[mac_table_slot(table, mac)]; /* removal moves entries */
	if (!slot->used)
		table->count++;
	*slot = (struct mac_slot){.used = true, .port = port, .seen = now};
	memcpy(slot->mac, mac, 6);
}

uint32_t mac_table_find(const struct mac_table *table, const uint8_t mac[6], uint64_t now)
{
	const struct mac_slot *slot = &table->slots[mac_table_slot(table, mac)];

	if (!slot->used || now - slot->seen > table->age)
		return MAC_TABLE_NONE;
	return slot->port;
}

void mac_table_forget_port(struct mac_table *table, uint32_t port)
{
	struct mac_port *list = &table->ports[port];
	uint64_t n = list->learned < table->per_port ? list->learned : table->per_port;

	for (uint64_t i = 0; i < n; i++)
		mac_table_drop(table, list->macs[i], port);
	list->learned = 0;
}

uint32_t mac_table_count(const struct mac_table *table)
{
	return table->count;
}
