/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mac_address.h"

#include <string.h>

static void assert_refused(const char *text, int code, const char *says)
{
	struct mac_address mac = {{1, 2, 3, 4, 5, 6}}, before = mac;
	g_autoptr(GError) error = NULL;

	g_assert_false(mac_address_parse(text, &mac, &error));
	g_assert_error(error, MAC_ADDRESS_ERROR, code);
	g_assert_nonnull(strstr(error->message, says));
	g_assert_nonnull(strstr(error->message, text));
	g_assert_true(mac_address_equal(&mac, &before));
}

static void test_parse(void)
{
	static const char *const texts[] = {"56:4d:53:0a:0b:0c", "56-4D-53-0A-0B-0C",
					    "564d530a0b0c"};
	const struct mac_address expected = {{0x56, 0x4d, 0x53, 0x0a, 0x0b, 0x0c}};
	char text[MAC_ADDRESS_TEXT];

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		struct mac_address mac;

		g_assert_true(mac_address_parse(texts[i], &mac, NULL));
		g_assert_true(mac_address_equal(&mac, &expected));
	}
	mac_address_format(&expected, text);
	g_assert_cmpstr(text, ==, "56:4d:53:0a:0b:0c");
}

static void test_malformed(void)
{
	static const char *const texts[] = {"",
					    "56:4d:53:0a:0b",
					    "56:4d:53:0a:0b:0c:0d",
					    "56:4d:53:0a:0b:0g",
					    "56:4d-53:0a-0b:0c",
					    "56.4d.53.0a.0b.0c",
					    "564d530a0b0",
					    "56:4d:53:0a:0b:c ",
					    "5:64d:53:0a:0b:0c",
					    "0x4d530a0b0c"};

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
		assert_refused(texts[i], MAC_ADDRESS_ERROR_MALFORMED,
			       "six pairs of hexadecimal digits");
}

static void test_impossible(void)
{
	assert_refused("01:00:5e:00:00:01", MAC_ADDRESS_ERROR_MULTICAST,
		       "make its first pair even, such as 00");
	assert_refused("ff:ff:ff:ff:ff:ff", MAC_ADDRESS_ERROR_MULTICAST, "multicast");
	assert_refused("00:00:00:00:00:00", MAC_ADDRESS_ERROR_ZERO, "all zeros");
}

static void test_round_trip(void)
{
	for (int i = 0; i < 10000; i++) {
		struct mac_address mac, again;
		char text[MAC_ADDRESS_TEXT];

		for (unsigned int j = 0; j < MAC_ADDRESS_SIZE; j++)
			mac.bytes[j] = (uint8_t)g_test_rand_int();
		mac.bytes[0] &= 0xfe;
		mac.bytes[5] |= 1;
		mac_address_format(&mac, text);
		g_assert_true(mac_address_parse(text, &again, NULL));
		g_assert_true(mac_address_equal(&mac, &again));
	}
}

static const char *owner_in_set(const struct mac_address *mac, void *context)
{
	uint64_t key = 0;

	memcpy(&key, mac->bytes, 6);
	return g_hash_table_contains(context, &key) ? "web1" : NULL;
}

static const char *owner_of_all(const struct mac_address *mac, void *context)
{
	unsigned int *asked = context;

	(void)mac;
	(*asked)++;
	return "greedy";
}

static void test_generate(void)
{
	g_autoptr(GHashTable) taken =
		g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	uint8_t vm[16] = {1};
	struct mac_address first, again;

	g_assert_true(mac_address_generate(vm, 0, NULL, NULL, &first, NULL));
	g_assert_true(mac_address_generate(vm, 0, NULL, NULL, &again, NULL));
	g_assert_true(mac_address_equal(&first, &again));
	for (unsigned int i = 0; i < 20000; i++) {
		struct mac_address mac;
		uint64_t *key = g_new0(uint64_t, 1);

		memcpy(vm, &i, sizeof(i));
		g_assert_true(mac_address_generate(vm, i % 3, owner_in_set, taken, &mac, NULL));
		g_assert_false(mac_address_is_multicast(&mac));
		g_assert_cmpuint(mac.bytes[0] & 2, ==, 2); /* locally administered */
		g_assert_cmpint(memcmp(mac.bytes, "\x56\x4d\x53", 3), ==, 0);
		memcpy(key, mac.bytes, 6);
		g_assert_true(g_hash_table_add(taken, key));
	}
}

static void test_exhausted(void)
{
	g_autoptr(GError) error = NULL;
	uint8_t vm[16] = {0};
	struct mac_address mac;
	unsigned int asked = 0;

	g_assert_false(mac_address_generate(vm, 0, owner_of_all, &asked, &mac, &error));
	g_assert_error(error, MAC_ADDRESS_ERROR, MAC_ADDRESS_ERROR_EXHAUSTED);
	g_assert_cmpuint(asked, ==, 1u << 24); /* each once */
}

static void test_duplicate(void)
{
	struct mac_address mac = {{0x56, 0x4d, 0x53, 0, 0, 1}};
	g_autoptr(GError) error = NULL;
	unsigned int asked = 0;

	g_assert_false(mac_address_check_free(&mac, owner_of_all, &asked, &error));
	g_assert_error(error, MAC_ADDRESS_ERROR, MAC_ADDRESS_ERROR_DUPLICATE);
	g_assert_cmpstr(error->message, ==,
			"MAC address '56:4d:53:00:00:01' belongs to VM 'greedy' already: choose "
			"another, or leave it out to have one generated");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/mac-address/parse", test_parse);
	g_test_add_func("/mac-address/malformed", test_malformed);
	g_test_add_func("/mac-address/impossible", test_impossible);
	g_test_add_func("/mac-address/round-trip", test_round_trip);
	g_test_add_func("/mac-address/generate", test_generate);
	g_test_add_func("/mac-address/exhausted", test_exhausted);
	g_test_add_func("/mac-address/duplicate", test_duplicate);
	return g_test_run();
}
