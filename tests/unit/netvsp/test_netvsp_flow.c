/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When one side has no room: nothing is lost that had room before, nothing grows, all goes on. */
#include <string.h>
#include <sys/socket.h>

#include "guest_nic.h"

/* A frame for the guest with its number in it. */
static size_t numbered(uint8_t *frame, uint32_t number, size_t payload)
{
	const struct test_frame wanted = {.udp = true, .payload = payload};

	return test_frame_numbered(&wanted, frame, number);
}

/* The guest keeps every section: the back end stops, and goes on as they come back; in order. */
static void test_no_sections(void)
{
	struct guest_nic_options options = {.receive_size = 40 * 1728};
	struct netvsp_state state;
	uint8_t frame[2048];
	struct guest_nic nic;
	uint32_t expected = 0;

	guest_nic_up(&nic, &options);
	g_assert_cmpuint(nic.n_sections, ==, 40);
	nic.keep = true;
	for (uint32_t i = 0; i < 100; i++)
		guest_nic_network_send(&nic, NULL, frame, numbered(frame, i, 100));
	while (expected < 100) {
		struct guest_frame *got = guest_nic_receive(&nic);

		g_assert_nonnull(got);
		g_assert_cmpuint(get32(got->data + got->size - 4), ==, expected);
		guest_frame_free(got);
		expected++;
		if (expected % 40 == 0) {
			guest_nic_poll(&nic);
			g_assert_cmpuint(nic.frames.length, ==, 0); /* there is no room */
			netvsp_state(nic.netvsp, &state);
			g_assert_cmpuint(state.counters.received, ==, expected);
			guest_nic_complete_kept(&nic);
		}
	}
	netvsp_state(nic.netvsp, &state);
	g_assert_cmpuint(state.counters.receive_stalls, >, 0);
	g_assert_cmpuint(state.counters.receive_dropped, ==, 0);
	guest_nic_free(&nic);
}

/* The guest's ring is full: what is in sections already waits for it. */
static void test_no_ring(void)
{
	struct guest_nic_options options = {.channels = 2};
	uint8_t frame[2048];
	struct guest_nic nic;

	guest_nic_up(&nic, &options);
	for (int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < 2; i++)
			fake_channel_limit(nic.channels[i], 0);
		for (uint32_t i = 0; i < 300; i++)
			guest_nic_network_send(&nic, NULL, frame, numbered(frame, i, 100));
		fake_vmbus_settle(nic.thread);
		guest_nic_poll(&nic);
		g_assert_cmpuint(nic.frames.length, ==, 0);
		for (unsigned int i = 0; i < 2; i++)
			fake_channel_limit(nic.channels[i], UINT32_MAX);
		for (uint32_t i = 0; i < 300; i++) {
			struct guest_frame *got = guest_nic_receive(&nic);

			g_assert_nonnull(got);
			g_assert_cmpuint(get32(got->data + got->size - 4), ==, i);
			guest_frame_free(got);
		}
	}
	guest_nic_free(&nic);
}

/* No room for a completion: the guest gets it later, once, and nothing else is taken before. */
static void test_no_ring_for_completions(void)
{
	struct guest_nic_options options = {0};
	struct test_frame wanted = {.from_guest = true, .payload = 60};
	uint8_t frame[200], message[300], got[300];
	struct virtio_net_hdr header;
	struct guest_nic nic;
	uint32_t n;

	guest_nic_up(&nic, &options);
	n = guest_nic_wrap(message, frame, (uint32_t)test_frame_make(&wanted, frame), NULL, 0);
	fake_channel_limit(nic.channels[0], 0);
	for (unsigned int i = 0; i < 10; i++)
		guest_nic_send_section(&nic, 0, i, message, n);
	g_assert_cmpuint(fake_channel_backlog(nic.channels[0]), ==, 9);
	fake_channel_limit(nic.channels[0], UINT32_MAX);
	for (unsigned int i = 0; i < 10; i++) {
		g_assert_cmpuint(guest_nic_sent(&nic), ==, 1);
		g_assert_cmpuint(guest_nic_network_receive(&nic, &header, got, sizeof(got)), >, 0);
	}
	guest_nic_poll(&nic);
	g_assert_cmpuint(nic.completions.length, ==, 0);
	g_assert_cmpuint(guest_nic_network_receive(&nic, &header, got, sizeof(got)), ==, 0);
	guest_nic_free(&nic);
}

/* The network takes no more: packets stay in the guest's ring, and none is lost or sent twice. */
static void test_network_full(gconstpointer data)
{
	struct guest_nic_options options = {.stream = GPOINTER_TO_INT(data), .channels = 2};
	enum { N = 4000 };
	uint8_t *frames = g_malloc(N * 2000), *got = g_malloc(66000);
	struct virtio_net_hdr header;
	struct netvsp_state state;
	struct guest_nic nic;
	uint32_t sent = 0;
	unsigned int seen[2] = {0};

	guest_nic_up(&nic, &options);
	for (uint32_t i = 0; i < N; i++) {
		struct test_frame wanted = {.from_guest = true, .udp = true, .payload = 1400};
		uint8_t frame[2000];
		size_t size = test_frame_make(&wanted, frame);

		put32(frame + size - 4, i);
		guest_nic_send_buffer(
			&nic, i % 2, frames + 2000 * (size_t)i,
			guest_nic_wrap(frames + 2000 * (size_t)i, frame, (uint32_t)size, NULL, 0),
			2);
	}
	g_assert_cmpuint(fake_channel_backlog(nic.channels[0]), >, 0);
	while (sent < N) {
		size_t n = guest_nic_network_receive(&nic, &header, got, 66000);
		uint32_t number;

		if (n == 0) {
			fake_vmbus_settle(nic.thread);
			continue;
		}
		number = get32(got + n - 4);
		g_assert_cmpuint(number / 2, ==, seen[number % 2]); /* in order on each */
		seen[number % 2]++;
		sent++;
	}
	for (uint32_t i = 0; i < N; i++)
		g_assert_cmpuint(guest_nic_sent(&nic), ==, 1);
	netvsp_state(nic.netvsp, &state);
	g_assert_cmpuint(state.counters.sent, ==, N);
	g_assert_cmpuint(state.counters.send_dropped, ==, 0);
	guest_nic_free(&nic);
	g_free(frames);
	g_free(got);
}

/* Everything at once with a ring that is small in turns. */
static void test_random(void)
{
	struct guest_nic_options options = {.channels = 4, .receive_size = 64 * 1728};
	uint32_t into = 0, out = 0, taken[200] = {0};
	uint8_t messages[200][300], frame[300], got[300];
	struct virtio_net_hdr header;
	struct guest_nic nic;

	guest_nic_up(&nic, &options);
	for (uint32_t i = 0; i < 200; i++) {
		struct test_frame wanted = {.from_guest = true, .udp = true, .payload = 60};
		size_t size = test_frame_make(&wanted, frame);

		put32(frame + size - 4, i);
		fake_channel_limit(nic.channels[i % 4],
				   g_test_rand_bit() ? (uint32_t)g_test_rand_int_range(0, 400)
						     : UINT32_MAX);
		nic.keep = g_test_rand_bit();
		guest_nic_send_buffer(&nic, i % 4, messages[i],
				      guest_nic_wrap(messages[i], frame, (uint32_t)size, NULL, 0),
				      1);
		guest_nic_network_send(&nic, NULL, frame, numbered(frame, i, 90));
		if (i % 7 == 0)
			guest_nic_poll(&nic);
		if (i % 13 == 0)
			guest_nic_complete_kept(&nic);
	}
	nic.keep = false;
	for (unsigned int i = 0; i < 4; i++)
		fake_channel_limit(nic.channels[i], UINT32_MAX);
	while (into < 200 || out < 200) {
		struct guest_frame *received;

		guest_nic_complete_kept(&nic);
		while (guest_nic_network_receive(&nic, &header, got, sizeof(got)))
			out++;
		if (into == 200) {
			fake_vmbus_settle(nic.thread);
			continue;
		}
		received = guest_nic_receive(&nic);
		g_assert_nonnull(received);
		taken[get32(received->data + received->size - 4)]++;
		guest_frame_free(received);
		into++;
	}
	for (unsigned int i = 0; i < 200; i++)
		g_assert_cmpuint(taken[i], ==, 1);
	for (unsigned int i = 0; i < 200; i++)
		g_assert_cmpuint(guest_nic_sent(&nic), ==, 1);
	guest_nic_free(&nic);
}

/* Frames that come together go together: one packet and one interrupt for many. */
static void test_batch(void)
{
	struct guest_nic_options options = {0};
	struct netvsp_state before, after;
	uint8_t frame[200];
	struct guest_nic nic;
	unsigned int flushes;

	guest_nic_up(&nic, &options);
	nic.keep = true;
	netvsp_state(nic.netvsp, &before);
	flushes = fake_channel_flushes(nic.channels[0]);
	fake_channel_limit(nic.channels[0], 0); /* holds them back until all have come */
	for (uint32_t i = 0; i < 64; i++)
		guest_nic_network_send(&nic, NULL, frame, numbered(frame, i, 30));
	fake_vmbus_settle(nic.thread);
	fake_channel_limit(nic.channels[0], UINT32_MAX);
	for (uint32_t i = 0; i < 64; i++)
		guest_frame_free(guest_nic_receive(&nic));
	netvsp_state(nic.netvsp, &after);
	g_assert_cmpuint(after.counters.received - before.counters.received, ==, 64);
	g_assert_cmpuint(after.counters.batches - before.counters.batches, <=, 4);
	g_assert_cmpuint(fake_channel_flushes(nic.channels[0]) - flushes, <=, 4);
	guest_nic_free(&nic);
}

/* The pieces of a large frame stay together, however many frames came before it in the row. */
static void test_batch_pieces(void)
{
	struct guest_nic_options options = {.large_receive = true};
	struct test_frame wanted = {.payload = 50000};
	struct virtio_net_hdr header = {
		.flags = 1, .gso_type = 1, .gso_size = 1400, .csum_start = 34, .csum_offset = 16};
	uint8_t *large = g_malloc(66000), frame[200];
	size_t size = test_frame_make(&wanted, large);
	struct guest_nic nic;

	guest_nic_up(&nic, &options);
	for (uint32_t small = 20; small < 60; small += 3) {
		fake_channel_limit(nic.channels[0], 0);
		for (uint32_t i = 0; i < small; i++)
			guest_nic_network_send(&nic, NULL, frame, numbered(frame, i, 30));
		guest_nic_network_send(&nic, &header, large, size);
		fake_vmbus_settle(nic.thread);
		fake_channel_limit(nic.channels[0], UINT32_MAX);
		for (uint32_t i = 0; i <= small; i++) {
			struct guest_frame *got = guest_nic_receive(&nic);

			g_assert_nonnull(got);
			g_assert_cmpuint(got->n_pieces, ==, i < small ? 1 : 31);
			guest_frame_free(got);
		}
	}
	guest_nic_free(&nic);
	g_free(large);
}

/* 100 KB/s: 65 KB may pass at once, the next 20 KB take at least a tenth of a second. */
static void test_limits(void)
{
	struct guest_nic_options options = {.send_limit = 100000, .receive_limit = 100000};
	enum { N = 60 };
	uint8_t *messages = g_malloc(N * 2000), frame[2000], got[2000];
	struct test_frame wanted = {.from_guest = true, .udp = true, .payload = 1400};
	gint64 start = g_get_monotonic_time();
	struct virtio_net_hdr header;
	struct netvsp_state state;
	struct guest_nic nic;
	unsigned int out = 0;
	size_t size;

	guest_nic_up(&nic, &options);
	size = test_frame_make(&wanted, frame);
	for (size_t i = 0; i < N; i++)
		guest_nic_send_buffer(
			&nic, 0, messages + 2000 * i,
			guest_nic_wrap(messages + 2000 * i, frame, (uint32_t)size, NULL, 0), 1);
	g_assert_cmpuint(fake_channel_backlog(nic.channels[0]), >, 0);
	for (unsigned int i = 0; i < N; i++)
		g_assert_cmpuint(guest_nic_sent(&nic), ==, 1);
	while (guest_nic_network_receive(&nic, &header, got, sizeof(got)))
		out++;
	g_assert_cmpuint(out, ==, N);
	g_assert_cmpint(g_get_monotonic_time() - start, >=, 150000);
	start = g_get_monotonic_time();
	for (uint32_t i = 0; i < N; i++)
		guest_nic_network_send(&nic, NULL, frame, numbered(frame, i, 1400));
	for (uint32_t i = 0; i < N; i++)
		guest_frame_free(guest_nic_receive(&nic));
	g_assert_cmpint(g_get_monotonic_time() - start, >=, 150000);
	netvsp_state(nic.netvsp, &state);
	g_assert_cmpuint(state.counters.throttled, >, 0);
	g_assert_cmpuint(state.counters.received, ==, N);
	/* Lifted while something waits for it. */
	netvsp_set_limits(nic.netvsp, 1, 1);
	for (size_t i = 0; i < N; i++)
		guest_nic_send_buffer(&nic, 0, messages + 2000 * i, 1400 + 86, 1);
	g_assert_cmpuint(fake_channel_backlog(nic.channels[0]), >, 0);
	netvsp_set_limits(nic.netvsp, 0, 0);
	for (unsigned int i = 0; i < N; i++)
		g_assert_cmpuint(guest_nic_sent(&nic), ==, 1);
	guest_nic_free(&nic);
	g_free(messages);
}

/* The adapter goes while all is full. */
static void test_removed_when_full(void)
{
	struct guest_nic_options options = {.stream = true, .channels = 2, .send_limit = 1000};
	struct test_frame wanted = {.from_guest = true, .payload = 1000};
	uint8_t frame[2000], message[2000];
	struct guest_nic nic;
	uint32_t n;

	guest_nic_up(&nic, &options);
	nic.keep = true;
	n = guest_nic_wrap(message, frame, (uint32_t)test_frame_make(&wanted, frame), NULL, 0);
	fake_channel_limit(nic.channels[0], 0);
	for (unsigned int i = 0; i < 200; i++) {
		guest_nic_send_buffer(&nic, i % 2, message, n, 1);
		guest_nic_network_send(&nic, NULL, frame, numbered(frame, i, 100));
	}
	fake_vmbus_settle(nic.thread);
	netvsp_free(nic.netvsp);
	nic.netvsp = NULL;
	nic.n_channels = 0;
	guest_nic_free(&nic);
}

/* passt ends: the guest sees its link go, and what it sends is dropped, not kept. */
static void test_network_ends(void)
{
	struct guest_nic_options options = {.stream = true};
	struct test_frame wanted = {.from_guest = true, .payload = 1000};
	uint8_t frame[2000], message[2000];
	g_autoptr(GBytes) told = NULL;
	struct netvsp_state state;
	struct guest_nic nic;
	uint32_t n;

	guest_nic_up(&nic, &options);
	n = guest_nic_wrap(message, frame, (uint32_t)test_frame_make(&wanted, frame), NULL, 0);
	shutdown(nic.network, SHUT_RDWR);
	do {
		fake_vmbus_settle(nic.thread);
		netvsp_state(nic.netvsp, &state);
	} while (state.link_up);
	guest_nic_poll(&nic);
	told = g_queue_pop_head(&nic.answers);
	g_assert_cmphex(get32((const uint8_t *)g_bytes_get_data(told, NULL) + 8), ==, 0x4001000c);
	for (int i = 0; i < 100; i++) {
		guest_nic_send_buffer(&nic, 0, message, n, 1);
		g_assert_cmpuint(guest_nic_sent(&nic), ==, 1);
	}
	netvsp_state(nic.netvsp, &state);
	g_assert_cmpuint(state.counters.send_dropped, ==, 100);
	guest_nic_free(&nic);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/netvsp-flow/no-sections", test_no_sections);
	g_test_add_func("/netvsp-flow/no-ring", test_no_ring);
	g_test_add_func("/netvsp-flow/no-ring-for-completions", test_no_ring_for_completions);
	g_test_add_data_func("/netvsp-flow/network-full/port", GINT_TO_POINTER(0),
			     test_network_full);
	g_test_add_data_func("/netvsp-flow/network-full/user", GINT_TO_POINTER(1),
			     test_network_full);
	g_test_add_func("/netvsp-flow/random", test_random);
	g_test_add_func("/netvsp-flow/batch", test_batch);
	g_test_add_func("/netvsp-flow/batch-pieces", test_batch_pieces);
	g_test_add_func("/netvsp-flow/limits", test_limits);
	g_test_add_func("/netvsp-flow/removed-when-full", test_removed_when_full);
	g_test_add_func("/netvsp-flow/network-ends", test_network_ends);
	return g_test_run();
}
