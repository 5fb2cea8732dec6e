/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The message parser against a guest that writes its messages byte by byte, as the layouts say and
 * not with the host's structures: what it wrote is what is read, and what is cut short is refused.
 */
#include <glib.h>
#include <string.h>

#include "message.h"

/* What a message holds behind its type and four bytes of padding, a letter for each field: numbers
 * of 1, 2, 4 and 8 bytes (b, h, w, q), a GUID (g), user data (u), a list of pages to the end (*).
 */
static const struct {
	uint32_t type;
	const char *name, *fields;
} layouts[] = {
	{3, "REQUESTOFFERS", ""},    {5, "OPENCHANNEL", "wwwwwu"},
	{7, "CLOSECHANNEL", "w"},    {8, "GPADL_HEADER", "wwhh*"},
	{9, "GPADL_BODY", "ww*"},    {11, "GPADL_TEARDOWN", "ww"},
	{13, "RELID_RELEASED", "w"}, {14, "INITIATE_CONTACT", "wwbbbbwqq"},
	{16, "UNLOAD", ""},	     {21, "TL_CONNECT_REQUEST", "gg"},
	{22, "MODIFYCHANNEL", "ww"},
};

struct writer {
	uint8_t bytes[VMBUS_MESSAGE_SIZE_MAX];
	size_t n;
	uint64_t values[10]; /* of the number fields, in order */
	unsigned int n_values;
};

static void write_number(struct writer *w, uint64_t value, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++)
		w->bytes[w->n++] = (uint8_t)(value >> 8 * i);
}

static void write_random(struct writer *w, size_t n)
{
	while (n-- > 0)
		w->bytes[w->n++] = (uint8_t)g_test_rand_int();
}

static void write_message(struct writer *w, uint32_t type, const char *fields)
{
	static const char letters[] = "bhwq";

	*w = (struct writer){0};
	write_number(w, type, 4);
	write_number(w, (uint32_t)g_test_rand_int(), 4);
	for (; *fields && *fields != '*'; fields++) {
		const char *letter = strchr(letters, *fields);

		if (letter) {
			unsigned int bytes = 1u << (letter - letters);
			uint64_t value =
				(uint64_t)g_test_rand_int() << 32 | (uint32_t)g_test_rand_int();

			value &= UINT64_MAX >> (64 - 8 * bytes);
			w->values[w->n_values++] = value;
			write_number(w, value, bytes);
		} else {
			write_random(w, *fields == 'g' ? 16 : 120);
		}
	}
}

/* The host's view of the same number fields. */
static unsigned int read_values(const struct message *m, uint64_t values[10])
{
	switch (m->header.type) {
	case VMBUS_OPENCHANNEL:
		memcpy(values,
		       (const uint64_t[]){m->open.relid, m->open.open_id, m->open.ring_gpadl,
					  m->open.target_vp, m->open.to_guest_page},
		       5 * sizeof(*values));
		return 5;
	case VMBUS_CLOSECHANNEL:
	case VMBUS_RELID_RELEASED:
		values[0] = m->relid.relid;
		return 1;
	case VMBUS_GPADL_HEADER:
		memcpy(values,
		       (const uint64_t[]){m->gpadl_header.relid, m->gpadl_header.gpadl,
					  m->gpadl_header.range_bytes, m->gpadl_header.range_count},
		       4 * sizeof(*values));
		return 4;
	case VMBUS_GPADL_BODY:
		values[0] = m->gpadl_body.number;
		values[1] = m->gpadl_body.gpadl;
		return 2;
	case VMBUS_GPADL_TEARDOWN:
		values[0] = m->gpadl_teardown.relid;
		values[1] = m->gpadl_teardown.gpadl;
		return 2;
	case VMBUS_INITIATE_CONTACT:
		memcpy(values,
		       (const uint64_t[]){m->initiate_contact.version,
					  m->initiate_contact.target_vp,
					  m->initiate_contact.v5.sint, m->initiate_contact.v5.vtl,
					  m->initiate_contact.v5.reserved[0],
					  m->initiate_contact.v5.reserved[1],
					  m->initiate_contact.v5.feature_flags,
					  m->initiate_contact.monitor_page[0],
					  m->initiate_contact.monitor_page[1]},
		       9 * sizeof(*values));
		return 9;
	case VMBUS_MODIFYCHANNEL:
		values[0] = m->modify_channel.relid;
		values[1] = m->modify_channel.target_vp;
		return 2;
	default:
		return 0;
	}
}

static void check(const struct writer *w, const struct message *m, size_t size, const char *fields)
{
	uint64_t values[10] = {0};

	g_assert_cmpuint(read_values(m, values), ==, w->n_values);
	for (unsigned int i = 0; i < w->n_values; i++)
		g_assert_cmphex(values[i], ==, w->values[i]);
	if (strchr(fields, 'u'))
		g_assert_true(memcmp(m->open.user_data, w->bytes + w->n - 120, 120) == 0);
	if (strchr(fields, 'g'))
		g_assert_true(memcmp(&m->tl_connect.endpoint_id, w->bytes + 8, 16) == 0 &&
			      memcmp(&m->tl_connect.service_id, w->bytes + 24, 16) == 0);
	if (strchr(fields, '*')) {
		g_assert_cmpuint(m->ranges_size, ==, size - w->n);
		g_assert_true(memcmp(m->ranges, w->bytes + w->n, m->ranges_size) == 0);
	}
}

static void test_layouts(void)
{
	for (int round = 0; round < 200; round++) {
		for (size_t i = 0; i < G_N_ELEMENTS(layouts); i++) {
			struct message m;
			struct writer w;
			size_t size;

			write_message(&w, layouts[i].type, layouts[i].fields);
			size = (size_t)g_test_rand_int_range((gint32)w.n, sizeof(w.bytes) + 1);
			for (size_t at = w.n; at < sizeof(w.bytes); at++)
				w.bytes[at] = (uint8_t)g_test_rand_int();
			g_assert_cmpint(message_parse(&m, w.bytes, size), ==, MESSAGE_OK);
			g_assert_cmpuint(m.header.type, ==, layouts[i].type);
			check(&w, &m, size, layouts[i].fields);
		}
	}
}

/* Each message at each length, in memory of just that size: short ones are refused. */
static void test_lengths(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(layouts); i++) {
		struct writer w;

		write_message(&w, layouts[i].type, layouts[i].fields);
		for (size_t size = 0; size <= VMBUS_MESSAGE_SIZE_MAX + 8; size++) {
			g_autofree uint8_t *exact = g_malloc0(size + 1);
			bool whole = size >= w.n && size <= VMBUS_MESSAGE_SIZE_MAX;
			struct message m;

			memcpy(exact, w.bytes, MIN(size, w.n));
			g_assert_cmpint(message_parse(&m, exact, size), ==,
					whole ? MESSAGE_OK : MESSAGE_MALFORMED);
		}
		g_assert_cmpstr(message_type_name(layouts[i].type), ==, layouts[i].name);
	}
}

/* No other type is one that a guest sends. */
static void test_types(void)
{
	for (int round = 0; round < 5000; round++) {
		uint32_t type = round < 64 ? (uint32_t)round : (uint32_t)g_test_rand_int();
		struct message m;
		struct writer w = {0};
		bool known = false;

		for (size_t i = 0; i < G_N_ELEMENTS(layouts); i++)
			known |= layouts[i].type == type;
		write_number(&w, type, 4);
		write_random(&w, sizeof(w.bytes) - 4);
		g_assert_cmpint(message_parse(&m, w.bytes, sizeof(w.bytes)), ==,
				known ? MESSAGE_OK : MESSAGE_UNDEFINED);
		if (type >= VMBUS_MESSAGE_TYPES)
			g_assert_cmpstr(message_type_name(type), ==, "?");
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/message/layouts", test_layouts);
	g_test_add_func("/message/lengths", test_lengths);
	g_test_add_func("/message/types", test_types);
	return g_test_run();
}
