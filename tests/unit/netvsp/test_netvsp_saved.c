/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An adapter is written down and another one goes on for the same guest: nothing that the guest
 * waits for is missing, no section of its buffers is lost or used twice, and bytes that nobody
 * wrote are refused.
 */
#include <string.h>

#include "guest_nic.h"

/* A frame for the guest with its number in it, of one of many connections. */
static void network_send(struct guest_nic *nic, uint32_t number)
{
	const struct test_frame wanted = {
		.udp = true, .payload = 100, .source_port = (uint16_t)(number % 37)};
	uint8_t frame[300];

	guest_nic_network_send(nic, NULL, frame, test_frame_numbered(&wanted, frame, number));
}

static void expect_frame(struct guest_nic *nic, uint32_t number)
{
	struct guest_frame *got = guest_nic_receive(nic);

	g_assert_nonnull(got);
	g_assert_cmpuint(get32(got->data + got->size - 4), ==, number);
	guest_frame_free(got);
}

/* A message of the guest with a frame in it; its size. */
static uint32_t message_make(uint8_t *message)
{
	struct test_frame wanted = {.from_guest = true, .payload = 60};
	uint8_t frame[200];

	return guest_nic_wrap(message, frame, (uint32_t)test_frame_make(&wanted, frame), NULL, 0);
}

static void expect_sent(struct guest_nic *nic, unsigned int n_frames)
{
	struct virtio_net_hdr header;
	uint8_t got[300];

	g_assert_cmpuint(guest_nic_sent(nic), ==, 1);
	for (unsigned int i = 0; i < n_frames; i++)
		g_assert_cmpuint(guest_nic_network_receive(nic, &header, got, sizeof(got)), >, 0);
	g_assert_cmpuint(guest_nic_network_receive(nic, &header, got, sizeof(got)), ==, 0);
}

/* All that was agreed on is so afterwards. */
static void test_traffic(gconstpointer data)
{
	struct guest_nic_options options = {.channels = 4, .large_receive = true, .mtu = 4000};
	struct virtio_net_hdr header = {
		.flags = 1, .gso_type = 1, .gso_size = 1400, .csum_start = 34, .csum_offset = 16};
	struct test_frame wanted = {.payload = 50000};
	g_autofree uint8_t *large = g_malloc(66000);
	size_t size = test_frame_make(&wanted, large);
	struct netvsp_state before, after;
	uint8_t message[300];
	struct guest_frame *got;
	struct guest_nic nic;

	options.version = (uint32_t)GPOINTER_TO_INT(data);
	options.large_receive = options.version >= 0x60001;
	options.channels = options.version >= 0x50000 ? 4 : 1;
	options.mtu = options.version > 2 ? 4000 : 1500;
	guest_nic_up(&nic, &options);
	network_send(&nic, 1);
	expect_frame(&nic, 1);
	netvsp_state(nic.netvsp, &before);
	for (int i = 0; i < 3; i++)
		guest_nic_move(&nic, &options);
	netvsp_state(nic.netvsp, &after);
	g_assert_cmphex(after.version, ==, before.version);
	g_assert_cmpuint(after.mtu, ==, options.mtu);
	g_assert_cmpuint(after.channels, ==, options.channels);
	g_assert_cmpint(memcmp(after.mac, before.mac, 6), ==, 0);
	for (uint32_t i = 0; i < 50; i++) {
		network_send(&nic, i);
		got = guest_nic_receive(&nic);
		g_assert_nonnull(got);
		g_assert_cmphex(got->checksum, ==, UINT32_MAX);
		g_assert_cmpuint(got->channel, ==,
				 options.channels == 1 ? 0 : got->hash % options.channels);
		guest_frame_free(got);
	}
	guest_nic_network_send(&nic, &header, large, size);
	got = guest_nic_receive(&nic);
	g_assert_nonnull(got);
	g_assert_true((got->n_pieces > 1) == options.large_receive);
	guest_frame_free(got);
	g_queue_clear_full(&nic.frames, (GDestroyNotify)guest_frame_free);
	guest_nic_poll(&nic);
	g_assert_cmpuint(nic.indirection_tables, ==, options.channels > 1);
	g_assert_cmpuint(nic.associations, ==, options.version >= 0x40000);
	guest_nic_send_section(&nic, options.channels - 1, 3, message, message_make(message));
	expect_sent(&nic, 1);
	guest_nic_free(&nic);
}

/* What the guest has not given back is not used, and comes back. */
static void test_sections(void)
{
	struct guest_nic_options options = {.channels = 2, .receive_size = 40 * 1728};
	struct netvsp_state state;
	struct guest_nic nic;

	guest_nic_up(&nic, &options);
	nic.keep = true;
	for (uint32_t i = 0; i < 15; i++)
		network_send(&nic, i);
	for (uint32_t i = 0; i < 15; i++)
		guest_frame_free(guest_nic_receive(&nic));
	for (int round = 0; round < 3; round++) {
		guest_nic_move(&nic, &options);
		for (uint32_t i = 0; i < 60; i++)
			network_send(&nic, i);
		while (g_hash_table_size(nic.lent) < 40)
			guest_frame_free(guest_nic_receive(&nic));
		g_queue_clear_full(&nic.frames, (GDestroyNotify)guest_frame_free);
		fake_vmbus_settle(nic.thread);
		guest_nic_poll(&nic);
		g_assert_cmpuint(nic.frames.length, ==, 0); /* there is no room */
		g_assert_cmpuint(g_hash_table_size(nic.lent), ==, 40);
		guest_nic_complete_kept(&nic);
		netvsp_state(nic.netvsp, &state);
		g_assert_cmpuint(state.counters.faults, ==, 0);
	}
	guest_nic_free(&nic);
}

/* A save that came to nothing: what came meanwhile waited. */
static void test_release(gconstpointer data)
{
	struct guest_nic_options options = {.channels = 2, .stream = GPOINTER_TO_INT(data)};
	struct state_writer *writer = state_writer_new();
	uint8_t message[300];
	struct guest_nic nic;
	uint32_t n = message_make(message);

	guest_nic_up(&nic, &options);
	guest_nic_save(&nic, writer);
	for (uint32_t i = 0; i < 100; i++)
		network_send(&nic, i);
	guest_nic_send_section(&nic, 0, 0, message, n);
	guest_nic_send_section(&nic, 1, 1, message, n);
	netvsp_set_link(nic.netvsp, false);
	netvsp_set_link(nic.netvsp, true);
	netvsp_set_limits(nic.netvsp, 0, 0);
	fake_vmbus_settle(nic.thread);
	guest_nic_poll(&nic);
	g_assert_cmpuint(nic.frames.length + nic.completions.length + nic.answers.length, ==, 0);
	guest_nic_release(&nic);
	for (uint32_t i = 0; i < 100; i++)
		guest_frame_free(guest_nic_receive(&nic));
	guest_nic_poll(&nic);
	g_assert_cmpuint(nic.answers.length, ==, 2); /* the link's */
	g_assert_cmpuint(guest_nic_sent(&nic), ==, 1);
	expect_sent(&nic, 2);
	state_writer_free(writer);
	guest_nic_free(&nic);
}

/* Answers for which the ring had no room. */
static void test_answers(void)
{
	static const uint32_t query[] = {4, 28, 77, 0x00010106, 0, 20, 0};
	uint8_t nvsp[40] = {107, [4] = 1, [8] = 0xff, 0xff, 0xff, 0xff};
	struct iovec iov = {(void *)(uintptr_t)query, sizeof(query)};
	struct guest_nic_options options = {.channels = 2};
	uint8_t message[300];
	struct guest_nic nic;
	GBytes *answer;

	guest_nic_up(&nic, &options);
	fake_channel_limit(nic.channels[0], 50); /* the completion fits, the answer does not */
	fake_channel_send(nic.channels[0],
			  &(struct fake_packet){.type = VMBUS_PACKET_DATA_USING_GPA_DIRECT,
						.flags = VMBUS_PACKET_WANTS_COMPLETION,
						.payload = nvsp,
						.size = sizeof(nvsp),
						.buffer = &iov,
						.n_buffer = 1});
	fake_channel_limit(nic.channels[0], 0);
	guest_nic_move(&nic, &options);
	fake_channel_limit(nic.channels[1], 0);
	for (unsigned int i = 0; i < 2; i++)
		guest_nic_send_section(&nic, 1, i, message, message_make(message));
	guest_nic_move(&nic, &options);
	g_assert_cmpuint(guest_nic_sent(&nic), ==, 1); /* of the query */
	guest_nic_poll(&nic);
	g_assert_cmpuint(nic.answers.length, ==, 0);
	g_assert_cmpuint(nic.completions.length, ==, 0);
	fake_channel_limit(nic.channels[0], UINT32_MAX);
	answer = guest_nic_wait(&nic, &nic.answers);
	g_assert_nonnull(answer);
	g_assert_cmphex(get32(g_bytes_get_data(answer, NULL)), ==, 0x80000004);
	g_assert_cmpuint(get32((const uint8_t *)g_bytes_get_data(answer, NULL) + 8), ==, 77);
	g_bytes_unref(answer);
	fake_channel_limit(nic.channels[1], UINT32_MAX);
	g_assert_cmpuint(guest_nic_sent(&nic), ==, 1); /* that frame went to the old network */
	expect_sent(&nic, 1);
	guest_nic_poll(&nic);
	g_assert_cmpuint(nic.answers.length, ==, 0);
	g_assert_cmpuint(nic.completions.length, ==, 0);
	guest_nic_free(&nic);
}

/* A packet that the network did not take is lost, but not for the guest's driver. */
static void test_network_full(void)
{
	struct guest_nic_options options = {.stream = true};
	uint8_t message[300];
	struct guest_nic nic;
	uint32_t n = message_make(message);
	unsigned int sent = 0;

	guest_nic_up(&nic, &options);
	while (fake_channel_backlog(nic.channels[0]) < 3) {
		guest_nic_send_buffer(&nic, 0, message, n, 1);
		sent++;
	}
	guest_nic_move(&nic, &options);
	g_assert_cmpuint(fake_channel_backlog(nic.channels[0]), ==, 0);
	while (sent-- > 0)
		g_assert_cmpuint(guest_nic_sent(&nic), ==, 1);
	guest_nic_poll(&nic);
	g_assert_cmpuint(nic.completions.length, ==, 0);
	guest_nic_free(&nic);
}

/* The guest is told of the link when it is not what it was. */
static void test_link(void)
{
	struct guest_nic_options options = {0};
	struct state_writer *writer = state_writer_new();
	struct state_reader reader;
	struct guest_nic nic;
	const uint8_t *state;
	size_t size;

	guest_nic_up(&nic, &options);
	guest_nic_move(&nic, &options);
	guest_nic_poll(&nic);
	g_assert_cmpuint(nic.answers.length, ==, 0);
	netvsp_set_link(nic.netvsp, false);
	g_queue_clear_full(&nic.answers, (GDestroyNotify)g_bytes_unref);
	guest_nic_poll(&nic);
	g_queue_clear_full(&nic.answers, (GDestroyNotify)g_bytes_unref);
	guest_nic_save(&nic, writer);
	state = state_writer_data(writer, &size);
	state_reader_init(&reader, state, size);
	g_assert_true(guest_nic_restore(&nic, &options, &reader));
	guest_nic_poll(&nic);
	g_assert_cmpuint(nic.answers.length, ==, 0); /* not before it runs */
	guest_nic_release(&nic);
	guest_nic_poll(&nic);
	g_assert_cmpuint(nic.answers.length, ==, 1);
	g_assert_cmphex(get32((const uint8_t *)g_bytes_get_data(nic.answers.head->data, NULL) + 8),
			==, 0x4001000b);
	network_send(&nic, 5);
	expect_frame(&nic, 5);
	state_writer_free(writer);
	guest_nic_free(&nic);
}

/* Switches behind a TAP hear where the machine is now, once; nobody else does. */
static void test_announce(gconstpointer data)
{
	struct guest_nic_options options = {.channels = 2, .tap = GPOINTER_TO_INT(data)};
	static const uint8_t head[] = {0x80, 0x35, 0, 1, 8, 0, 6, 4, 0, 3};
	struct virtio_net_hdr header;
	struct guest_nic nic;
	uint8_t frame[2000];

	guest_nic_up(&nic, &options);
	guest_nic_move(&nic, &options);
	if (options.tap) {
		g_assert_cmpuint(guest_nic_network_receive(&nic, &header, frame, sizeof(frame)), ==,
				 60);
		g_assert_cmpint(memcmp(frame, "\xff\xff\xff\xff\xff\xff", 6), ==, 0);
		g_assert_cmpint(memcmp(frame + 6, guest_nic_mac, 6), ==, 0);
		g_assert_cmpint(memcmp(frame + 12, head, 10), ==, 0);
		g_assert_cmpint(memcmp(frame + 22, guest_nic_mac, 6), ==, 0);
		g_assert_cmpint(memcmp(frame + 32, guest_nic_mac, 6), ==, 0);
	}
	fake_device_hold(nic.device);
	guest_nic_release(&nic);
	g_assert_cmpuint(guest_nic_network_receive(&nic, &header, frame, sizeof(frame)), ==, 0);
	guest_nic_free(&nic);
}

/* Of a driver that is not there, or has only begun. */
static void test_half_open(void)
{
	struct guest_nic_options options = {0};
	struct guest_nic nic;

	guest_nic_build(&nic, &options);
	guest_nic_move(&nic, &options);
	guest_nic_open(&nic);
	guest_nic_move(&nic, &options);
	g_assert_cmpuint(guest_nic_negotiate(&nic, 0x60001, 0x60001), ==, 1);
	guest_nic_move(&nic, &options);
	g_assert_cmpuint(guest_nic_lend(&nic, false, GUEST_NIC_RECEIVE_GPADL), ==, 1);
	guest_nic_move(&nic, &options);
	g_assert_cmpuint(guest_nic_lend(&nic, false, GUEST_NIC_RECEIVE_GPADL), ==, 2); /* has one */
	guest_nic_free(&nic);
}

/* A guest that takes its pages back without a word has no buffer any more; what it gives back of
 * them later is no fault. */
static void test_torn(void)
{
	struct guest_nic_options options = {0};
	struct netvsp_state state;
	struct guest_nic nic;

	guest_nic_up(&nic, &options);
	nic.keep = true;
	network_send(&nic, 1);
	expect_frame(&nic, 1);
	fake_device_tear_gpadl(nic.device, GUEST_NIC_RECEIVE_GPADL);
	fake_device_tear_gpadl(nic.device, GUEST_NIC_SEND_GPADL);
	guest_nic_move(&nic, &options);
	guest_nic_complete_kept(&nic);
	network_send(&nic, 2);
	fake_vmbus_settle(nic.thread);
	netvsp_state(nic.netvsp, &state);
	g_assert_cmpuint(state.counters.faults, ==, 0);
	g_assert_cmpuint(state.counters.receive_dropped, ==, 1);
	g_assert_cmpuint(guest_nic_lend(&nic, true, GUEST_NIC_SEND_GPADL), ==, 2); /* is none */
	guest_nic_free(&nic);
}

/* Each packet of the guest is completed once, at whatever point the adapter moves; the model sees
 * to it that no section is given twice. */
static void test_random(void)
{
	struct guest_nic_options options = {
		.channels = 4, .receive_size = 64 * 1728, .large_receive = true};
	uint32_t taken[200] = {0}, completed = 0, moves = 0;
	uint8_t messages[200][300];
	struct guest_nic nic;

	guest_nic_up(&nic, &options);
	for (uint32_t i = 0; i < 200; i++) {
		fake_channel_limit(nic.channels[i % 4],
				   g_test_rand_bit() ? (uint32_t)g_test_rand_int_range(0, 400)
						     : UINT32_MAX);
		nic.keep = g_test_rand_bit();
		guest_nic_send_buffer(&nic, i % 4, messages[i], message_make(messages[i]), 1);
		network_send(&nic, i);
		if (g_test_rand_int_range(0, 5) == 0)
			guest_nic_poll(&nic);
		if (g_test_rand_int_range(0, 9) == 0)
			guest_nic_complete_kept(&nic);
		if (g_test_rand_int_range(0, 12) == 0) {
			guest_nic_move(&nic, &options);
			moves++;
		}
	}
	nic.keep = false;
	for (unsigned int i = 0; i < 4; i++)
		fake_channel_limit(nic.channels[i], UINT32_MAX);
	guest_nic_complete_kept(&nic);
	for (; completed < 200; completed++)
		g_assert_cmpuint(guest_nic_sent(&nic), ==, 1);
	fake_vmbus_settle(nic.thread);
	guest_nic_poll(&nic);
	g_assert_cmpuint(nic.completions.length, ==, 0);
	g_assert_cmpuint(g_hash_table_size(nic.lent), ==, 0);
	while (nic.frames.length > 0) {
		struct guest_frame *got = g_queue_pop_head(&nic.frames);

		g_assert_cmpuint(taken[get32(got->data + got->size - 4)]++, ==, 0);
		guest_frame_free(got);
	}
	/* All sections are there: as many frames go as there are. */
	nic.keep = true;
	for (uint32_t i = 0; i < 64; i++)
		network_send(&nic, i);
	for (uint32_t i = 0; i < 64; i++)
		guest_frame_free(guest_nic_receive(&nic));
	g_assert_cmpuint(g_hash_table_size(nic.lent), ==, 64);
	g_test_message("%u moves", moves);
	guest_nic_free(&nic);
}

/* ---- what nobody wrote ---- */

struct saved {
	struct guest_nic_options options;
	struct guest_nic nic;
	struct state_writer *writer;
	const uint8_t *state;
	size_t size;
};

/* A rich one: sections with the guest, answers that wait. */
static void saved_make(struct saved *saved)
{
	struct guest_nic *nic = &saved->nic;

	*saved = (struct saved){.options = {.channels = 2, .large_receive = true}};
	guest_nic_up(nic, &saved->options);
	nic->keep = true;
	for (uint32_t i = 0; i < 6; i++) { /* each in a packet of its own */
		network_send(nic, i);
		expect_frame(nic, i);
	}
	fake_channel_limit(nic->channels[0], 0);
	netvsp_set_link(nic->netvsp, false);
	netvsp_set_link(nic->netvsp, true);
	saved->writer = state_writer_new();
	guest_nic_save(nic, saved->writer);
	saved->state = state_writer_data(saved->writer, &saved->size);
}

static void saved_free(struct saved *saved)
{
	state_writer_free(saved->writer);
	guest_nic_free(&saved->nic);
}

/* Whatever it says: it is refused with a reason, or an adapter runs on it. Returns the reason. */
static char *saved_try(struct saved *saved, const uint8_t *state, size_t size)
{
	struct vmbus_channel *channels[GUEST_NIC_CHANNELS];
	struct state_reader reader;
	struct guest_nic other;

	guest_nic_build(&other, &saved->options);
	state_reader_init(&reader, state, size);
	fake_device_restore(other.device, saved->nic.device, &reader, channels, GUEST_NIC_CHANNELS);
	fake_device_release(other.device);
	for (uint32_t i = 0; i < 4; i++)
		network_send(&other, i);
	fake_vmbus_settle(other.thread);
	guest_nic_free(&other);
	return g_strdup(reader.fault);
}

static bool saved_is_refused(struct saved *saved, const uint8_t *state, size_t size)
{
	g_autofree char *fault = saved_try(saved, state, size);

	return *fault;
}

static void test_mutations(void)
{
	g_autofree uint8_t *copy = NULL;
	struct saved saved;
	unsigned int refused = 0;

	saved_make(&saved);
	copy = g_malloc(saved.size);
	g_assert_false(saved_is_refused(&saved, saved.state, saved.size));
	for (unsigned int i = 0; i < 1500; i++) {
		int changes = g_test_rand_int_range(1, 4);

		memcpy(copy, saved.state, saved.size);
		while (changes-- > 0)
			copy[g_test_rand_int_range(0, (gint32)saved.size)] =
				g_test_rand_bit() ? (uint8_t)g_test_rand_int()
						  : (uint8_t[]){0, 1, 0x7f, 0xff}[changes];
		refused += saved_is_refused(&saved, copy, saved.size);
	}
	g_assert_cmpuint(refused, >, 100);
	for (size_t i = 0; i < saved.size; i += (size_t)g_test_rand_int_range(1, 9))
		g_assert_true(saved_is_refused(&saved, saved.state, i));
	saved_free(&saved);
}

/* By their places in the state; what it says now is there to see that the place is right. */
static void test_refused(void)
{
	static const struct {
		const char *what, *fault;
		const char *tag; /* of the section; "netvsp.rndis", its head is 32 bytes */
		uint32_t offset;
		uint8_t bytes, was, value;
	} bad[] = {
		{"version", "an agreement on NVSP", "netvsp", 0, 1, 1, 2},
		{"MTU", "an agreement on NVSP", "netvsp", 14, 1, 0, 1},
		{"sub-channels", "more sub-channels", "netvsp", 24, 1, 1, 2},
		{"GPADL", "a receive buffer", "netvsp", 32, 1, 7, 9},
		{"section size", "a receive buffer", "netvsp", 38, 1, 0xc0, 0xc1},
		{"sections", "a receive buffer", "netvsp", 42, 1, 0x5e, 0x5d},
		{"send buffer", "a send buffer", "netvsp", 47, 1, 8, 9},
		{"address", "an address", "netvsp.rndis", 2, 1, 0x56, 0x57},
		{"yes or no", "a yes or no", "netvsp.rndis", 1, 1, 1, 2},
		{"flight", "a packet that", "netvsp.channel", 17, 4, 0, 0xff},
		{"ranges", "a packet that", "netvsp.channel", 21, 1, 1, 0},
		{"section", "a section that", "netvsp.channel", 25, 4, 0, 0xff},
	};
	struct saved saved;

	saved_make(&saved);
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autofree uint8_t *copy = g_memdup2(saved.state, saved.size);
		g_autofree char *tag = g_malloc0(24);
		g_autofree char *fault = NULL;
		uint8_t *at;

		g_strlcpy(tag, bad[i].tag, 24);
		at = memmem(copy, saved.size, tag, 24);
		g_assert_nonnull(at);
		at += 32 + bad[i].offset;
		g_test_message("%s", bad[i].what);
		g_assert_cmphex(*at, ==, bad[i].was);
		memset(at, bad[i].value, bad[i].bytes);
		fault = saved_try(&saved, copy, saved.size);
		g_assert_nonnull(strstr(fault, bad[i].fault));
	}
	saved_free(&saved);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_data_func("/netvsp-saved/traffic", GINT_TO_POINTER(0x60001), test_traffic);
	g_test_add_data_func("/netvsp-saved/traffic-5", GINT_TO_POINTER(0x50000), test_traffic);
	g_test_add_data_func("/netvsp-saved/traffic-1", GINT_TO_POINTER(2), test_traffic);
	g_test_add_func("/netvsp-saved/sections", test_sections);
	g_test_add_data_func("/netvsp-saved/release", GINT_TO_POINTER(0), test_release);
	g_test_add_data_func("/netvsp-saved/release-stream", GINT_TO_POINTER(1), test_release);
	g_test_add_func("/netvsp-saved/answers", test_answers);
	g_test_add_func("/netvsp-saved/network-full", test_network_full);
	g_test_add_func("/netvsp-saved/link", test_link);
	g_test_add_data_func("/netvsp-saved/announce", GINT_TO_POINTER(1), test_announce);
	g_test_add_data_func("/netvsp-saved/announce-not", GINT_TO_POINTER(0), test_announce);
	g_test_add_func("/netvsp-saved/half-open", test_half_open);
	g_test_add_func("/netvsp-saved/torn", test_torn);
	g_test_add_func("/netvsp-saved/random", test_random);
	g_test_add_func("/netvsp-saved/mutations", test_mutations);
	g_test_add_func("/netvsp-saved/refused", test_refused);
	return g_test_run();
}
