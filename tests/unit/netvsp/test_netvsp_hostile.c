/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests that break the protocol: one packet fails, or the channel closes; the adapter works on. */
#include <string.h>

#include "guest_nic.h"

static struct guest_nic_options defaults = {.channels = 2};

/* The primary channel was closed for a reason that says so; the adapter can be used again. */
static void assert_fault(struct guest_nic *nic, unsigned int channel, const char *says)
{
	fake_vmbus_settle(nic->thread);
	g_assert_false(fake_channel_is_open(nic->channels[channel]));
	if (!strstr(fake_channel_last_fault(nic->channels[channel]), says))
		g_error("%s", fake_channel_last_fault(nic->channels[channel]));
}

/* Everything works: nothing was left behind. */
static void assert_works(struct guest_nic *nic)
{
	struct test_frame wanted = {.from_guest = true, .payload = 100};
	uint8_t frame[300], message[400], got[400];
	struct virtio_net_hdr header;
	struct guest_frame *received;
	size_t size = test_frame_make(&wanted, frame);

	guest_nic_send_section(nic, 0, 3, message,
			       guest_nic_wrap(message, frame, (uint32_t)size, NULL, 0));
	g_assert_cmpuint(guest_nic_sent(nic), ==, 1);
	g_assert_cmpuint(guest_nic_network_receive(nic, &header, got, sizeof(got)), ==, size);
	wanted.from_guest = false;
	guest_nic_network_send(nic, NULL, frame, test_frame_make(&wanted, frame));
	received = guest_nic_receive(nic);
	g_assert_nonnull(received);
	guest_frame_free(received);
}

static void test_nvsp(void)
{
	static const struct {
		uint32_t type, size;
		const char *says;
	} cases[] = {
		{0, 40, "unknown type"},
		{3, 40, "unknown type"},
		{102, 40, "unknown type"},
		{128, 40, "unknown type"},
		{0xffffffff, 40, "unknown type"},
		{101, 9, "shorter than its type"},
		{104, 8, "shorter than its type"},
		{107, 15, "shorter than its type"},
		{133, 8, "shorter than its type"},
		{125, 16, "shorter than its type"},
		{1, 40, "second NVSP negotiation"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		uint8_t message[40] = {0};
		struct guest_nic nic;

		guest_nic_up(&nic, &defaults);
		put32(message, cases[i].type);
		/* The ring pads to 8; what is there must still be too short. */
		guest_nic_tell(&nic, message, cases[i].size & ~7u);
		assert_fault(&nic, 0, cases[i].says);
		guest_nic_free(&nic);
	}
}

static void test_before_negotiation(void)
{
	static const uint32_t types[] = {100, 101, 103, 104, 106, 107, 125, 129, 133};

	for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
		uint8_t message[40] = {0};
		struct guest_nic nic;

		guest_nic_build(&nic, &defaults);
		guest_nic_open(&nic);
		put32(message, types[i]);
		guest_nic_tell(&nic, message, 40);
		assert_fault(&nic, 0, "agreed version");
		nic.n_channels = 0;
		fake_device_remove_gpadl(nic.device, 7);
		fake_device_remove_gpadl(nic.device, 8);
		guest_nic_open(&nic); /* again, as it should be */
		guest_nic_start(&nic, &defaults);
		assert_works(&nic);
		guest_nic_free(&nic);
	}
}

static void test_packet_types(void)
{
	uint8_t message[40] = {107};
	struct guest_nic nic;

	guest_nic_up(&nic, &defaults);
	fake_channel_send(nic.channels[0],
			  &(struct fake_packet){.type = VMBUS_PACKET_DATA_USING_XFER_PAGES,
						.payload = message,
						.size = 40});
	assert_fault(&nic, 0, "a packet of a type");
	guest_nic_free(&nic);
	guest_nic_up(&nic, &defaults);
	fake_channel_send(nic.channels[1],
			  &(struct fake_packet){.payload = "\x64\0\0\0\0\0\0\0\0\0\0", .size = 12});
	assert_fault(&nic, 1, "on a sub-channel");
	assert_works(&nic); /* the primary is another matter */
	guest_nic_free(&nic);
}

/* Completions of what was not sent, was sent on another channel, or twice. */
static void test_completions(void)
{
	static const uint64_t transactions[] = {0, 1, 0xffffffff, UINT64_MAX, 0x7fffffff00000000};

	for (size_t i = 0; i < G_N_ELEMENTS(transactions) + 2; i++) {
		struct fake_packet packet = {
			.type = VMBUS_PACKET_COMPLETION, .payload = "\x6c\0\0\0\1\0\0", .size = 8};
		uint8_t frame[200];
		struct test_frame wanted = {.udp = true, .payload = 10};
		struct guest_nic nic;

		guest_nic_up(&nic, &defaults);
		nic.keep = true;
		frame[0] = 0;
		guest_nic_network_send(&nic, NULL, frame, test_frame_make(&wanted, frame));
		guest_frame_free(guest_nic_receive(&nic));
		packet.transaction_id = g_array_index(nic.kept, uint64_t, 0);
		if (i < G_N_ELEMENTS(transactions)) {
			packet.transaction_id ^= transactions[i] == 0 ? 99 : transactions[i];
			/* One of a buffer that was revoked is no fault, it comes too late. */
			if (packet.transaction_id >> 32 < g_array_index(nic.kept, uint64_t, 0) >>
			    32)
				packet.transaction_id |= 0xffull << 56;
			fake_channel_send(nic.channels[0], &packet);
		} else if (i == G_N_ELEMENTS(transactions)) {
			fake_channel_send(nic.channels[0], &packet);
			g_assert_true(fake_channel_is_open(nic.channels[0]));
			fake_channel_send(nic.channels[0], &packet);
		} else {
			unsigned int other = g_array_index(nic.kept, uint64_t, 1) == 0;

			fake_channel_send(nic.channels[other], &packet);
			assert_fault(&nic, other, "completion of what was not sent");
			guest_nic_free(&nic);
			continue;
		}
		assert_fault(&nic, 0, "completion of what was not sent");
		guest_nic_free(&nic);
	}
}

/* Each of these packets fails, with its status, and nothing else happens. */
static void test_sections(void)
{
	static const struct {
		uint32_t section, size;
	} cases[] = {{42, 100},
		     {0xfffffffe, 100},
		     {0x80000000, 6144},
		     {0, 6145},
		     {0, 0xffffffff},
		     {41, 0xfffffff0},
		     {0, 0},
		     {0, 7},
		     {0xffffffff, 100},
		     {0x00aaaaab, 100}}; /* times 6144 wraps */
	struct guest_nic nic;

	guest_nic_up(&nic, &defaults);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		uint8_t message[40] = {107};

		put32(message + 8, cases[i].section);
		put32(message + 12, cases[i].size);
		fake_channel_send(nic.channels[0],
				  &(struct fake_packet){.flags = VMBUS_PACKET_WANTS_COMPLETION,
							.transaction_id = i,
							.payload = message,
							.size = 40});
		g_assert_cmpuint(guest_nic_sent(&nic), ==, 2);
	}
	assert_works(&nic);
	guest_nic_free(&nic);
}

static void test_rndis_data(void)
{
	static const struct {
		uint32_t at, value;
	} cases[] = {{4, 0},	       {4, 7},	 {4, 43},	  {4, 219}, {4, 0xffffffff},
		     {8, 0},	       {8, 400}, {8, 0xffffffff}, {12, 13}, {12, 4000},
		     {12, 0xffffffff}, {28, 36}, {32, 0xffffffff}};
	struct test_frame wanted = {.from_guest = true, .payload = 120};
	uint8_t frame[300], message[400], good[400], got[400];
	struct virtio_net_hdr header;
	struct netvsp_state state;
	struct guest_nic nic;
	uint32_t n;

	guest_nic_up(&nic, &defaults);
	n = guest_nic_wrap(good, frame, (uint32_t)test_frame_make(&wanted, frame), NULL, 0);
	g_assert_cmpuint(n, ==, 218);
	put32(good + 32, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		memcpy(message, good, n);
		put32(message + cases[i].at, cases[i].value);
		if (cases[i].at == 28)
			put32(message + 32, 16);
		guest_nic_send_buffer(&nic, 0, message, n, 3);
		g_assert_cmpuint(guest_nic_sent(&nic), ==, 5);
	}
	/* A bad one among good ones takes only itself along. */
	memcpy(message, good, n);
	for (uint32_t i = 0; i < 3; i++) {
		static uint8_t row[3 * 224];

		memcpy(row + 224 * (size_t)i, good, n);
		put32(row + 224 * (size_t)i + 4, 224);
		if (i == 1)
			put32(row + 224 + 12, 5000);
		if (i == 2)
			guest_nic_send_section(&nic, 0, 1, row, sizeof(row));
	}
	g_assert_cmpuint(guest_nic_sent(&nic), ==, 5);
	for (int i = 0; i < 2; i++)
		g_assert_cmpuint(guest_nic_network_receive(&nic, &header, got, sizeof(got)), ==,
				 174);
	g_assert_cmpuint(guest_nic_network_receive(&nic, &header, got, sizeof(got)), ==, 0);
	netvsp_state(nic.netvsp, &state);
	/* The message of 43 bytes leaves a rest that is none either. */
	g_assert_cmpuint(state.counters.send_invalid, ==, G_N_ELEMENTS(cases) + 2);
	assert_works(&nic);
	guest_nic_free(&nic);
}

/* Buffers of many pieces, and of none. */
static void test_pieces(void)
{
	struct test_frame wanted = {.from_guest = true, .payload = 1000};
	uint8_t frame[1200], message[1300], got[1300], nvsp[40] = {107};
	struct virtio_net_hdr header;
	struct iovec iov[100];
	struct guest_nic nic;
	uint32_t n;

	guest_nic_up(&nic, &defaults);
	n = guest_nic_wrap(message, frame, (uint32_t)test_frame_make(&wanted, frame), NULL, 0);
	guest_nic_send_buffer(&nic, 0, message, n, 56);
	g_assert_cmpuint(guest_nic_sent(&nic), ==, 1);
	g_assert_cmpuint(guest_nic_network_receive(&nic, &header, got, sizeof(got)), ==, 1054);
	put32(nvsp + 8, UINT32_MAX);
	for (size_t i = 0; i < 100; i++)
		iov[i] = (struct iovec){message + i, 1};
	for (uint32_t pieces = 0; pieces <= 100; pieces += 100) {
		fake_channel_send(nic.channels[0],
				  &(struct fake_packet){.type = VMBUS_PACKET_DATA_USING_GPA_DIRECT,
							.flags = VMBUS_PACKET_WANTS_COMPLETION,
							.payload = nvsp,
							.size = 40,
							.buffer = iov,
							.n_buffer = pieces});
		g_assert_cmpuint(guest_nic_sent(&nic), ==, 2);
	}
	assert_works(&nic);
	guest_nic_free(&nic);
}

static void test_buffers(void)
{
	static const uint32_t sizes[] = {1, 1727, 1728, 4095, 4097, 12345};
	struct guest_nic nic;

	for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
		struct guest_nic_options options = {.receive_size = sizes[i]};

		guest_nic_build(&nic, &options);
		guest_nic_open(&nic);
		g_assert_cmpuint(guest_nic_negotiate(&nic, 0x60001, 0x60001), ==, 1);
		g_assert_cmpuint(guest_nic_lend(&nic, false, 99), ==, 2); /* there is none */
		if (sizes[i] < 1728) {
			g_assert_cmpuint(guest_nic_lend(&nic, false, 7), ==, 2);
		} else {
			g_assert_cmpuint(guest_nic_lend(&nic, false, 7), ==, 1);
			g_assert_cmpuint(nic.n_sections, ==, sizes[i] / 1728);
			g_assert_cmpuint(guest_nic_lend(&nic, false, 7), ==, 2); /* twice */
		}
		g_assert_cmpuint(guest_nic_lend(&nic, true, 99), ==, 2);
		g_assert_cmpuint(guest_nic_lend(&nic, true, 8), ==, 1);
		g_assert_cmpuint(guest_nic_lend(&nic, true, 8), ==, 2);
		guest_nic_free(&nic);
	}
}

/* Revoked while frames are in flight and packets wait. */
static void test_revoke(void)
{
	struct test_frame wanted = {.udp = true, .payload = 10};
	uint8_t frame[200], message[40] = {103};
	struct guest_nic nic;

	guest_nic_up(&nic, &defaults);
	nic.keep = true;
	for (int i = 0; i < 10; i++)
		guest_nic_network_send(&nic, NULL, frame, test_frame_make(&wanted, frame));
	for (int i = 0; i < 10; i++)
		guest_frame_free(guest_nic_receive(&nic));
	guest_nic_tell(&nic, message, 40);
	guest_nic_tell(&nic, message, 40); /* nothing more to revoke */
	guest_nic_network_send(&nic, NULL, frame, test_frame_make(&wanted, frame));
	fake_vmbus_settle(nic.thread);
	g_assert_false(fake_device_gpadl_is_used(nic.device, 7));
	guest_nic_poll(&nic);
	g_assert_cmpuint(nic.frames.length, ==, 0);
	nic.keep = false;
	guest_nic_complete_kept(&nic); /* late, and no fault */
	g_assert_true(fake_channel_is_open(nic.channels[0]));
	g_assert_true(fake_device_gpadl_is_used(nic.device, 8));
	message[0] = 106;
	guest_nic_tell(&nic, message, 40);
	g_assert_false(fake_device_gpadl_is_used(nic.device, 8));
	/* The same pages for both: they are used until both are revoked. */
	g_assert_cmpuint(guest_nic_lend(&nic, false, 7), ==, 1);
	g_assert_cmpuint(guest_nic_lend(&nic, true, 7), ==, 1);
	guest_nic_tell(&nic, message, 40);
	g_assert_true(fake_device_gpadl_is_used(nic.device, 7));
	message[0] = 103;
	guest_nic_tell(&nic, message, 40);
	g_assert_false(fake_device_gpadl_is_used(nic.device, 7));
	g_assert_cmpuint(guest_nic_lend(&nic, false, 7), ==, 1);
	g_assert_cmpuint(guest_nic_lend(&nic, true, 8), ==, 1);
	assert_works(&nic);
	guest_nic_free(&nic);
}

static void test_rndis_control(void)
{
	struct guest_nic nic;

	guest_nic_up(&nic, &defaults);
	for (uint32_t type = 0; type < 12; type++) {
		for (uint32_t size = 8; size < 28; size += 4) {
			uint8_t message[64] = {0};
			bool known = (type >= 2 && type <= 6) || type == 8;

			if (type == 1 || type == 3 || type == 6)
				continue; /* data; HALT and RESET, which have no size */
			put32(message, type);
			put32(message + 4, size);
			if (!known || size < (type == 8 ? 12u : type == 2 ? 24u : 28u))
				g_assert_cmpuint(guest_nic_control(&nic, message, 64), ==, 5);
			put32(message + 4, 65); /* beyond what is there */
			g_assert_cmpuint(guest_nic_control(&nic, message, 64), ==, 5);
			put32(message + 4, 0xffffffff);
			g_assert_cmpuint(guest_nic_control(&nic, message, 64), ==, 5);
		}
	}
	fake_vmbus_settle(nic.thread);
	guest_nic_poll(&nic);
	g_queue_clear_full(&nic.answers, (GDestroyNotify)g_bytes_unref);
	assert_works(&nic);
	guest_nic_free(&nic);
}

/* A guest that asks and asks without taking the answers: the channel waits for it. */
static void test_rndis_flood(void)
{
	uint8_t message[12] = {8, 0, 0, 0, 12};
	struct guest_nic nic;
	guint taken = 0;

	guest_nic_up(&nic, &defaults);
	fake_channel_limit(nic.channels[0], 0);
	for (int i = 0; i < 1000; i++)
		guest_nic_send_buffer(&nic, 0, message, sizeof(message), 1);
	g_assert_cmpuint(fake_channel_backlog(nic.channels[0]), >, 900);
	fake_channel_limit(nic.channels[0], UINT32_MAX);
	for (int i = 0; i < 1000; i++) {
		uint32_t status = guest_nic_sent(&nic);

		g_assert_true(status == 1 || status == 6); /* busy */
		taken += status == 1;
	}
	for (int i = 0; i < 100; i++) {
		fake_vmbus_settle(nic.thread);
		guest_nic_poll(&nic);
	}
	g_assert_cmpuint(taken, >, 600);
	g_assert_cmpuint(nic.answers.length, ==, taken);
	assert_works(&nic);
	guest_nic_free(&nic);
}

static void test_subchannels(void)
{
	static const uint32_t asked[] = {0, 1, 0xffffffff, 5};
	struct guest_nic_options options = {.channels = 4};
	uint8_t message[40] = {133}, answer[40];
	struct guest_nic nic;
	uint32_t total = 0;

	guest_nic_build(&nic, &options);
	guest_nic_open(&nic);
	g_assert_cmpuint(guest_nic_negotiate(&nic, 0x60001, 0x60001), ==, 1);
	put32(message + 4, 7);
	guest_nic_ask(&nic, message, 40, answer, 40);
	g_assert_cmpuint(get32(answer + 4), ==, 2); /* unknown operation */
	put32(message + 4, 1);
	for (size_t i = 0; i < G_N_ELEMENTS(asked); i++) {
		put32(message + 8, asked[i]);
		guest_nic_ask(&nic, message, 40, answer, 40);
		total += get32(answer + 8);
		g_assert_cmpuint(get32(answer + 8), <=, asked[i]);
	}
	g_assert_cmpuint(total, ==, 3);
	g_assert_cmpuint(fake_device_sub_channels(nic.device), ==, 3);
	guest_nic_free(&nic);
}

/* From the network side: headers that lie, frames of every size. */
static void test_network(void)
{
	struct guest_nic_options options = {.channels = 2, .large_receive = true};
	uint8_t *frame = g_malloc(66000);
	struct netvsp_state state;
	struct guest_nic nic;

	guest_nic_up(&nic, &options);
	for (int i = 0; i < 3000; i++) {
		struct test_frame wanted = {.ip6 = g_test_rand_bit(),
					    .udp = g_test_rand_bit(),
					    .vlan = g_test_rand_bit(),
					    .payload = (size_t)g_test_rand_int_range(0, 4000)};
		struct virtio_net_hdr header = {
			.flags = (uint8_t)g_test_rand_int_range(0, 4),
			.gso_type = (uint8_t)g_test_rand_int_range(0, 6),
			.gso_size = (uint16_t)g_test_rand_int_range(0, 3000),
			.csum_start = (uint16_t)g_test_rand_int_range(0, 100),
			.csum_offset = (uint16_t)g_test_rand_int_range(0, 40)};
		size_t size = test_frame_make(&wanted, frame);

		if (i % 3 == 0)
			frame[g_test_rand_int_range(12, 60)] = (uint8_t)g_test_rand_int();
		if (i % 5 == 0)
			size = (size_t)g_test_rand_int_range(14, 60);
		if (i % 7 == 0)
			header.csum_start = header.csum_offset = 0xffff;
		guest_nic_network_send(&nic, &header, frame, size);
		if (i % 16 == 0) {
			fake_vmbus_settle(nic.thread);
			guest_nic_poll(&nic);
		}
	}
	do {
		fake_vmbus_settle(nic.thread);
		guest_nic_poll(&nic);
		netvsp_state(nic.netvsp, &state);
	} while (state.counters.received + state.counters.receive_dropped +
			 state.counters.receive_filtered <
		 3000);
	g_assert_cmpuint(state.counters.received, >, 100);
	g_assert_cmpuint(state.counters.receive_dropped, >, 100);
	g_queue_clear_full(&nic.frames, (GDestroyNotify)guest_frame_free);
	assert_works(&nic);
	guest_nic_free(&nic);
	g_free(frame);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/netvsp-hostile/nvsp", test_nvsp);
	g_test_add_func("/netvsp-hostile/before-negotiation", test_before_negotiation);
	g_test_add_func("/netvsp-hostile/packet-types", test_packet_types);
	g_test_add_func("/netvsp-hostile/completions", test_completions);
	g_test_add_func("/netvsp-hostile/sections", test_sections);
	g_test_add_func("/netvsp-hostile/rndis-data", test_rndis_data);
	g_test_add_func("/netvsp-hostile/pieces", test_pieces);
	g_test_add_func("/netvsp-hostile/buffers", test_buffers);
	g_test_add_func("/netvsp-hostile/revoke", test_revoke);
	g_test_add_func("/netvsp-hostile/rndis-control", test_rndis_control);
	g_test_add_func("/netvsp-hostile/rndis-flood", test_rndis_flood);
	g_test_add_func("/netvsp-hostile/subchannels", test_subchannels);
	g_test_add_func("/netvsp-hostile/network", test_network);
	return g_test_run();
}
