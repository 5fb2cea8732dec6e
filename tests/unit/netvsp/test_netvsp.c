/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A driver's whole life on the adapter, and frames both ways. */
#include <string.h>

#include "guest_nic.h"

static const struct virtio_net_hdr plain;

static void assert_state(struct guest_nic *nic, unsigned int channels, uint32_t version)
{
	struct netvsp_state state;

	netvsp_state(nic->netvsp, &state);
	g_assert_cmpuint(state.channels, ==, channels);
	g_assert_cmpuint(state.version, ==, version);
	g_assert_cmpuint(state.counters.faults, ==, 0);
}

/* A frame each way. */
static void ping(struct guest_nic *nic)
{
	struct test_frame out = {.from_guest = true, .udp = true, .payload = 100};
	struct test_frame in = {.udp = true, .payload = 200};
	uint8_t frame[2048], message[2048], got[2048];
	struct virtio_net_hdr header;
	struct guest_frame *received;
	size_t size = test_frame_make(&out, frame);
	uint32_t n = guest_nic_wrap(message, frame, (uint32_t)size, NULL, 0);

	guest_nic_send_buffer(nic, 0, message, n, 2);
	g_assert_cmpuint(guest_nic_sent(nic), ==, 1);
	g_assert_cmpuint(guest_nic_network_receive(nic, &header, got, sizeof(got)), ==, size);
	g_assert_cmpint(memcmp(got, frame, size), ==, 0);
	g_assert_cmpint(memcmp(&header, &plain, sizeof(plain)), ==, 0);

	size = test_frame_make(&in, frame);
	guest_nic_network_send(nic, NULL, frame, size);
	received = guest_nic_receive(nic);
	g_assert_nonnull(received);
	g_assert_cmpuint(received->size, ==, size);
	g_assert_cmpint(memcmp(received->data, frame, size), ==, 0);
	guest_frame_free(received);
}

static void test_versions(void)
{
	static const uint32_t versions[] = {2, 0x30002, 0x40000, 0x50000, 0x60000, 0x60001};

	for (int stream = 0; stream < 2; stream++) {
		for (size_t i = 0; i < G_N_ELEMENTS(versions); i++) {
			struct guest_nic_options options = {
				.version = versions[i], .stream = stream, .channels = 4};
			struct guest_nic nic;

			guest_nic_build(&nic, &options);
			guest_nic_open(&nic);
			/* As Linux does: newest first, until one is taken. */
			g_assert_cmpuint(guest_nic_negotiate(&nic, 0x70000, 0x70000), ==, 3);
			guest_nic_start(&nic, &options);
			ping(&nic);
			assert_state(&nic, versions[i] >= 0x50000 ? 4 : 1, versions[i]);
			g_assert_cmpuint(nic.associations, ==, versions[i] >= 0x40000);
			g_assert_cmpuint(nic.indirection_tables, ==, versions[i] >= 0x50000);
			if (nic.indirection_tables)
				for (uint32_t j = 0; j < 16; j++)
					g_assert_cmpuint(nic.indirection[j], ==, j % 4);
			guest_nic_free(&nic);
		}
	}
}

/* A change of the MTU, and kexec: the driver closes all and begins again. */
static void test_again(void)
{
	struct guest_nic_options options = {.channels = 3};
	struct guest_nic nic;

	guest_nic_up(&nic, &options);
	for (int i = 0; i < 5; i++) {
		ping(&nic);
		nic.keep = true; /* what is in flight is lost with the channel */
		guest_nic_network_send(
			&nic, NULL, (const uint8_t *)"\xff\xff\xff\xff\xff\xff......\x08\x06", 14);
		guest_frame_free(guest_nic_receive(&nic));
		nic.keep = false;
		g_array_set_size(nic.kept, 0);
		fake_channel_close(nic.channels[0]);
		assert_state(&nic, 0, 0);
		fake_device_remove_gpadl(nic.device, 7);
		fake_device_remove_gpadl(nic.device, 8);
		options.mtu = i % 2 ? 1500 : 9000;
		guest_nic_open(&nic);
		guest_nic_start(&nic, &options);
		g_assert_cmpuint(nic.section_size, >=, options.mtu + 18 + 64);
	}
	guest_nic_free(&nic);
}

/* What a driver sends: sections, buffers, and both in one packet, with several messages in a row.
 */
static void test_send_shapes(void)
{
	struct guest_nic_options options = {0};
	uint8_t frames[3][1500], message[6144], got[2048], nvsp[40] = {0};
	struct virtio_net_hdr header;
	struct guest_nic nic;
	size_t sizes[3];
	uint32_t n = 0, last = 0;

	guest_nic_up(&nic, &options);
	for (size_t i = 0; i < 3; i++) {
		struct test_frame wanted = {.from_guest = true, .payload = 300 + 400 * i};

		sizes[i] = test_frame_make(&wanted, frames[i]);
		last = n;
		n += guest_nic_wrap(message + n, frames[i], (uint32_t)sizes[i], NULL, 0);
		if (i < 2) { /* padded to 8, as the message's size says */
			uint32_t padded = (n + 7) & ~7u;

			memset(message + n, 0, padded - n);
			put32(message + last + 4, padded - last);
			n = padded;
		}
	}
	for (unsigned int way = 0; way < 3; way++) {
		if (way == 0) {
			guest_nic_send_section(&nic, 0, 41, message, n);
		} else if (way == 1) {
			guest_nic_send_buffer(&nic, 0, message, n, 7);
		} else { /* the last message's header in the section, its frame in the buffer */
			struct iovec iov = {message + last + 44, n - last - 44};

			memset(nic.send, 0x99, GUEST_NIC_SEND);
			for (uint32_t i = 0; i < last + 44; i++) /* section 0: pages 1, 0 */
				nic.send[(i / 4096 ^ 1) * 4096 + i % 4096] = message[i];
			put32(nvsp, 107);
			put32(nvsp + 12, last + 44);
			fake_channel_send(
				nic.channels[0],
				&(struct fake_packet){.type = VMBUS_PACKET_DATA_USING_GPA_DIRECT,
						      .flags = VMBUS_PACKET_WANTS_COMPLETION,
						      .transaction_id = 5,
						      .payload = nvsp,
						      .size = 40,
						      .buffer = &iov,
						      .n_buffer = 1});
		}
		g_assert_cmpuint(guest_nic_sent(&nic), ==, 1);
		for (size_t i = 0; i < 3; i++) {
			g_assert_cmpuint(guest_nic_network_receive(&nic, &header, got, sizeof(got)),
					 ==, sizes[i]);
			g_assert_cmpint(memcmp(got, frames[i], sizes[i]), ==, 0);
		}
		g_assert_cmpuint(nic.completions.length, ==, 0);
	}
	guest_nic_free(&nic);
}

/* Over a port checksums and segments are left undone; over passt they are done. */
static void test_send_offload(gconstpointer data)
{
	struct guest_nic_options options = {.stream = GPOINTER_TO_INT(data)};
	uint8_t *frame = g_malloc(66000), *message = g_malloc(66000), *got = g_malloc(66000);
	struct guest_nic nic;

	guest_nic_up(&nic, &options);
	for (unsigned int bits = 0; bits < 8; bits++) {
		struct test_frame wanted = {
			.from_guest = true, .ip6 = bits & 1, .payload = bits & 2 ? 30000 : 1000};
		struct guest_info info[2] = {{0, wanted.ip6 ? 0x06 : 0x15}, {6, 0x1235}};
		size_t size = test_frame_make(&wanted, frame), l4 = test_frame_l4(frame), total = 0;
		size_t tag = bits & 4 ? 4 : 0, n;
		struct virtio_net_hdr header;

		if (bits & 2) {
			info[0] = (struct guest_info){2, 1400u | (uint32_t)l4 << 20 | 0x40000000u |
								 (wanted.ip6 ? 0x80000000u : 0)};
			memset(frame + 14 + (wanted.ip6 ? 4 : 2), 0, 2);
		}
		memset(frame + l4 + 16, 0, 2);
		guest_nic_send_buffer(
			&nic, 0, message,
			guest_nic_wrap(message, frame, (uint32_t)size, info, tag ? 2 : 1), 9);
		g_assert_cmpuint(guest_nic_sent(&nic), ==, 1);
		while ((n = guest_nic_network_receive(&nic, &header, got, 66000))) {
			if (tag)
				g_assert_cmpint(memcmp(got + 12, "\x81\x00\xa1\x23", 4), ==, 0);
			if (options.stream) {
				g_assert_true(test_frame_good(got, n));
				g_assert_cmpuint(n, <=, 1400 + l4 + 20 + tag);
			} else {
				g_assert_cmpuint(header.flags, ==, 1);
				g_assert_cmpuint(header.csum_start, ==, l4 + tag);
				g_assert_cmpuint(header.gso_type, ==,
						 bits & 2 ? (wanted.ip6 ? 4 : 1) : 0);
				g_assert_cmpuint(header.gso_size, ==, bits & 2 ? 1400 : 0);
			}
			g_assert_cmpint(memcmp(got + l4 + tag + 20, frame + l4 + 20 + total,
					       n - l4 - tag - 20),
					==, 0);
			total += n - l4 - tag - 20;
		}
		g_assert_cmpuint(total, ==, wanted.payload);
	}
	guest_nic_free(&nic);
	g_free(frame);
	g_free(message);
	g_free(got);
}

/* A large frame comes whole to a guest that takes pieces, and in segments to another. */
static void test_receive_large(gconstpointer data)
{
	struct guest_nic_options options = {.large_receive = GPOINTER_TO_INT(data)};
	uint8_t *frame = g_malloc(66000);
	struct guest_nic nic;

	guest_nic_up(&nic, &options);
	for (unsigned int bits = 0; bits < 4; bits++) {
		struct test_frame wanted = {.ip6 = bits & 1, .vlan = bits & 2, .payload = 50000};
		struct virtio_net_hdr header = {.flags = 1,
						.gso_type = wanted.ip6 ? 4 : 1,
						.gso_size = 1380,
						.csum_offset = 16};
		size_t size = test_frame_make(&wanted, frame), total = 0;
		size_t l4 = test_frame_l4(frame), tag = wanted.vlan ? 4 : 0;

		header.csum_start = (uint16_t)l4;
		header.hdr_len = (uint16_t)(l4 + 20);
		memset(frame + l4 + 16, 0x22, 2); /* only the pseudo header's sum in truth */
		guest_nic_network_send(&nic, &header, frame, size);
		while (total < wanted.payload) {
			struct guest_frame *got = guest_nic_receive(&nic);

			g_assert_nonnull(got);
			g_assert_cmphex(got->checksum, ==, wanted.ip6 ? 0x08 : 0x28);
			g_assert_cmphex(got->vlan, ==, wanted.vlan ? 0x1235 : UINT32_MAX);
			if (options.large_receive) {
				g_assert_cmpuint(got->size, ==, size - tag);
				g_assert_cmpuint(got->n_pieces, ==, (got->size + 1619) / 1620);
			} else {
				g_assert_true(test_frame_good(got->data, got->size));
				g_assert_cmpuint(got->n_pieces, ==, 1);
				g_assert_cmpuint(got->size, <=, 1380 + l4 + 20 - tag);
			}
			g_assert_cmpint(memcmp(got->data + l4 - tag + 20, frame + l4 + 20 + total,
					       got->size - (l4 - tag + 20)),
					==, 0);
			total += got->size - (l4 - tag + 20);
			guest_frame_free(got);
		}
		g_assert_cmpuint(total, ==, wanted.payload);
	}
	guest_nic_free(&nic);
	g_free(frame);
}

/* A guest that takes pieces gets few of them where its buffer has enough sections for that. */
static void test_section_size(void)
{
	static const struct {
		uint32_t mtu, receive_size;
		bool large_receive;
		uint32_t section, pieces; /* of 50 KB; 0: not the matter */
	} cases[] = {
		{1500, 16u << 20, true, 8128, 7},
		{1500, 8u << 20, true, 8128, 7},
		{1500, (8u << 20) - (128u << 10), true, 1728, 31},
		{1500, 16u << 20, false, 1728, 0},
		{9000, 16u << 20, true, 9152, 6},
	};
	struct virtio_net_hdr header = {
		.flags = 1, .gso_type = 1, .gso_size = 1380, .csum_start = 34, .csum_offset = 16};
	g_autofree uint8_t *frame = g_malloc(66000);
	size_t size = test_frame_make(&(struct test_frame){.payload = 50000}, frame);

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct guest_nic_options options = {.mtu = cases[i].mtu,
						    .receive_size = cases[i].receive_size,
						    .large_receive = cases[i].large_receive};
		struct guest_frame *got;
		struct guest_nic nic;

		guest_nic_up(&nic, &options);
		g_assert_cmpuint(nic.section_size, ==, cases[i].section);
		g_assert_cmpuint(nic.n_sections, ==, cases[i].receive_size / cases[i].section);
		guest_nic_network_send(&nic, &header, frame, size);
		got = guest_nic_receive(&nic);
		g_assert_nonnull(got);
		if (cases[i].pieces) {
			g_assert_cmpuint(got->n_pieces, ==, cases[i].pieces);
			g_assert_cmpuint(got->size, ==, size);
			g_assert_cmpint(memcmp(got->data, frame, size), ==, 0);
		}
		guest_frame_free(got);
		guest_nic_free(&nic);
	}
}

/* A frame whose checksum its sender left undone is right when the guest has it. */
static void test_receive_checksum(void)
{
	struct guest_nic_options options = {0};
	struct guest_nic nic;

	guest_nic_up(&nic, &options);
	for (unsigned int bits = 0; bits < 8; bits++) {
		struct test_frame wanted = {
			.ip6 = bits & 1, .udp = bits & 2, .vlan = bits & 4, .payload = 999};
		uint8_t frame[2048];
		size_t size = test_frame_make(&wanted, frame), l4 = test_frame_l4(frame);
		struct virtio_net_hdr header = {
			.flags = 1, .csum_start = (uint16_t)l4, .csum_offset = wanted.udp ? 6 : 16};
		uint8_t *place = frame + l4 + header.csum_offset;
		size_t l3 = test_frame_l3(frame), tag = wanted.vlan ? 4 : 0;
		uint32_t sum = 0;
		struct guest_frame *got;

		/* The pseudo header's sum, as a sender leaves it. */
		for (size_t i = 0; i < (wanted.ip6 ? 32u : 8u); i += 2)
			sum += (uint32_t)frame[l3 + (wanted.ip6 ? 8 : 12) + i] << 8 |
			       frame[l3 + (wanted.ip6 ? 8 : 12) + i + 1];
		sum += (uint32_t)(size - l4) + (wanted.udp ? 17 : 6);
		sum = (sum & 0xffff) + (sum >> 16);
		sum = (sum & 0xffff) + (sum >> 16);
		place[0] = (uint8_t)(sum >> 8);
		place[1] = (uint8_t)sum;
		guest_nic_network_send(&nic, &header, frame, size);
		got = guest_nic_receive(&nic);
		g_assert_nonnull(got);
		g_assert_cmpuint(got->size, ==, size - tag);
		g_assert_true(test_frame_good(got->data, got->size));
		g_assert_cmphex(got->checksum, ==,
				(wanted.udp ? 0x10u : 0x08u) | (wanted.ip6 ? 0 : 0x20u));
		guest_frame_free(got);
	}
	guest_nic_free(&nic);
}

/* A connection stays on its channel, and connections are spread. */
static void test_rss(void)
{
	struct guest_nic_options options = {.channels = 4};
	unsigned int counts[4] = {0};
	struct guest_nic nic;

	guest_nic_up(&nic, &options);
	for (uint16_t i = 0; i < 200; i++) {
		struct test_frame wanted = {.source_port = (uint16_t)(1000 + i / 2), .payload = 10};
		static unsigned int last;
		uint8_t frame[200];
		size_t size = test_frame_make(&wanted, frame);
		struct guest_frame *got;

		guest_nic_network_send(&nic, NULL, frame, size);
		got = guest_nic_receive(&nic);
		g_assert_nonnull(got);
		g_assert_cmphex(got->hash, !=, UINT32_MAX);
		g_assert_cmpuint(got->channel, ==, got->hash % 4);
		if (i % 2)
			g_assert_cmpuint(got->channel, ==, last);
		last = got->channel;
		counts[last]++;
		guest_frame_free(got);
	}
	for (unsigned int i = 0; i < 4; i++)
		g_assert_cmpuint(counts[i], >, 20);
	fake_channel_close(nic.channels[3]); /* its share goes to the primary */
	nic.n_channels = 3;
	for (uint16_t i = 0; i < 50; i++) {
		struct test_frame wanted = {.source_port = (uint16_t)(1000 + i), .payload = 10};
		uint8_t frame[200];
		size_t size = test_frame_make(&wanted, frame);
		struct guest_frame *got;

		guest_nic_network_send(&nic, NULL, frame, size);
		got = guest_nic_receive(&nic);
		g_assert_nonnull(got);
		g_assert_cmpuint(got->channel, ==, got->hash % 4 == 3 ? 0 : got->hash % 4);
		guest_frame_free(got);
	}
	guest_nic_free(&nic);
}

static void test_sub_channel_send(void)
{
	struct guest_nic_options options = {.channels = 3};
	struct test_frame wanted = {.from_guest = true, .payload = 10};
	uint8_t frame[200], message[300], got[300];
	struct virtio_net_hdr header;
	struct guest_nic nic;
	uint32_t n;

	guest_nic_up(&nic, &options);
	n = guest_nic_wrap(message, frame, (uint32_t)test_frame_make(&wanted, frame), NULL, 0);
	for (unsigned int i = 0; i < 3; i++) {
		guest_nic_send_section(&nic, i, i, message, n);
		g_assert_cmpuint(guest_nic_sent(&nic), ==, 1);
		g_assert_cmpuint(guest_nic_network_receive(&nic, &header, got, sizeof(got)), ==,
				 64);
	}
	guest_nic_free(&nic);
}

static void test_link(void)
{
	struct guest_nic_options options = {0};
	uint8_t value[4];
	struct guest_nic nic;
	uint32_t size;

	guest_nic_up(&nic, &options);
	for (int i = 0; i < 4; i++) {
		bool up = i % 2;
		g_autoptr(GBytes) told = NULL;

		netvsp_set_link(nic.netvsp, up);
		netvsp_set_link(nic.netvsp, up); /* told once */
		guest_nic_poll(&nic);
		g_assert_cmpuint(nic.answers.length, ==, 1);
		told = g_queue_pop_head(&nic.answers);
		g_assert_cmpuint(get32(g_bytes_get_data(told, NULL)), ==, 7);
		g_assert_cmphex(get32((const uint8_t *)g_bytes_get_data(told, NULL) + 8), ==,
				up ? 0x4001000b : 0x4001000c);
		g_assert_cmpuint(guest_nic_query(&nic, 0x00010114, NULL, 0, value, 4, &size), ==,
				 0);
		g_assert_cmpuint(get32(value), ==, !up);
	}
	ping(&nic);
	guest_nic_free(&nic);
}

static void test_filters(void)
{
	struct guest_nic_options options = {.fixed_mac = true};
	struct test_frame wanted = {.from_guest = true, .payload = 10};
	uint8_t frame[200], message[300];
	struct netvsp_state state;
	struct guest_nic nic;
	uint32_t none = 0;
	size_t size;

	guest_nic_up(&nic, &options);
	size = test_frame_make(&wanted, frame);
	frame[11] ^= 1; /* not its source address */
	guest_nic_send_buffer(&nic, 0, message,
			      guest_nic_wrap(message, frame, (uint32_t)size, NULL, 0), 1);
	g_assert_cmpuint(guest_nic_sent(&nic), ==, 5);
	wanted.from_guest = false;
	size = test_frame_make(&wanted, frame);
	frame[5] ^= 1; /* to somebody else */
	guest_nic_network_send(&nic, NULL, frame, size);
	ping(&nic);
	netvsp_state(nic.netvsp, &state);
	g_assert_cmpuint(state.counters.send_invalid, ==, 1);
	g_assert_cmpuint(state.counters.receive_filtered, ==, 1);
	g_assert_cmpuint(guest_nic_set(&nic, 0x0001010e, &none, 4), ==, 0); /* closed */
	frame[5] ^= 1;
	guest_nic_network_send(&nic, NULL, frame, size);
	fake_vmbus_settle(nic.thread);
	netvsp_state(nic.netvsp, &state);
	g_assert_cmpuint(state.counters.receive_dropped, ==, 1);
	guest_nic_free(&nic);
}

static void test_switch_data_path(void)
{
	struct guest_nic_options options = {0};
	uint8_t message[40] = {0}, answer[40];
	struct guest_nic nic;

	guest_nic_up(&nic, &options);
	put32(message, 129);
	g_assert_cmpuint(guest_nic_ask(&nic, message, 40, answer, 40), ==, 0);
	guest_nic_free(&nic);
}

static void test_offer_fails(void)
{
	struct io_thread *thread = io_thread_new("test-nic", NULL);
	struct vmbus *bus = fake_vmbus_new();
	struct guest_nic nic;
	struct guest_nic_options options = {0};
	struct netvsp_config config = {.bus = bus, .thread = thread, .name = "nic9", .channels = 1};
	g_autoptr(GError) error = NULL;

	guest_nic_build(&nic, &options); /* for its back end */
	netvsp_free(nic.netvsp);
	nic.netvsp = NULL;
	config.backend = nic.backend;
	fake_vmbus_fail_offers(bus, 1);
	g_assert_null(netvsp_new(&config, &error));
	g_assert_nonnull(error);
	nic.netvsp = netvsp_new(&config, NULL); /* the back end is free again */
	g_assert_nonnull(nic.netvsp);
	netvsp_free(nic.netvsp);
	nic.netvsp = NULL;
	guest_nic_free(&nic);
	io_thread_free(thread);
	fake_vmbus_free(bus);
}

int main(int argc, char **argv)
{
	gconstpointer yes = GINT_TO_POINTER(1), no = GINT_TO_POINTER(0);

	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/netvsp/versions", test_versions);
	g_test_add_func("/netvsp/again", test_again);
	g_test_add_func("/netvsp/send-shapes", test_send_shapes);
	g_test_add_data_func("/netvsp/send-offload/port", no, test_send_offload);
	g_test_add_data_func("/netvsp/send-offload/user", yes, test_send_offload);
	g_test_add_data_func("/netvsp/receive-large/pieces", yes, test_receive_large);
	g_test_add_data_func("/netvsp/receive-large/segments", no, test_receive_large);
	g_test_add_func("/netvsp/section-size", test_section_size);
	g_test_add_func("/netvsp/receive-checksum", test_receive_checksum);
	g_test_add_func("/netvsp/rss", test_rss);
	g_test_add_func("/netvsp/sub-channel-send", test_sub_channel_send);
	g_test_add_func("/netvsp/link", test_link);
	g_test_add_func("/netvsp/filters", test_filters);
	g_test_add_func("/netvsp/switch-data-path", test_switch_data_path);
	g_test_add_func("/netvsp/offer-fails", test_offer_fails);
	return g_test_run();
}
