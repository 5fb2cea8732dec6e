/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* NVSP messages, pieces of memory, and the bandwidth limit. */
#include <glib.h>
#include <string.h>

#include "frame_iov.h"
#include "net_bucket.h"
#include "net_buffer.h"
#include "nvsp.h"

static void test_negotiate(void)
{
	static const struct {
		uint32_t min, max;
		enum nvsp_status status;
		uint32_t version;
	} cases[] = {
		{0x60001, 0x60001, NVSP_STATUS_SUCCESS, 0x60001},
		{0x60000, 0x60000, NVSP_STATUS_SUCCESS, 0x60000},
		{0x50000, 0x50000, NVSP_STATUS_SUCCESS, 0x50000},
		{0x40000, 0x40000, NVSP_STATUS_SUCCESS, 0x40000},
		{0x30002, 0x30002, NVSP_STATUS_SUCCESS, 0x30002},
		{2, 2, NVSP_STATUS_SUCCESS, 2},
		{2, 0xffffffff, NVSP_STATUS_SUCCESS, 0x60001},
		{2, 0x4ffff, NVSP_STATUS_SUCCESS, 0x40000},
		{0x70000, 0x70000, NVSP_STATUS_TOO_NEW, 0},
		{0, 1, NVSP_STATUS_TOO_OLD, 0},
		{0x30003, 0x3ffff, NVSP_STATUS_UNSUPPORTED, 0},
		{0x60001, 2, NVSP_STATUS_UNSUPPORTED, 0}, /* upside down */
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct nvsp_init init = {NVSP_INIT, cases[i].min, cases[i].max};
		struct nvsp nvsp = {0};

		g_assert_cmpint(nvsp_negotiate(&nvsp, &init), ==, cases[i].status);
		g_assert_cmpuint(nvsp.version, ==, cases[i].version);
	}
}

/* Each type in each size, in each version: only what is long enough and known is taken. */
static void test_parse(void)
{
	static const uint32_t versions[] = {0, 2, 0x30002, 0x40000, 0x50000, 0x60000, 0x60001};
	static const struct {
		uint32_t type, since, size;
	} known[] = {{1, 0, 12},	{100, 2, 12},	   {101, 2, 10}, {103, 2, 6},
		     {104, 2, 10},	{106, 2, 6},	   {107, 2, 16}, {125, 0x30002, 20},
		     {129, 0x40000, 8}, {133, 0x50000, 12}};

	for (size_t v = 0; v < G_N_ELEMENTS(versions); v++) {
		struct nvsp nvsp = {.version = versions[v]};

		for (uint32_t type = 0; type < 300; type++) {
			for (uint32_t size = 0; size <= 40; size++) {
				g_autofree uint8_t *payload = g_malloc0(MAX(size, 1));
				struct nvsp_message message;
				bool good = false;

				for (size_t k = 0; k < G_N_ELEMENTS(known); k++)
					good |= known[k].type == type && size >= known[k].size &&
						(known[k].since == 0
							 ? versions[v] == 0
							 : versions[v] >= known[k].since);
				memcpy(payload, &type, MIN(size, 4));
				g_assert_cmpint(nvsp_parse(&nvsp, payload, size, &message) == NULL,
						==, good);
				if (good)
					g_assert_cmpuint(message.type, ==, type);
			}
		}
	}
}

static void test_configure(void)
{
	static const struct {
		uint32_t given, mtu;
	} cases[] = {{1514, 1500}, {9014, 9000}, {0, 68}, {13, 68}, {81, 68}, {0xffffffff, 65521}};
	struct nvsp nvsp = {0};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct nvsp_ndis_config config = {.mtu = cases[i].given, .capabilities = 0x2c};

		nvsp_configure(&nvsp, &config);
		g_assert_cmpuint(nvsp.mtu, ==, cases[i].mtu);
		g_assert_cmpuint(nvsp.capabilities, ==, 0x2c);
	}
}

/* A buffer of pages anywhere reads and writes like one. */
static void test_buffer(void)
{
	uint8_t memory[64 * 64], plain[64 * 64] = {0}, data[700], again[700];
	struct net_buffer buffer = {0};
	struct iovec pages[66];
	uint32_t n = 0;

	memset(memory, 0, sizeof(memory));
	for (uint32_t i = 0; i < 64; i++) /* pairs stay neighbours */
		pages[n++] = (struct iovec){memory + 64 * (size_t)(i ^ 62), 64};
	pages[n++] = (struct iovec){memory, 0};
	net_buffer_set(&buffer, pages, n);
	g_assert_cmpuint(buffer.size, ==, sizeof(memory));
	g_assert_cmpuint(buffer.n, ==, 32);
	for (int i = 0; i < 20000; i++) {
		size_t size = (size_t)g_test_rand_int_range(1, sizeof(data));
		size_t offset =
			(size_t)g_test_rand_int_range(0, (gint32)(sizeof(memory) - size + 1));
		struct iovec slice[16];
		unsigned int used;

		for (size_t j = 0; j < size; j++)
			data[j] = (uint8_t)g_test_rand_int();
		memcpy(plain + offset, data, size);
		net_buffer_write(&buffer, offset, data, size);
		offset = (size_t)g_test_rand_int_range(0, (gint32)(sizeof(memory) - size + 1));
		used = net_buffer_slice(&buffer, offset, size, slice, G_N_ELEMENTS(slice));
		g_assert_cmpuint(used, >, 0);
		g_assert_cmpuint(frame_iov_read(slice, used, 0, again, sizeof(again)), ==, size);
		g_assert_cmpint(memcmp(again, plain + offset, size), ==, 0);
	}
	g_assert_cmpuint(net_buffer_slice(&buffer, sizeof(memory), 1, pages, 1), ==, 0);
	g_assert_cmpuint(net_buffer_slice(&buffer, UINT64_MAX, 2, pages, 1), ==, 0);
	g_assert_cmpuint(net_buffer_slice(&buffer, 1, sizeof(memory), pages, 60), ==, 0);
	g_assert_cmpuint(net_buffer_slice(&buffer, 0, 1000, pages, 2), ==, 0); /* more pieces */
	net_buffer_clear(&buffer);
	g_assert_cmpuint(net_buffer_slice(&buffer, 0, 1, pages, 1), ==, 0);
}

static void test_iov(void)
{
	uint8_t data[100], to[100];
	struct iovec iov[5] = {
		{data, 10}, {data, 0}, {data + 10, 1}, {data + 11, 60}, {data + 71, 29}};
	struct iovec slice[5];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	for (size_t offset = 0; offset <= 110; offset++) {
		for (size_t size = 0; size <= 110; size++) {
			size_t there = offset < 100 ? MIN(size, 100 - offset) : 0;
			unsigned int n = frame_iov_slice(iov, 5, offset, size, slice, 5);

			g_assert_cmpuint(
				frame_iov_read(iov, 5, offset, to, size > 100 ? 100 : size), ==,
				there);
			g_assert_cmpint(memcmp(to, data + MIN(offset, 99), there), ==, 0);
			g_assert_cmpint(n > 0, ==, there == size && size > 0);
			if (n > 0)
				g_assert_true(slice[0].iov_base == data + offset);
		}
	}
}

/* Whatever the sizes and the pauses, over a long time the rate is the one set. */
static void test_bucket(void)
{
	static const uint64_t rates[] = {10000, 1000000, 125000000, 12500000000ull};

	for (size_t i = 0; i < G_N_ELEMENTS(rates); i++) {
		uint64_t now = 12345, start = now, passed = 0, expected;
		struct net_bucket bucket;

		net_bucket_set(&bucket, rates[i], now);
		for (int j = 0; j < 100000; j++) {
			uint64_t size = (uint64_t)g_test_rand_int_range(60, 65536);
			uint64_t again = net_bucket_take(&bucket, size, now);

			if (again == 0) {
				passed += size;
				now += 10;
				continue;
			}
			g_assert_cmpuint(again, >, now);
			now = again; /* it must pass then */
			g_assert_cmpuint(net_bucket_take(&bucket, size, now), ==, 0);
			passed += size;
		}
		expected = (uint64_t)((double)(now - start) * (double)rates[i] / 1e9);
		g_assert_cmpuint(passed, >=, expected - expected / 100);
		g_assert_cmpuint(passed, <=, expected + (uint64_t)bucket.burst + 65536);
	}
}

static void test_bucket_open(void)
{
	struct net_bucket bucket;

	net_bucket_set(&bucket, 0, 0);
	for (int i = 0; i < 1000; i++)
		g_assert_cmpuint(net_bucket_take(&bucket, UINT32_MAX, 0), ==, 0);
	net_bucket_set(&bucket, 1, 0); /* a byte a second, after long idleness and back in time */
	g_assert_cmpuint(net_bucket_take(&bucket, 1u << 20, UINT64_MAX / 2), ==, 0);
	g_assert_cmpuint(net_bucket_take(&bucket, 1, 5), >, 5);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/nvsp/negotiate", test_negotiate);
	g_test_add_func("/nvsp/parse", test_parse);
	g_test_add_func("/nvsp/configure", test_configure);
	g_test_add_func("/net-buffer/random", test_buffer);
	g_test_add_func("/frame-iov/all", test_iov);
	g_test_add_func("/net-bucket/rate", test_bucket);
	g_test_add_func("/net-bucket/open", test_bucket_open);
	return g_test_run();
}
