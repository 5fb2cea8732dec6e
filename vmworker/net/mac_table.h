/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which port an address was last seen behind. Bounded per port, so that a guest that makes up
 * source addresses costs nobody but itself, and each step takes a constant time. Pure: the caller
 * tells the time.
 */
#ifndef MAC_TABLE_H
#define MAC_TABLE_H

#include <stdbool.h>
#include <stdint.h>

struct mac_table;

#define MAC_TABLE_NONE UINT32_MAX

/* Ports are numbered below n_ports; each may have per_port addresses; age: seconds for which an
 * address that is not seen any more is still good. */
struct mac_table *mac_table_new(uint32_t n_ports, uint32_t per_port, uint32_t age);
void mac_table_free(struct mac_table *table);

/* The address was seen behind the port. A port that has its share forgets what it learned first. */
void mac_table_learn(struct mac_table *table, const uint8_t mac[6], uint32_t port, uint64_t now);
/* The port, or MAC_TABLE_NONE. */
uint32_t mac_table_find(const struct mac_table *table, const uint8_t mac[6], uint64_t now);
void mac_table_forget_port(struct mac_table *table, uint32_t port);
uint32_t mac_table_count(const struct mac_table *table);

#endif
