/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The data plane of a disk without a guest: 4 KiB random reads of a file, by a plain loop of
 * io_uring, and by READ(10) through storvsp over a VMBus that costs nothing: its rings are arrays,
 * its signal is an eventfd as KVM's ioeventfd is. Both on one thread, at the same depth.
 *
 *   bench_storvsp FILE [none|writeback] [RUNS]       FILE of at least 64 MiB, not in use
 *
 * Under `strace -f -c` the calls of either part say what an I/O takes (RUNS=1).
 */
#include <fcntl.h>
#include <glib.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bench.h"
#include "file_block.h"
#include "storvsp.h"
#include "vstor_wire.h"

#define MAX_DEPTH 32u
#define IO_SIZE	  4096u
#define IOS	  40000u

static uint64_t random_block(uint64_t *state, uint64_t n)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state % n;
}

/* ---- VMBus, as little as there can be -------------------------------------------------------- */

struct vmbus_channel {
	struct vmbus_device_config device;
	int signal;
	struct io_watch *watch;
	uint8_t *memory; /* of the guest: MAX_DEPTH buffers */
	/* to the host */
	struct vstor_packet packets[2 * MAX_DEPTH];
	struct iovec buffers[2 * MAX_DEPTH];
	uint32_t head, tail;
	/* to the guest */
	uint64_t answered[2 * MAX_DEPTH];
	uint32_t n_answered;
	/* the guest */
	unsigned int depth, left, busy, failed;
	uint64_t n_blocks, random;
	GMutex lock;
	GCond ended;
	bool end;
};

static struct vmbus_channel bench_channel;

struct vmbus_device *vmbus_offer(struct vmbus *bus, const struct vmbus_device_config *config,
				 GError **error)
{
	(void)bus;
	(void)error;
	bench_channel.device = *config;
	return (struct vmbus_device *)&bench_channel;
}

static void close_channel(void *context)
{
	struct vmbus_channel *channel = context;

	channel->device.ops->closed(channel->device.context, channel);
	io_watch_free(channel->watch);
}

void vmbus_rescind(struct vmbus_device *device)
{
	struct vmbus_channel *channel = (struct vmbus_channel *)device;

	io_thread_call(channel->device.thread, close_channel, channel);
}

uint16_t vmbus_device_offer_sub_channels(struct vmbus_device *device, uint16_t n)
{
	(void)device;
	(void)n;
	return 0;
}

uint16_t vmbus_channel_index(const struct vmbus_channel *channel)
{
	(void)channel;
	return 0;
}

void vmbus_channel_fault(struct vmbus_channel *channel, const char *what)
{
	(void)channel;
	fprintf(stderr, "bench_storvsp: %s\n", what);
	exit(EXIT_FAILURE);
}

bool vmbus_channel_receive(struct vmbus_channel *channel, struct vmbus_packet *packet)
{
	uint32_t at = channel->head % (2 * MAX_DEPTH);

	if (channel->head == channel->tail)
		return false;
	channel->head++;
	*packet = (struct vmbus_packet){
		.type = VMBUS_PACKET_DATA_USING_GPA_DIRECT,
		.flags = VMBUS_PACKET_WANTS_COMPLETION,
		.transaction_id = at,
		.payload = (const uint8_t *)&channel->packets[at],
		.size = sizeof(struct vstor_packet),
		.buffer = &channel->buffers[at],
		.n_buffer = 1,
		.buffer_size = channel->buffers[at].iov_len,
	};
	return true;
}

bool vmbus_channel_send(struct vmbus_channel *channel, enum vmbus_packet_type type, uint16_t flags,
			uint64_t transaction_id, const struct iovec *payload, unsigned int n)
{
	const struct vstor_packet *packet = payload[0].iov_base;

	(void)type;
	(void)flags;
	(void)n;
	if (packet->status != 0 || (packet->srb.srb_status != SRB_STATUS_SUCCESS && channel->busy))
		channel->failed++;
	channel->answered[channel->n_answered++] = transaction_id;
	return true;
}

/* ---- the guest ------------------------------------------------------------------------------- */

static void guest_signal(struct vmbus_channel *channel)
{
	uint64_t one = 1;

	(void)!write(channel->signal, &one, sizeof(one));
}

static void guest_read(struct vmbus_channel *channel, uint32_t slot)
{
	uint32_t at = channel->tail++ % (2 * MAX_DEPTH);
	uint32_t lba = (uint32_t)(random_block(&channel->random, channel->n_blocks) * 8);
	struct vstor_packet *packet = &channel->packets[at];

	*packet = (struct vstor_packet){
		.operation = VSTOR_EXECUTE_SRB,
		.srb = {.cdb_length = 10,
			.sense_info_length = VSTOR_SENSE_SIZE,
			.data_in = SRB_DATA_IN,
			.data_transfer_length = IO_SIZE,
			.cdb = {0x28, 0, (uint8_t)(lba >> 24), (uint8_t)(lba >> 16),
				(uint8_t)(lba >> 8), (uint8_t)lba, 0, 0, 8}},
	};
	channel->buffers[at] =
		(struct iovec){channel->memory + (size_t)slot % MAX_DEPTH * IO_SIZE, IO_SIZE};
	channel->busy++;
	channel->left--;
}

/* The interrupt: the guest takes its answers and asks for as much again. */
void vmbus_channel_flush(struct vmbus_channel *channel)
{
	uint32_t n = channel->n_answered, asked = 0;

	channel->n_answered = 0;
	if (!channel->depth)
		return;
	channel->busy -= n;
	while (asked < n && channel->left) {
		guest_read(channel, (uint32_t)channel->answered[asked]);
		asked++;
	}
	if (asked)
		guest_signal(channel);
	if (channel->busy == 0) {
		g_mutex_lock(&channel->lock);
		channel->end = true;
		g_cond_signal(&channel->ended);
		g_mutex_unlock(&channel->lock);
	}
}

static void channel_signalled(void *context, uint32_t events)
{
	struct vmbus_channel *channel = context;
	uint64_t count;

	(void)events;
	(void)!read(channel->signal, &count, sizeof(count));
	channel->device.ops->ready(channel->device.context, channel);
}

static void open_channel(void *context)
{
	static const struct vstor_packet packets[] = {
		{.operation = VSTOR_BEGIN_INITIALIZATION},
		{.operation = VSTOR_QUERY_PROTOCOL_VERSION, .protocol = {VSTOR_VERSION_6_2, 0}},
		{.operation = VSTOR_END_INITIALIZATION},
	};
	static const uint8_t user_data[120];
	struct vmbus_channel *channel = context;

	channel->signal = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	channel->watch = io_thread_watch(channel->device.thread, channel->signal, EPOLLIN,
					 channel_signalled, channel);
	channel->device.ops->opened(channel->device.context, channel, 0, user_data);
	memcpy(channel->packets, packets, sizeof(packets));
	channel->tail = G_N_ELEMENTS(packets);
	channel->device.ops->ready(channel->device.context, channel);
}

static void guest_start(void *context)
{
	struct vmbus_channel *channel = context;

	for (uint32_t i = 0; i < channel->depth; i++)
		guest_read(channel, i);
	guest_signal(channel);
}

static double storvsp_run(struct vmbus_channel *channel, unsigned int depth)
{
	double start = bench_now_ms();

	channel->depth = depth;
	channel->left = IOS;
	channel->end = false;
	io_thread_call(channel->device.thread, guest_start, channel);
	g_mutex_lock(&channel->lock);
	while (!channel->end)
		g_cond_wait(&channel->ended, &channel->lock);
	g_mutex_unlock(&channel->lock);
	if (channel->failed) {
		fprintf(stderr, "bench_storvsp: %u reads failed\n", channel->failed);
		exit(EXIT_FAILURE);
	}
	return IOS / (bench_now_ms() - start);
}

/* ---- the plain loop -------------------------------------------------------------------------- */

static void plain_read(struct io_uring *ring, int fd, uint8_t *buffer, uint64_t *random,
		       uint64_t n_blocks)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	io_uring_prep_read(sqe, fd, buffer, IO_SIZE, random_block(random, n_blocks) * IO_SIZE);
	io_uring_sqe_set_data(sqe, buffer);
}

static double plain_run(int fd, uint8_t *memory, unsigned int depth, uint64_t n_blocks)
{
	uint64_t random = 88172645463325252;
	unsigned int left = IOS, busy = 0;
	struct io_uring ring;
	struct io_uring_cqe *cqe;
	double start;

	if (io_uring_queue_init(64, &ring, IORING_SETUP_COOP_TASKRUN) < 0)
		exit(EXIT_FAILURE);
	start = bench_now_ms();
	for (; busy < depth; busy++, left--)
		plain_read(&ring, fd, memory + (size_t)busy * IO_SIZE, &random, n_blocks);
	while (busy) {
		io_uring_submit_and_wait(&ring, 1);
		while (io_uring_peek_cqe(&ring, &cqe) == 0) {
			uint8_t *buffer = io_uring_cqe_get_data(cqe);

			if (cqe->res != IO_SIZE)
				exit(EXIT_FAILURE);
			io_uring_cqe_seen(&ring, cqe);
			busy--;
			if (left) {
				plain_read(&ring, fd, buffer, &random, n_blocks);
				left--;
				busy++;
			}
		}
	}
	start = IOS / (bench_now_ms() - start);
	io_uring_queue_exit(&ring);
	return start;
}

/* ---- */

static void free_block(void *context)
{
	block_free(context);
}

static void die(const GError *error)
{
	fprintf(stderr, "bench_storvsp: %s\n", error->message);
	exit(EXIT_FAILURE);
}

static void bench(const char *path, enum file_cache cache, int runs)
{
	static const unsigned int depths[] = {1, 32};
	static struct bench_series plain[2], through[2];
	GError *error = NULL;
	struct io_thread *thread = io_thread_new("bench", &error);
	struct uring *ring = thread ? uring_new(256, &error) : NULL;
	struct file_block_config file = {.fd = open(path, O_RDONLY | O_CLOEXEC),
					 .cache = cache,
					 .read_only = true,
					 .block = {.name = path, .thread = thread}};
	struct storvsp_disk disk = {.kind = STORVSP_DISK};
	struct vmbus_channel *channel = &bench_channel;
	struct storvsp *vsp;

	if (ring && uring_attach(ring, thread, &error))
		disk.block = file_block_new(ring, &file, &error);
	if (!disk.block)
		die(error);
	vsp = storvsp_new(&(struct storvsp_config){.name = "bench", .thread = thread}, &error);
	storvsp_add(vsp, 0, &disk, &error);
	channel->memory = g_aligned_alloc0(MAX_DEPTH, IO_SIZE, IO_SIZE);
	channel->n_blocks = block_info(disk.block)->size / IO_SIZE;
	channel->random = 88172645463325252;
	io_thread_call(thread, open_channel, channel);
	for (int run = 0; run < runs; run++) {
		for (int i = 0; i < 2; i++) {
			bench_add(&plain[i], plain_run(file.fd, channel->memory, depths[i],
						       channel->n_blocks));
			bench_add(&through[i], storvsp_run(channel, depths[i]));
		}
	}
	bench_print_header();
	bench_print_row("plain io_uring, depth 1", "k/s", &plain[0], "");
	bench_print_row("storvsp, depth 1", "k/s", &through[0], "");
	bench_print_row("plain io_uring, depth 32", "k/s", &plain[1], "");
	bench_print_row("storvsp, depth 32", "k/s", &through[1], "");
	storvsp_free(vsp);
	io_thread_call(thread, free_block, disk.block);
	uring_free(ring);
	io_thread_free(thread);
	g_aligned_free(channel->memory);
	close(channel->signal);
}

int main(int argc, char **argv)
{
	bool direct = argc > 2 && strcmp(argv[2], "none") == 0;
	int runs = argc > 3 ? atoi(argv[3]) : 5; // NOLINT(cert-err34-c): 0 is refused below

	if (argc < 2 || runs < 1 || runs > 500 ||
	    (argc > 2 && !direct && strcmp(argv[2], "writeback") != 0)) {
		fprintf(stderr, "usage: bench_storvsp FILE [none|writeback] [RUNS, 1 to 500]\n");
		return 2;
	}
	bench(argv[1], direct ? FILE_CACHE_NONE : FILE_CACHE_WRITEBACK, runs);
	return EXIT_SUCCESS;
}
