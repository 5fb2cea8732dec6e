/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The data plane of the network adapter without a guest: a driver's model over vmbus_fake, a socket
 * as the network. Says what processor time a frame costs the I/O thread, the system call and the
 * fake's queue included; the pure parts are measured alone beside it.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "guest_nic.h"
#include "offload.h"
#include "rndis.h"
#include "rss.h"
#include "segment.h"

#define FRAMES	     5000u
#define ROUNDS	     10u
#define LARGE	     60000u
#define LARGE_FRAMES 256u

static void bench_drain(struct guest_nic *nic, uint8_t *got)
{
	struct virtio_net_hdr header;

	while (guest_nic_network_receive(nic, &header, got, 66000))
		;
}

static void bench_read_clock(void *context)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	*(double *)context = (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* What the I/O thread has used so far, ns. */
static double bench_used(struct guest_nic *nic)
{
	double used = 0;

	io_thread_call(nic->thread, bench_read_clock, &used);
	return used;
}

/* ns per frame; information makes it large. */
static double bench_send(struct guest_nic *nic, const uint8_t *message, uint32_t size,
			 unsigned int frames, uint8_t *got)
{
	double start = bench_used(nic);

	for (unsigned int i = 0; i < frames; i++) {
		guest_nic_send_buffer(nic, 0, message, size, size > 4096 ? 16 : 1);
		if (i % 4 == 3)
			bench_drain(nic, got);
		if (i % 32 == 31) {
			guest_nic_poll(nic);
			g_queue_clear_full(&nic->completions, (GDestroyNotify)g_bytes_unref);
		}
	}
	return (bench_used(nic) - start) / frames;
}

static double bench_receive(struct guest_nic *nic, const struct virtio_net_hdr *header,
			    const uint8_t *frame, size_t size, unsigned int frames)
{
	double start = bench_used(nic);

	for (unsigned int i = 0; i < frames; i += 16) {
		for (unsigned int j = 0; j < 16; j++)
			guest_nic_network_send(nic, header, frame, size);
		while (nic->frames.length < 16) {
			fake_vmbus_settle(nic->thread);
			guest_nic_poll(nic);
		}
		g_queue_clear_full(&nic->frames, (GDestroyNotify)guest_frame_free);
	}
	return (bench_used(nic) - start) / frames;
}

static unsigned int bench_flushes(const struct guest_nic *nic)
{
	return fake_channel_flushes(nic->channels[0]) + fake_channel_flushes(nic->channels[1]);
}

static void bench_device(void)
{
	struct guest_nic_options options = {
		.large_receive = true, .channels = 2, .receive_size = 16u << 20};
	struct test_frame wanted = {.from_guest = true, .payload = 1460};
	struct guest_info large = {2, 1460u | 34u << 20 | 0x40000000u};
	struct virtio_net_hdr header = {
		.flags = 1, .gso_type = 1, .gso_size = 1460, .csum_start = 34, .csum_offset = 16};
	uint8_t *frame = g_malloc(66000), *message = g_malloc(66000), *got = g_malloc(66000);
	struct bench_series send = {0}, send_large = {0}, receive = {0}, receive_large = {0};
	struct bench_series signals = {0};
	struct guest_nic nic;
	unsigned int flushes;
	uint32_t n;
	size_t size;

	guest_nic_up(&nic, &options);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		wanted.from_guest = true;
		wanted.payload = 1460;
		n = guest_nic_wrap(message, frame, (uint32_t)test_frame_make(&wanted, frame), NULL,
				   0);
		bench_add(&send, bench_send(&nic, message, n, FRAMES, got));
		wanted.payload = LARGE;
		n = guest_nic_wrap(message, frame, (uint32_t)test_frame_make(&wanted, frame),
				   &large, 1);
		bench_add(&send_large, bench_send(&nic, message, n, FRAMES / 10, got));
		wanted.from_guest = false;
		size = test_frame_make(&wanted, frame);
		flushes = bench_flushes(&nic);
		bench_add(&receive_large, bench_receive(&nic, &header, frame, size, LARGE_FRAMES));
		bench_add(&signals, (bench_flushes(&nic) - flushes) / (double)LARGE_FRAMES);
		wanted.payload = 1460;
		size = test_frame_make(&wanted, frame);
		bench_add(&receive, bench_receive(&nic, NULL, frame, size, FRAMES));
	}
	bench_print_row("send, 1514-byte frame", "ns", &send, "");
	bench_print_row("send, 60 KB large frame", "ns", &send_large, "");
	bench_print_row("receive, 1514-byte frame", "ns", &receive, "");
	bench_print_row("receive, 60 KB in pieces", "ns", &receive_large, "");
	bench_print_row("signals for a received frame", "", &signals, "");
	guest_nic_free(&nic);
	g_free(frame);
	g_free(message);
	g_free(got);
}

static void bench_pure(void)
{
	static struct rss rss = {.enabled = true, .types = 0x1700, .n_entries = 128};
	struct bench_series parse = {0}, sum = {0}, hash = {0}, cut = {0};
	struct test_frame wanted = {.from_guest = true, .payload = LARGE};
	uint8_t *frame = g_malloc(66000), message[200], header[FRAME_HEADER_MAX];
	struct guest_info info = {0, 0x15};
	volatile uint64_t keep = 0;
	size_t size = test_frame_make(&wanted, frame);
	uint32_t n = guest_nic_wrap(message, frame, 100, &info, 1);
	struct iovec iov = {message, n}, whole = {frame, size}, pieces[2];
	struct rndis_frame rndis;
	struct frame parsed;
	uint32_t value;

	rss_set_key(&rss, (const uint8_t[RSS_KEY_SIZE]){1, 2, 3});
	frame_parse(frame, 200, &parsed);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		double start = bench_now_ms();

		for (unsigned int j = 0; j < 100000; j++)
			keep += rndis_parse_packet(&iov, 1, n, &rndis) == NULL;
		bench_add(&parse, (bench_now_ms() - start) * 1e6 / 100000);
		start = bench_now_ms();
		for (unsigned int j = 0; j < 1000; j++)
			keep += frame_sum(0, frame, size, false);
		bench_add(&sum, (double)size * 1000 / ((bench_now_ms() - start) * 1e6));
		start = bench_now_ms();
		for (unsigned int j = 0; j < 100000; j++)
			keep += rss_hash(&rss, frame, 200, &parsed, &value);
		bench_add(&hash, (bench_now_ms() - start) * 1e6 / 100000);
		start = bench_now_ms();
		for (unsigned int j = 0; j < 100; j++) {
			struct segmenter segmenter;

			segmenter_init(&segmenter, &whole, 1, 1460);
			while (segmenter_next(&segmenter, header, pieces, 2))
				keep++;
		}
		bench_add(&cut, (bench_now_ms() - start) * 1e6 / 100 / (LARGE / 1460.0));
	}
	bench_print_row("RNDIS packet parsed", "ns", &parse, "");
	bench_print_row("checksum", "GB/s", &sum, "");
	bench_print_row("RSS hash, TCP over IPv4", "ns", &hash, "");
	bench_print_row("one segment of 1460 cut", "ns", &cut, "");
	g_free(frame);
}

int main(void)
{
	bench_print_header();
	bench_device();
	bench_pure();
	return EXIT_SUCCESS;
}
