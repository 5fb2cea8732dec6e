/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mac_table.h"

#include <glib.h>
#include <string.h>

#define PORTS 4u
#define SHARE 8u
#define AGE   300u

static void make_mac(uint8_t mac[6], unsigned int n)
{
	memset(mac, 0, 6);
	memcpy(mac + 2, &n, 4);
}

static void test_learn(void)
{
	struct mac_table *table = mac_table_new(PORTS, SHARE, AGE);
	uint8_t a[6], b[6];

	make_mac(a, 1);
	make_mac(b, 2);
	mac_table_learn(table, a, 3, 0);
	g_assert_cmpuint(mac_table_find(table, a, 0), ==, 3);
	g_assert_cmpuint(mac_table_find(table, b, 0), ==, MAC_TABLE_NONE);
	mac_table_learn(table, a, 1, 1); /* it moved */
	g_assert_cmpuint(mac_table_find(table, a, 1), ==, 1);
	g_assert_cmpuint(mac_table_count(table), ==, 1);
	g_assert_cmpuint(mac_table_find(table, a, 1 + AGE), ==, 1);
	g_assert_cmpuint(mac_table_find(table, a, 2 + AGE), ==, MAC_TABLE_NONE);
	mac_table_free(table);
}

/* A port that makes addresses up keeps its share and takes nothing from the others. */
static void test_flood(void)
{
	struct mac_table *table = mac_table_new(PORTS, SHARE, AGE);
	uint8_t quiet[6], mac[6];

	make_mac(quiet, 0xffffffff);
	mac_table_learn(table, quiet, 0, 0);
	for (unsigned int i = 0; i < 100000; i++) {
		make_mac(mac, i);
		mac_table_learn(table, mac, 1, 0);
		g_assert_cmpuint(mac_table_find(table, mac, 0), ==, 1);
		g_assert_cmpuint(mac_table_count(table), <=, 1 + SHARE);
	}
	g_assert_cmpuint(mac_table_find(table, quiet, 0), ==, 0);
	mac_table_forget_port(table, 1);
	g_assert_cmpuint(mac_table_count(table), ==, 1);
	mac_table_free(table);
}

/* Against a plain list: what the table says is always what was learned last, and it never holds
 * more than every port's share. */
static void test_random(void)
{
	struct mac_table *table = mac_table_new(PORTS, SHARE, AGE);
	uint32_t last[24];

	memset(last, 0xff, sizeof(last));
	for (unsigned int i = 0; i < 200000; i++) {
		unsigned int n = (unsigned int)g_test_rand_int_range(0, G_N_ELEMENTS(last));
		uint32_t port = (uint32_t)g_test_rand_int_range(0, PORTS), found;
		uint8_t mac[6];

		make_mac(mac, n * 7919);
		if (i % 97 == 0) {
			mac_table_forget_port(table, port);
			for (unsigned int j = 0; j < G_N_ELEMENTS(last); j++)
				if (last[j] == port)
					last[j] = MAC_TABLE_NONE;
		} else {
			mac_table_learn(table, mac, port, 0);
			last[n] = port;
		}
		g_assert_cmpuint(mac_table_count(table), <=, PORTS * SHARE);
		for (unsigned int j = 0; j < G_N_ELEMENTS(last); j++) {
			make_mac(mac, j * 7919);
			found = mac_table_find(table, mac, 0);
			g_assert_true(found == last[j] || found == MAC_TABLE_NONE);
		}
		if (i % 97 != 0) {
			make_mac(mac, n * 7919);
			g_assert_cmpuint(mac_table_find(table, mac, 0), ==, port);
		}
	}
	for (uint32_t port = 0; port < PORTS; port++)
		mac_table_forget_port(table, port);
	g_assert_cmpuint(mac_table_count(table), ==, 0);
	mac_table_free(table);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/mac-table/learn", test_learn);
	g_test_add_func("/mac-table/flood", test_flood);
	g_test_add_func("/mac-table/random", test_random);
	return g_test_run();
}
