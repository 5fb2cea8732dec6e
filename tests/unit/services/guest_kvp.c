/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest_kvp.h"

#define MAC "00:15:5D:01:02:AB"

#define STATUS_FAIL    0x80004005u
#define STATUS_NO_MORE 0x80070103u

static const char *const auto_pairs[][2] = {
	{"FullyQualifiedDomainName", "web1.example.org"},
	{"IntegrationServicesVersion", "3.1"},
	{"NetworkAddressIPv4", "10.0.0.5;127.0.0.1"},
	{"NetworkAddressIPv6", "fe80::1;::1"},
	{"OSBuildNumber", "6.1.0-18-cloud-amd64"},
	{"OSName", "Debian GNU/Linux"},
	{"OSMajorVersion", "12"},
	{"OSMinorVersion", ""},
	{"OSVersion", "6.1.0"},
	{"ProcessorArchitecture", "x86_64"},
};

void guest_kvp_put(struct guest_kvp *guest, unsigned int pool, const char *key, const char *value)
{
	g_ptr_array_add(guest->keys[pool], g_strdup(key));
	g_ptr_array_add(guest->values[pool], g_strdup(value));
}

static int guest_kvp_find(struct guest_kvp *guest, unsigned int pool, const char *key)
{
	for (guint i = 0; i < guest->keys[pool]->len; i++) {
		if (g_str_equal(guest->keys[pool]->pdata[i], key))
			return (int)i;
	}
	return -1;
}

const char *guest_kvp_get(struct guest_kvp *guest, unsigned int pool, const char *key)
{
	int at = guest_kvp_find(guest, pool, key);

	return at < 0 ? NULL : guest->values[pool]->pdata[at];
}

void guest_kvp_init(struct guest_kvp *guest)
{
	memset(guest, 0, sizeof(*guest));
	guest_ic_init(&guest->ic);
	guest->daemon = true;
	for (int i = 0; i < 3; i++) {
		guest->keys[i] = g_ptr_array_new_with_free_func(g_free);
		guest->values[i] = g_ptr_array_new_with_free_func(g_free);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(auto_pairs); i++)
		guest_kvp_put(guest, 2, auto_pairs[i][0], auto_pairs[i][1]);
}

void guest_kvp_clear(struct guest_kvp *guest)
{
	for (int i = 0; i < 3; i++) {
		g_ptr_array_unref(guest->keys[i]);
		g_ptr_array_unref(guest->values[i]);
	}
	guest_ic_clear(&guest->ic);
}

/* GLib's conversions, since utf16.c is under test. The driver stops at a NUL. */
static char *text_at(const uint8_t *bytes)
{
	g_autoptr(GError) error = NULL;
	g_autofree gunichar2 *units = g_memdup2(bytes, 2050);
	char *text = g_utf16_to_utf8(units, -1, NULL, NULL, &error);

	g_assert_no_error(error);
	return text;
}

static uint32_t put_text(uint8_t *bytes, const char *text)
{
	glong n;
	g_autofree gunichar2 *units = g_utf8_to_utf16(text, -1, NULL, &n, NULL);

	memcpy(bytes, units, 2 * ((size_t)n + 1));
	return 2 * ((uint32_t)n + 1);
}

static void put32(uint8_t *p, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(value >> 8 * i);
}

static uint32_t serve_enumerate(struct guest_kvp *guest, unsigned int pool)
{
	uint8_t *value = guest_ic_body(&guest->ic) + 8;
	uint32_t index = guest_ic_u32(&guest->ic, 4);
	const char *key;

	if (guest->endless)
		index %= guest->keys[2]->len, pool = 2;
	if (index >= guest->keys[pool]->len)
		return STATUS_NO_MORE;
	key = guest->keys[pool]->pdata[index];
	put32(value, 1);
	put32(value + 4, put_text(value + 12, key));
	put32(value + 8, put_text(value + 524, guest->values[pool]->pdata[index]));
	if (guest->raw_value && g_str_equal(key, "OSName")) {
		memcpy(value + 524, guest->raw_value, guest->raw_size);
		put32(value + 8, guest->raw_size);
	}
	return 0;
}

static uint32_t serve_ip_info(struct guest_kvp *guest)
{
	uint8_t *ip = guest_ic_body(&guest->ic) + 2;
	g_autofree char *mac = text_at(ip);

	if (!g_str_equal(mac, MAC))
		return STATUS_FAIL;
	ip[257] = 1;
	put_text(ip + 258, "10.0.0.5;fe80::1");
	put_text(ip + 258 + 2048, "255.255.255.0;/64");
	put_text(ip + 258 + 4096, "10.0.0.1");
	put_text(ip + 258 + 4096 + 1024, "10.0.0.2");
	return 0;
}

static uint32_t serve_set(struct guest_kvp *guest, unsigned int pool)
{
	const uint8_t *body = guest_ic_body(&guest->ic);
	g_autofree char *key = text_at(body + 16), *value = text_at(body + 528);
	int at = guest_kvp_find(guest, pool, key);

	g_assert_cmpuint(guest_ic_u32(&guest->ic, 4), ==, 1);
	g_assert_cmpuint(guest_ic_u32(&guest->ic, 8), <=, 512);
	g_assert_cmpuint(guest_ic_u32(&guest->ic, 12), <=, 2048);
	if (at < 0) {
		guest_kvp_put(guest, pool, key, value);
	} else {
		g_free(guest->values[pool]->pdata[at]);
		guest->values[pool]->pdata[at] = g_steal_pointer(&value);
	}
	return 0;
}

static uint32_t serve_delete(struct guest_kvp *guest, unsigned int pool)
{
	g_autofree char *key = text_at(guest_ic_body(&guest->ic) + 8);
	int at = guest_kvp_find(guest, pool, key);

	if (at < 0)
		return STATUS_NO_MORE;
	g_ptr_array_remove_index(guest->keys[pool], (guint)at);
	g_ptr_array_remove_index(guest->values[pool], (guint)at);
	return 0;
}

static uint32_t serve(struct guest_kvp *guest)
{
	unsigned int pool = guest_ic_body(&guest->ic)[1];

	if (!guest->daemon)
		return STATUS_FAIL;
	switch (guest->last_operation) {
	case KVP_ENUMERATE:
		g_assert_cmpuint(pool, <, 3);
		return serve_enumerate(guest, pool);
	case KVP_GET_IP_INFO:
		return serve_ip_info(guest);
	case KVP_SET:
		g_assert_cmpuint(pool, ==, 0);
		return serve_set(guest, pool);
	case KVP_DELETE:
		g_assert_cmpuint(pool, ==, 0);
		return serve_delete(guest, pool);
	default:
		g_error("operation %u", guest->last_operation);
	}
}

bool guest_kvp_serve_one(struct guest_kvp *guest)
{
	if (!guest_ic_receive(&guest->ic))
		return false;
	g_assert_cmpuint(guest_ic_type(&guest->ic), ==, 2);
	g_assert_cmpuint(guest_ic_body_size(&guest->ic), >=, 7430);
	guest->last_operation = guest_ic_body(&guest->ic)[0];
	guest_ic_answer(&guest->ic, serve(guest));
	return true;
}

unsigned int guest_kvp_serve(struct guest_kvp *guest)
{
	unsigned int n = 0;

	while (guest_kvp_serve_one(guest))
		n++;
	return n;
}
