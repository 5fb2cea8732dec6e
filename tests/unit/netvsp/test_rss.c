/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rss.h"

#include <glib.h>
#include <string.h>

#include "guest_nic.h"
#include "rndis_wire.h"

/* The key and the table of hashes that Microsoft publishes to verify an implementation of RSS. */
static const uint8_t key[RSS_KEY_SIZE] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
	0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
	0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

static const struct {
	uint8_t input[12]; /* source, destination, ports */
	uint32_t addresses, tcp;
} ip4[] = {
	{{66, 9, 149, 187, 161, 142, 100, 80, 2794 >> 8, 2794 & 255, 1766 >> 8, 1766 & 255},
	 0x323e8fc2,
	 0x51ccc178},
	{{199, 92, 111, 2, 65, 69, 140, 83, 14230 >> 8, 14230 & 255, 4739 >> 8, 4739 & 255},
	 0xd718262a,
	 0xc626b0ea},
	{{24, 19, 198, 95, 12, 22, 207, 184, 12898 >> 8, 12898 & 255, 38024 >> 8, 38024 & 255},
	 0xd2d0a5de,
	 0x5c2b394a},
};

static void test_published(void)
{
	struct rss rss = {0};

	rss_set_key(&rss, key);
	for (size_t i = 0; i < G_N_ELEMENTS(ip4); i++) {
		g_assert_cmphex(rss_toeplitz(&rss, ip4[i].input, 8), ==, ip4[i].addresses);
		g_assert_cmphex(rss_toeplitz(&rss, ip4[i].input, 12), ==, ip4[i].tcp);
	}
}

/* Bit by bit, as the definition says. */
static uint32_t slow_toeplitz(const uint8_t *k, const uint8_t *input, size_t size)
{
	uint32_t hash = 0;

	for (size_t bit = 0; bit < 8 * size; bit++) {
		if (!(input[bit / 8] & 0x80 >> bit % 8))
			continue;
		for (size_t i = 0; i < 32; i++)
			if (k[(bit + i) / 8] & 0x80 >> (bit + i) % 8)
				hash ^= 0x80000000u >> i;
	}
	return hash;
}

static void test_random(void)
{
	for (int i = 0; i < 2000; i++) {
		uint8_t random[RSS_KEY_SIZE], input[RSS_INPUT_MAX];
		size_t size = (size_t)g_test_rand_int_range(0, RSS_INPUT_MAX + 1);
		struct rss rss = {0};

		for (size_t j = 0; j < sizeof(random); j++)
			random[j] = (uint8_t)g_test_rand_int();
		for (size_t j = 0; j < sizeof(input); j++)
			input[j] = (uint8_t)g_test_rand_int();
		rss_set_key(&rss, random);
		g_assert_cmphex(rss_toeplitz(&rss, input, size), ==,
				slow_toeplitz(random, input, size));
	}
}

/* What a driver of Linux sends. */
static size_t parameters_make(uint8_t *buffer, uint32_t n_channels)
{
	memset(buffer, 0, 40 + 512 + 40);
	buffer[0] = 0x89;
	buffer[1] = 2;
	buffer[2] = 40;
	put32(buffer + 8, 0x1701);
	put16(buffer + 12, 512);
	put32(buffer + 16, 40);
	put16(buffer + 20, 40);
	put32(buffer + 24, 552);
	for (uint32_t i = 0; i < 128; i++)
		put32(buffer + 40 + 4 * (size_t)i, i % n_channels);
	memcpy(buffer + 552, key, 40);
	return 592;
}

static void test_configure(void)
{
	uint8_t buffer[592], frame[200];
	struct test_frame wanted = {.payload = 50};
	struct rss rss = {0};
	struct frame parsed;
	uint32_t tcp, ip;
	size_t size;

	size = test_frame_make(&wanted, frame);
	frame_parse(frame, size, &parsed);
	g_assert_false(rss_hash(&rss, frame, size, &parsed, &tcp));
	g_assert_cmphex(rss_configure(&rss, buffer, parameters_make(buffer, 4), 4), ==, 0);
	g_assert_true(rss_hash(&rss, frame, size, &parsed, &tcp));
	g_assert_cmphex(tcp, ==, slow_toeplitz(key, frame + 26, 12));
	g_assert_cmpuint(rss_channel(&rss, tcp), ==, tcp % 4);
	parsed.fragment = true; /* has no ports that count */
	g_assert_true(rss_hash(&rss, frame, size, &parsed, &ip));
	g_assert_cmphex(ip, ==, slow_toeplitz(key, frame + 26, 8));
	wanted.ip6 = true;
	size = test_frame_make(&wanted, frame);
	frame_parse(frame, size, &parsed);
	g_assert_true(rss_hash(&rss, frame, size, &parsed, &tcp));
	g_assert_cmphex(tcp, ==, slow_toeplitz(key, frame + 22, 36));
	put16(buffer + 4, 0x10);
	g_assert_cmphex(rss_configure(&rss, buffer, 592, 4), ==, 0);
	g_assert_false(rss_hash(&rss, frame, size, &parsed, &tcp));
	put16(buffer + 4, 0x0e); /* all as it was, but on */
	g_assert_cmphex(rss_configure(&rss, buffer, 40, 4), ==, 0);
	g_assert_true(rss.enabled);
}

static void test_hostile(void)
{
	static const struct {
		uint32_t at, value;
		bool half; /* 16 bits */
	} cases[] = {
		{0, 0x88, true},
		{8, 0x1702, false},
		{12, 511, true},
		{12, 0, true},
		{12, 1024, true},
		{12, 12, true}, /* 3 entries */
		{16, 593, false},
		{16, 0xffffffff, false},
		{16, 81, false},
		{20, 39, true},
		{20, 0, true},
		{24, 553, false},
		{24, 0xfffffff0, false},
		{40, 4, false}, /* a channel that there is not */
		{40 + 508, 0xffffffff, false},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		uint8_t buffer[592];
		struct rss rss = {0}, before;
		g_autofree uint8_t *exact = NULL;

		parameters_make(buffer, 4);
		g_assert_cmphex(rss_configure(&rss, buffer, 592, 4), ==, 0);
		before = rss;
		if (cases[i].half)
			put16(buffer + cases[i].at, (uint16_t)cases[i].value);
		else
			put32(buffer + cases[i].at, cases[i].value);
		exact = g_memdup2(buffer, sizeof(buffer)); /* so that one byte too far is seen */
		g_assert_cmphex(rss_configure(&rss, exact, 592, 4), !=, 0);
		g_assert_cmpint(memcmp(&rss, &before, sizeof(rss)), ==, 0);
	}
	for (size_t size = 0; size < 592; size++) {
		uint8_t buffer[592];
		struct rss rss = {0};
		g_autofree uint8_t *exact = NULL;

		parameters_make(buffer, 4);
		exact = g_memdup2(buffer, size);
		g_assert_cmphex(rss_configure(&rss, exact, size, 4), !=, 0);
		g_assert_false(rss.enabled);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/rss/published", test_published);
	g_test_add_func("/rss/random", test_random);
	g_test_add_func("/rss/configure", test_configure);
	g_test_add_func("/rss/hostile", test_hostile);
	return g_test_run();
}
