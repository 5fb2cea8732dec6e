/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <stdbool.h>

#include "token_bucket.h"

#define SECOND UINT64_C(1000000000)

static void test_example(void)
{
	struct token_bucket bucket;

	token_bucket_init(&bucket, 100, 10); /* 10 at once, then one each 10 ms */
	for (int i = 0; i < 10; i++) {
		g_assert_cmpuint(token_bucket_wait(&bucket, 1, SECOND), ==, 0);
		token_bucket_take(&bucket, 1, SECOND);
	}
	g_assert_cmpuint(token_bucket_wait(&bucket, 1, SECOND), ==, 10000000);
	g_assert_cmpuint(token_bucket_wait(&bucket, 2, SECOND), ==, 20000000);
	g_assert_cmpuint(token_bucket_wait(&bucket, 1, SECOND + 9999999), ==, 1);
	g_assert_cmpuint(token_bucket_wait(&bucket, 1, SECOND + 10000000), ==, 0);
	/* idle time is worth no more than the burst */
	for (int i = 0; i < 10; i++)
		token_bucket_take(&bucket, 1, 100 * SECOND);
	g_assert_cmpuint(token_bucket_wait(&bucket, 1, 100 * SECOND), ==, 10000000);
}

static void test_none(void)
{
	struct token_bucket bucket;

	token_bucket_init(&bucket, 0, 5);
	for (int i = 0; i < 100; i++) {
		g_assert_cmpuint(token_bucket_wait(&bucket, UINT64_MAX, 0), ==, 0);
		token_bucket_take(&bucket, UINT64_MAX, 0);
	}
}

/* Larger than the burst: from a full bucket, and paid for by those that follow. */
static void test_large(void)
{
	struct token_bucket bucket;

	token_bucket_init(&bucket, 1000, 10);
	g_assert_cmpuint(token_bucket_wait(&bucket, 1000, SECOND), ==, 0);
	token_bucket_take(&bucket, 1000, SECOND);
	g_assert_cmpuint(token_bucket_wait(&bucket, 10, SECOND), ==, SECOND);
	g_assert_cmpuint(token_bucket_wait(&bucket, 1000, SECOND), ==, SECOND);
	g_assert_cmpuint(token_bucket_wait(&bucket, 1, SECOND), ==, SECOND - 9000000);
}

static void test_extremes(void)
{
	struct token_bucket bucket;

	token_bucket_init(&bucket, 1, UINT64_MAX);
	token_bucket_take(&bucket, UINT64_MAX, SECOND);
	(void)token_bucket_wait(&bucket, UINT64_MAX, SECOND);
	g_assert_cmpuint(token_bucket_wait(&bucket, 1, SECOND), >, 0);
	token_bucket_init(&bucket, UINT64_MAX, 1);
	token_bucket_take(&bucket, UINT64_MAX, SECOND);
	g_assert_cmpuint(token_bucket_wait(&bucket, 1, SECOND), <=, SECOND);
}

/*
 * Whoever asks at random times for random amounts, and takes as soon as allowed, gets in any window
 * at most the burst, the rate times the window, and one request more; and one who always asks gets
 * the whole rate.
 */
static void property_round(void)
{
	enum { N = 400 };
	uint64_t at[N], cost[N], now = g_random_int(), rate = 1 + g_random_int() % 100000;
	uint64_t burst = 1 + g_random_int() % 1000, largest = 1, total = 0;
	bool greedy = g_random_boolean();
	struct token_bucket bucket;

	token_bucket_init(&bucket, rate, burst);
	for (int i = 0; i < N; i++) {
		uint64_t wait;

		cost[i] = 1 + g_random_int() % 500;
		largest = MAX(largest, cost[i]);
		if (!greedy)
			now += g_random_int() % (2 * SECOND * cost[i] / rate + 1);
		wait = token_bucket_wait(&bucket, cost[i], now);
		if (wait) /* not a nanosecond earlier */
			g_assert_cmpuint(token_bucket_wait(&bucket, cost[i], now + wait - 1), >, 0);
		now += wait;
		g_assert_cmpuint(token_bucket_wait(&bucket, cost[i], now), ==, 0);
		token_bucket_take(&bucket, cost[i], now);
		at[i] = now;
		total += cost[i];
	}
	for (int first = 0; first < N; first += 7) {
		uint64_t sum = 0;

		for (int i = first; i < N; i++) {
			double window = (double)(at[i] - at[first]) / (double)SECOND;

			sum += cost[i];
			g_assert_cmpfloat((double)sum, <=,
					  (double)(burst + largest) + (double)rate * window + 1);
		}
	}
	if (greedy) {
		double window = (double)(at[N - 1] - at[0]) / (double)SECOND;

		g_assert_cmpfloat((double)(total + largest), >=, (double)rate * window);
	}
}

static void test_property(void)
{
	for (int i = 0; i < 500; i++)
		property_round();
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/token_bucket/example", test_example);
	g_test_add_func("/token_bucket/none", test_none);
	g_test_add_func("/token_bucket/large", test_large);
	g_test_add_func("/token_bucket/extremes", test_extremes);
	g_test_add_func("/token_bucket/property", test_property);
	return g_test_run();
}
