/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rndis.h"

#include <glib.h>
#include <string.h>

#include "guest_nic.h"
#include "rndis_adapter.h"

/* A packet message with one checksum information, whose fields a test then spoils. */
struct packet {
	uint8_t bytes[200];
	uint32_t size;
};

static void packet_make(struct packet *packet)
{
	static const struct guest_info info[] = {{0, 5}, {6, 0x1235}};
	uint8_t frame[100];

	memset(packet, 0, sizeof(*packet));
	memset(frame, 0xaa, sizeof(frame));
	packet->size = guest_nic_wrap(packet->bytes, frame, sizeof(frame), info, 2);
	g_assert_cmpuint(packet->size, ==, 176);
}

static const char *packet_parse(struct packet *packet, struct rndis_frame *frame)
{
	struct iovec iov[3] = {{packet->bytes, 13},
			       {packet->bytes + 13, 50},
			       {packet->bytes + 63, packet->size - 63}};

	return rndis_parse_packet(iov, 3, packet->size, frame);
}

static void test_packet(void)
{
	struct rndis_frame frame;
	struct packet packet;

	packet_make(&packet);
	g_assert_null(packet_parse(&packet, &frame));
	g_assert_cmpuint(frame.data, ==, 76);
	g_assert_cmpuint(frame.data_size, ==, 100);
	g_assert_true(frame.offload.has_checksum);
	g_assert_cmpuint(frame.offload.checksum, ==, 5);
	g_assert_false(frame.offload.has_large_send);
	g_assert_true(frame.has_vlan);
	g_assert_cmpuint(frame.vlan, ==, 0xa123); /* priority 5 of VLAN 0x123 */
}

static void test_packet_hostile(void)
{
	static const struct {
		uint32_t at, value;
		const char *says;
	} cases[] = {
		{8, 0, "data lies outside"}, /* in the header */
		{8, 35, "data lies outside"},
		{8, 69, "data lies outside"}, /* one byte too far */
		{8, 0xffffffff, "data lies outside"},
		{8, 0xfffffff8, "data lies outside"},
		{12, 0, "data lies outside"},
		{12, 101, "data lies outside"},
		{12, 0xffffffff, "data lies outside"},
		{12, 0xffffffbc, "data lies outside"}, /* the sum is 0 */
		{28, 35, "information lies outside"},
		{28, 0xfffffff0, "information lies outside"},
		{28, 137, "information lies outside"},
		{28, 60, "overlap"},
		{28, 37, "overlap"},
		{32, 33, "overlap"},
		{32, 0xffffffff, "information lies outside"},
		{32, 31, "lies outside itself"},
		{32, 17, "cut off"},
		{44, 0, "lies outside itself"}, /* size of the first information */
		{44, 11, "lies outside itself"},
		{44, 33, "lies outside itself"},
		{44, 0xffffffff, "lies outside itself"},
		{44, 12, "without its value"},
		{48, 6, "twice"},
		{52, 0, "lies outside itself"}, /* its value's offset */
		{52, 17, "lies outside itself"},
		{52, 13, "without its value"},
		{52, 0xffffffff, "lies outside itself"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct rndis_frame frame;
		struct packet packet;
		const char *wrong;

		packet_make(&packet);
		put32(packet.bytes + cases[i].at, cases[i].value);
		wrong = packet_parse(&packet, &frame);
		g_assert_nonnull(wrong);
		if (!strstr(wrong, cases[i].says))
			g_error("case %zu: %s", i, wrong);
	}
}

/* Whatever 200 bytes say, what is accepted lies within them. */
static void test_packet_random(void)
{
	unsigned int accepted = 0;

	for (int i = 0; i < 300000; i++) {
		struct rndis_frame frame;
		struct packet packet;

		packet_make(&packet);
		for (int j = g_test_rand_int_range(1, 4); j > 0; j--)
			put32(packet.bytes + g_test_rand_int_range(8, 72),
			      g_test_rand_bit() ? (uint32_t)g_test_rand_int_range(0, 200)
						: (uint32_t)g_test_rand_int());
		packet.size = (uint32_t)g_test_rand_int_range(64, 177);
		if (packet_parse(&packet, &frame))
			continue;
		g_assert_cmpuint(frame.data, >=, 44);
		g_assert_cmpuint((uint64_t)frame.data + frame.data_size, <=, packet.size);
		accepted++;
	}
	g_assert_cmpuint(accepted, >, 200);
}

/* What is built for the guest is a packet that parses back. */
static void test_build(void)
{
	for (unsigned int bits = 0; bits < 16; bits++) {
		struct rndis_receive receive = {.data_size = 60,
						.checksum = bits & 1 ? RNDIS_CHECKSUM_TCP_GOOD : 0,
						.has_vlan = bits & 2,
						.vlan = 0xa123,
						.has_hash = bits & 4,
						.hash = 77,
						.has_piece = bits & 8,
						.piece = RNDIS_PIECE};
		uint8_t message[RNDIS_RECEIVE_HEADER_MAX + 60] = {0};
		size_t size = rndis_build_packet(&receive, message);
		struct iovec iov = {message, size + 60};
		struct rndis_frame frame;

		g_assert_cmpuint(size, <=, RNDIS_RECEIVE_HEADER_MAX);
		g_assert_cmpuint(get32(message + 4), ==, size + 60);
		g_assert_null(rndis_parse_packet(&iov, 1, size + 60, &frame));
		g_assert_cmpuint(frame.data, ==, size);
		g_assert_cmpint(frame.offload.has_checksum, ==, (bits & 1) != 0);
		g_assert_cmpint(frame.has_vlan, ==, (bits & 2) != 0);
		if (frame.has_vlan)
			g_assert_cmpuint(frame.vlan, ==, 0xa123);
	}
}

static void adapter_make(struct rndis_adapter *adapter)
{
	*adapter = (struct rndis_adapter){.mtu = 1500, .link_up = true, .n_channels = 4};
	memcpy(adapter->permanent_mac, guest_nic_mac, 6);
	rndis_adapter_reset(adapter);
}

/* QUERY or SET; returns the answer's size. */
static size_t ask(struct rndis_adapter *adapter, uint32_t type, uint32_t oid, const void *input,
		  uint32_t size, uint8_t *answer)
{
	uint8_t message[1024] = {0};
	const char *wrong;

	put32(message, type);
	put32(message + 4, 28 + size);
	put32(message + 8, 42);
	put32(message + 12, oid);
	put32(message + 16, size);
	put32(message + 20, 20);
	if (size)
		memcpy(message + 28, input, size);
	size = (uint32_t)rndis_adapter_control(adapter, message, 28 + size, answer, &wrong);
	g_assert_null(wrong);
	g_assert_cmpuint(get32(answer), ==, type | 0x80000000);
	g_assert_cmpuint(get32(answer + 4), ==, size);
	g_assert_cmpuint(get32(answer + 8), ==, 42);
	return size;
}

static void test_queries(void)
{
	static const struct {
		uint32_t oid, value;
	} numbers[] = {{0x00010102, 0},	   {0x00010106, 1500}, {0x00010107, 100000000},
		       {0x00010111, 1514}, {0x00010114, 0},    {0x00010115, 8},
		       {0x0001010e, 0},	   {0x01010104, 64},   {0x00020101, 5}};
	uint8_t answer[RNDIS_CONTROL_MAX];
	struct rndis_adapter adapter;

	adapter_make(&adapter);
	adapter.link_speed = 10000000000u;
	adapter.sent = 5;
	for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
		g_assert_cmpuint(ask(&adapter, 4, numbers[i].oid, NULL, 0, answer), ==, 28);
		g_assert_cmpuint(get32(answer + 12), ==, 0);
		g_assert_cmpuint(get32(answer + 24), ==, numbers[i].value);
	}
	ask(&adapter, 4, 0x01010101, NULL, 0, answer);
	g_assert_cmpuint(get32(answer + 16), ==, 6);
	g_assert_cmpint(memcmp(answer + 24, guest_nic_mac, 6), ==, 0);
	ask(&adapter, 4, 0xdeadbeef, NULL, 0, answer);
	g_assert_cmphex(get32(answer + 12), ==, 0xc00000bb);
	g_assert_cmpuint(get32(answer + 16), ==, 0);
	adapter.n_channels = 1;
	ask(&adapter, 4, 0x00010203, NULL, 0, answer);
	g_assert_cmphex(get32(answer + 12), ==, 0xc00000bb); /* no RSS with one channel */
}

/* Every OID of the list is answered, or may only be set. */
static void test_list(void)
{
	uint8_t list[RNDIS_CONTROL_MAX], answer[RNDIS_CONTROL_MAX];
	struct rndis_adapter adapter;
	uint32_t n;

	adapter_make(&adapter);
	ask(&adapter, 4, 0x00010101, NULL, 0, list);
	n = get32(list + 16) / 4;
	g_assert_cmpuint(n, >, 30);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t oid = get32(list + 24 + 4 * (size_t)i);

		ask(&adapter, 4, oid, NULL, 0, answer);
		if (get32(answer + 12) == 0)
			continue;
		ask(&adapter, 5, oid, NULL, 0, answer);
		g_assert_cmphex(get32(answer + 12), !=, 0xc00000bb);
	}
}

/* The three sizes of the object that drivers of different age ask for. */
static void test_offload_sizes(void)
{
	static const uint8_t sizes[][2] = {
		{112, 112}, {144, 144}, {156, 156}, {200, 156}, {0, 156}};
	uint8_t answer[RNDIS_CONTROL_MAX];
	struct rndis_adapter adapter;

	adapter_make(&adapter);
	for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
		uint8_t object[4] = {0xa7, 3, sizes[i][0], 0};

		ask(&adapter, 4, 0xfc01020d, object, 4, answer);
		g_assert_cmpuint(get32(answer + 12), ==, 0);
		g_assert_cmpuint(get32(answer + 16), ==, sizes[i][1]);
		g_assert_cmpuint(answer[24 + 2], ==, sizes[i][1]);
		g_assert_cmphex(get32(answer + 24 + 8) & 0x14, ==, 0x14);  /* TCP, with options */
		g_assert_cmphex(get32(answer + 24 + 24) & 0x15, ==, 0x15); /* and with extensions */
	}
}

static void test_mac(void)
{
	uint8_t value[20 + 28 + 24] = {0}, answer[RNDIS_CONTROL_MAX];
	const char *name = "NetworkAddress", *mac = "02AbCd001234";
	struct rndis_adapter adapter;

	adapter_make(&adapter);
	put32(value, 20);
	put32(value + 4, 28);
	put32(value + 8, 2);
	put32(value + 12, 48);
	put32(value + 16, 24);
	for (size_t i = 0; i < 14; i++)
		value[20 + 2 * i] = (uint8_t)name[i];
	for (size_t i = 0; i < 12; i++)
		value[48 + 2 * i] = (uint8_t)mac[i];
	ask(&adapter, 5, 0x0001021b, value, sizeof(value), answer);
	g_assert_cmphex(get32(answer + 12), ==, 0);
	g_assert_cmpint(memcmp(adapter.mac, "\x02\xab\xcd\x00\x12\x34", 6), ==, 0);
	value[50] = 'x';
	ask(&adapter, 5, 0x0001021b, value, sizeof(value), answer);
	g_assert_cmphex(get32(answer + 12), ==, 0xc0010015);
	value[50] = '3'; /* 03: multicast */
	ask(&adapter, 5, 0x0001021b, value, sizeof(value), answer);
	g_assert_cmphex(get32(answer + 12), ==, 0xc0010015);
	value[50] = '4';
	put32(value + 12, 0xfffffff0);
	ask(&adapter, 5, 0x0001021b, value, sizeof(value), answer);
	g_assert_cmphex(get32(answer + 12), ==, 0xc0010015);
	put32(value + 12, 48);
	adapter.fixed_mac = true;
	ask(&adapter, 5, 0x0001021b, value, sizeof(value), answer);
	g_assert_cmphex(get32(answer + 12), ==, 0xc0000001);
	g_assert_cmpint(adapter.mac[0], ==, 2);
}

static void test_filter(void)
{
	static const uint8_t other[6] = {2}, broadcast[6] = {255, 255, 255, 255, 255, 255};
	uint8_t answer[RNDIS_CONTROL_MAX], groups[12] = {1, 0, 0x5e, 0, 0, 1, 1, 0, 0x5e, 0, 0, 2};
	struct rndis_adapter adapter;
	static const struct {
		uint32_t filter;
		bool own, other, broadcast, group, stranger;
	} cases[] = {{0, false, false, false, false, false}, {1, true, false, false, false, false},
		     {2, false, false, false, true, false},  {4, false, false, false, true, true},
		     {8, false, false, true, false, false},  {13, true, false, true, true, true},
		     {0x20, true, true, true, true, true}};

	adapter_make(&adapter);
	ask(&adapter, 5, 0x01010103, groups, sizeof(groups), answer);
	g_assert_cmphex(get32(answer + 12), ==, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		uint8_t stranger[6] = {1, 0, 0x5e, 0, 0, 3};

		ask(&adapter, 5, 0x0001010e, &cases[i].filter, 4, answer);
		g_assert_cmpint(rndis_adapter_accepts(&adapter, guest_nic_mac), ==, cases[i].own);
		g_assert_cmpint(rndis_adapter_accepts(&adapter, other), ==, cases[i].other);
		g_assert_cmpint(rndis_adapter_accepts(&adapter, broadcast), ==, cases[i].broadcast);
		g_assert_cmpint(rndis_adapter_accepts(&adapter, groups + 6), ==, cases[i].group);
		g_assert_cmpint(rndis_adapter_accepts(&adapter, stranger), ==, cases[i].stranger);
	}
	ask(&adapter, 5, 0x01010103, groups, 7, answer);
	g_assert_cmphex(get32(answer + 12), ==, 0xc0010014);
}

static void test_others(void)
{
	uint8_t message[64] = {0}, answer[RNDIS_CONTROL_MAX];
	struct rndis_adapter adapter;
	const char *wrong;

	adapter_make(&adapter);
	put32(message, 8);
	put32(message + 8, 9);
	g_assert_cmpuint(rndis_adapter_control(&adapter, message, 12, answer, &wrong), ==, 16);
	g_assert_cmphex(get32(answer), ==, 0x80000008);
	g_assert_cmpuint(get32(answer + 8), ==, 9);
	adapter.filter = 1;
	put32(message, 6);
	g_assert_cmpuint(rndis_adapter_control(&adapter, message, 12, answer, &wrong), ==, 16);
	g_assert_cmphex(get32(answer), ==, 0x80000006);
	g_assert_cmpuint(get32(answer + 12), ==, 1);
	g_assert_cmpuint(adapter.filter, ==, 0);
	adapter.initialized = true;
	put32(message, 3);
	g_assert_cmpuint(rndis_adapter_control(&adapter, message, 12, answer, &wrong), ==, 0);
	g_assert_null(wrong);
	g_assert_false(adapter.initialized);
	put32(message, 7);
	g_assert_cmpuint(rndis_adapter_control(&adapter, message, 64, answer, &wrong), ==, 0);
	g_assert_nonnull(strstr(wrong, "unknown type"));
	put32(message, 4);
	g_assert_cmpuint(rndis_adapter_control(&adapter, message, 27, answer, &wrong), ==, 0);
	g_assert_nonnull(strstr(wrong, "shorter"));
	g_assert_cmpuint(rndis_adapter_control(&adapter, message, 7, answer, &wrong), ==, 0);
	g_assert_nonnull(strstr(wrong, "impossible size"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/rndis/packet", test_packet);
	g_test_add_func("/rndis/packet-hostile", test_packet_hostile);
	g_test_add_func("/rndis/packet-random", test_packet_random);
	g_test_add_func("/rndis/build", test_build);
	g_test_add_func("/rndis/queries", test_queries);
	g_test_add_func("/rndis/list", test_list);
	g_test_add_func("/rndis/offload-sizes", test_offload_sizes);
	g_test_add_func("/rndis/mac", test_mac);
	g_test_add_func("/rndis/filter", test_filter);
	g_test_add_func("/rndis/others", test_others);
	return g_test_run();
}
