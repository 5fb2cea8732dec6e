/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The data plane of a disk with a guest that is as small as can be, on this machine's own KVM: it
 * agrees on VMBus, opens a channel to storvsp, and sends READ(10) of 4 KiB through rings that it
 * drives itself (tests/guest/hyperv_storage.S). The host signals it and is signalled, once by an
 * eventfd that KVM has and once by an exit to us.
 *
 *   bench_storvsc FILE [none|writeback] [RUNS]       FILE of at least 64 MiB, not in use
 */
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "file_block.h"
#include "guest_ring.h"
#include "hyperv_guest.h"
#include "storvsp.h"
#include "vmbus_bus.h"
#include "vmbus_wire.h"
#include "vstor_wire.h"

#define WORK	   0x35000ull /* the operand of OP_STORAGE */
#define TO_HOST	   0x40000ull /* the rings: a control page and 64 KiB each */
#define TO_GUEST   0x51000ull
#define PACKETS	   0x70000ull
#define BUFFERS	   0x100000ull
#define RING_PAGES 17u
#define N_PACKETS  512u
#define N_BUFFERS  32u
#define IO_SIZE	   4096u
#define IOS	   4000u
#define MESSAGE	   1u /* HvMessageType of channel messages */
#define GPADL	   1u

/* What OP_STORAGE reads and counts. */
struct storage_work {
	uint64_t count, depth, packets, to_host, to_guest;
	uint64_t control, input, flags, others;
	uint64_t failed, signals;
};

struct read_packet { /* in the ring */
	struct wire_packet head;
	struct wire_gpa_list list;
	struct wire_gpa_range range;
	uint64_t page;
	struct vstor_packet packet;
	uint8_t padding[24]; /* so that it divides the ring; with the trailer */
} __attribute__((packed));
_Static_assert(sizeof(struct read_packet) == 128, "what the guest copies");

struct bench {
	struct fixture f;
	struct io_thread *thread;
	struct vmbus *bus;
	struct uring *uring;
	struct block *block;
	struct storvsp *vsp;
	uint32_t relid, connection;
	uint8_t *pages[2][RING_PAGES];
	struct guest_ring to_host, to_guest;
};

static void die(const char *what)
{
	fprintf(stderr, "bench_storvsc: %s\n", what);
	exit(EXIT_FAILURE);
}

/* ---- VMBus on the hypervisor interface ------------------------------------------------------- */

static enum vmbus_post_result on_post(void *context, uint32_t vp, uint32_t sint,
				      const void *payload, size_t size)
{
	const struct hv_message message = {
		.type = MESSAGE, .size = (uint32_t)size, .payload = payload};

	return hv_message_post(context, vp, sint, &message) == HV_POST_REFUSED ? VMBUS_POST_BUSY
									       : VMBUS_POST_DONE;
}

static void on_signal(void *context, uint32_t vp, uint32_t sint, uint32_t flag)
{
	(void)hv_event_set(context, vp, sint, flag);
}

static bool on_bind(void *context, uint32_t connection, int fd)
{
	return hv_signal_bind(context, connection, fd) == HV_STATUS_SUCCESS;
}

static void on_unbind(void *context, uint32_t connection, int fd G_GNUC_UNUSED)
{
	hv_signal_unbind(context, connection);
}

static const struct vmbus_hypervisor hypervisor = {on_post, on_signal, on_bind, on_unbind};

static hv_status on_message(void *context, uint32_t vp G_GNUC_UNUSED, uint32_t type G_GNUC_UNUSED,
			    const uint8_t *payload, uint32_t size)
{
	return vmbus_post(context, payload, size) ? HV_STATUS_SUCCESS
						  : HV_STATUS_INSUFFICIENT_BUFFERS;
}

/* ---- what a driver does before it reads ------------------------------------------------------ */

static void guest_post(struct bench *b, const void *message, size_t size)
{
	struct hv_input_post_message input = {.connection_id = VMBUS_MESSAGE_CONNECTION,
					      .message_type = MESSAGE,
					      .payload_size = (uint32_t)size};

	memcpy(input.payload, message, size);
	put(&b->f, INPUT, &input, sizeof(input));
	if (call(&b->f, HV_CALL_POST_MESSAGE, INPUT, 0) != HV_STATUS_SUCCESS)
		die("the guest's message was refused");
}

/* The next message, which is of this type, or the last one before it that is not. */
static void guest_take(struct bench *b, uint32_t type, void *message, size_t size)
{
	uint8_t *slot = at(&b->f, SIM_PAGE + 256ull * VMBUS_SINT);
	double start = bench_now_ms();
	uint32_t got;

	while (__atomic_load_n((uint32_t *)(void *)slot, __ATOMIC_ACQUIRE) == 0) {
		if (bench_now_ms() - start > 10000)
			die("no answer to a message");
		g_thread_yield();
	}
	memcpy(&got, slot + 16, sizeof(got));
	if (got != type)
		die("another message than was waited for");
	memcpy(message, slot + 16, size);
	__atomic_store_n((uint32_t *)(void *)slot, 0, __ATOMIC_RELEASE);
	write_msr(&b->f, HV_MSR_EOM, 0);
}

static void guest_connect(struct bench *b)
{
	const struct wire_initiate_contact contact = {.header.type = VMBUS_INITIATE_CONTACT,
						      .version = VMBUS_VERSION_5_3,
						      .v5.sint = VMBUS_SINT};
	const struct wire_header request = {.type = VMBUS_REQUESTOFFERS};
	struct wire_version_response version;
	struct wire_offer offer;
	struct wire_header all;

	guest_post(b, &contact, sizeof(contact));
	guest_take(b, VMBUS_VERSION_RESPONSE, &version, sizeof(version));
	guest_post(b, &request, sizeof(request));
	guest_take(b, VMBUS_OFFERCHANNEL, &offer, sizeof(offer));
	guest_take(b, VMBUS_ALLOFFERS_DELIVERED, &all, sizeof(all));
	b->relid = offer.relid;
	b->connection = offer.connection_id;
}

/* Both rings are one GPADL, in as many messages as it takes. */
static void guest_name_rings(struct bench *b)
{
	struct {
		uint32_t size, offset;
		uint64_t pages[2 * RING_PAGES];
	} range = {sizeof(range.pages) / 8 * 4096, 0, {0}};
	uint8_t bytes[VMBUS_MESSAGE_SIZE_MAX];
	const struct wire_gpadl_header header = {.header.type = VMBUS_GPADL_HEADER,
						 .relid = b->relid,
						 .gpadl = GPADL,
						 .range_bytes = sizeof(range),
						 .range_count = 1};
	const struct wire_gpadl_body body = {.header.type = VMBUS_GPADL_BODY, .gpadl = GPADL};
	struct wire_gpadl_created created;
	size_t first = 216; /* whole pages, and no more than fit */

	for (uint64_t i = 0; i < G_N_ELEMENTS(range.pages); i++)
		range.pages[i] = TO_HOST / 4096 + i;
	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + sizeof(header), &range, first);
	guest_post(b, bytes, sizeof(header) + first);
	memcpy(bytes, &body, sizeof(body));
	memcpy(bytes + sizeof(body), (const uint8_t *)&range + first, sizeof(range) - first);
	guest_post(b, bytes, sizeof(body) + sizeof(range) - first);
	guest_take(b, VMBUS_GPADL_CREATED, &created, sizeof(created));
	if (created.status != VMBUS_STATUS_SUCCESS)
		die("the rings were refused");
}

static void guest_open(struct bench *b)
{
	const struct wire_open open = {.header.type = VMBUS_OPENCHANNEL,
				       .relid = b->relid,
				       .ring_gpadl = GPADL,
				       .to_guest_page = RING_PAGES};
	struct wire_open_result result;

	for (unsigned int i = 0; i < 2 * RING_PAGES; i++)
		b->pages[i / RING_PAGES][i % RING_PAGES] = at(&b->f, TO_HOST + 4096ull * i);
	guest_ring_init(&b->to_host, b->pages[0], RING_PAGES);
	guest_ring_init(&b->to_guest, b->pages[1], RING_PAGES);
	guest_post(b, &open, sizeof(open));
	guest_take(b, VMBUS_OPENCHANNEL_RESULT, &result, sizeof(result));
	if (result.status != VMBUS_STATUS_SUCCESS)
		die("the channel was not opened");
}

/* As large a packet as the guest's own ones, so that none of those is cut by the ring's end. */
static void guest_ask(struct bench *b, const struct vstor_packet *packet)
{
	struct guest_packet request = {.type = VMBUS_PACKET_DATA_INBAND,
				       .flags = VMBUS_PACKET_WANTS_COMPLETION,
				       .size = 104};
	struct guest_packet answer;
	double start = bench_now_ms();
	uint32_t status;
	bool signal;

	memcpy(request.payload, packet, sizeof(*packet));
	if (!guest_ring_send(&b->to_host, &request, &signal))
		die("a ring without room");
	if (signal)
		call(&b->f, HV_CALL_SIGNAL_EVENT | HV_CONTROL_FAST, b->connection, 0);
	while (!guest_ring_receive(&b->to_guest, &answer)) {
		if (bench_now_ms() - start > 10000)
			die("no answer from storvsp");
		g_thread_yield();
	}
	(void)guest_ring_end(&b->to_guest, &signal);
	memcpy(&status, answer.payload + offsetof(struct vstor_packet, status), sizeof(status));
	if (status != VSTOR_STATUS_SUCCESS)
		die("storvsp refused to begin");
}

static void guest_prepare(struct bench *b)
{
	static const struct vstor_packet begin[] = {
		{.operation = VSTOR_BEGIN_INITIALIZATION},
		{.operation = VSTOR_QUERY_PROTOCOL_VERSION, .protocol = {VSTOR_VERSION_6_2, 0}},
		{.operation = VSTOR_QUERY_PROPERTIES},
		{.operation = VSTOR_END_INITIALIZATION},
	};
	uint64_t blocks = block_info(b->block)->size / IO_SIZE;
	g_autoptr(GRand) rand = g_rand_new_with_seed(1);

	for (size_t i = 0; i < G_N_ELEMENTS(begin); i++)
		guest_ask(b, &begin[i]);
	for (uint32_t i = 0; i < N_PACKETS; i++) {
		uint32_t lba =
			(uint32_t)g_rand_int_range(rand, 0, (gint32)MIN(blocks, G_MAXINT / 8)) * 8;
		const struct read_packet packet = {
			.head = {VMBUS_PACKET_DATA_USING_GPA_DIRECT, 40 / 8, 120 / 8,
				 VMBUS_PACKET_WANTS_COMPLETION, i},
			.list.range_count = 1,
			.range.byte_count = IO_SIZE,
			.page = BUFFERS / 4096 + i % N_BUFFERS,
			.packet = {.operation = VSTOR_EXECUTE_SRB,
				   .srb = {.cdb_length = 10,
					   .sense_info_length = VSTOR_SENSE_SIZE,
					   .data_in = SRB_DATA_IN,
					   .data_transfer_length = IO_SIZE,
					   .cdb = {0x28, 0, (uint8_t)(lba >> 24),
						   (uint8_t)(lba >> 16), (uint8_t)(lba >> 8),
						   (uint8_t)lba, 0, 0, 8}}},
		};

		put(&b->f, PACKETS + i * sizeof(packet), &packet, sizeof(packet));
	}
}

/* ---- runs ------------------------------------------------------------------------------------ */

struct figures {
	struct bench_series rate, exits, signals, interrupts;
};

static uint64_t exits_of(const struct vp *vp)
{
	struct vp_statistics statistics;
	uint64_t n = 0;

	vp_get_statistics(vp, &statistics);
	for (int i = 0; i < HV_INTERCEPT_N; i++)
		n += statistics.intercepts[i];
	return n;
}

static void run(struct bench *b, uint64_t depth, bool by_exit, struct figures *figures)
{
	struct hv_input_signal_event input = {.connection_id = b->connection};
	const struct storage_work wanted = {
		.count = IOS,
		.depth = depth,
		.packets = PACKETS,
		.to_host = TO_HOST,
		.to_guest = TO_GUEST,
		.control = HV_CALL_SIGNAL_EVENT | (by_exit ? 0 : HV_CONTROL_FAST),
		.input = by_exit ? INPUT : b->connection,
		.flags = SIEF_PAGE + 256ull * VMBUS_SINT + b->relid / 32 * 4,
		.others = ~(1u << b->relid % 32),
	};
	const struct storage_work *done = at(&b->f, WORK);
	const uint64_t *interrupts = at(&b->f, 0x500);
	uint64_t exits = exits_of(b->f.vp), before = *interrupts;
	double start;

	put(&b->f, INPUT, &input, sizeof(input));
	put(&b->f, WORK, &wanted, sizeof(wanted));
	element_add(&b->f, OP_STORAGE, WORK, 0, 0);
	start = bench_now_ms();
	work(&b->f);
	bench_add(&figures->rate, IOS / (bench_now_ms() - start));
	bench_add(&figures->exits, (double)(exits_of(b->f.vp) - exits) / IOS);
	bench_add(&figures->signals, (double)done->signals / IOS);
	bench_add(&figures->interrupts, (double)(*interrupts - before) / IOS);
	if (done->failed)
		die("reads failed");
}

static void free_block(void *context)
{
	block_free(context);
}

static void bench_start(struct bench *b, const char *path, enum file_cache cache)
{
	struct file_block_config file = {.cache = cache, .read_only = true, .block.name = path};
	struct storvsp_disk disk = {.kind = STORVSP_DISK};
	struct vmbus_config bus = {.vp_count = 1, .hypervisor = &hypervisor};
	GError *error = NULL;

	setup(&b->f, NULL);
	b->thread = file.block.thread = bus.thread = io_thread_new("bench", &error);
	b->uring = b->thread ? uring_new(256, &error) : NULL;
	file.fd = open(path, O_RDONLY | O_CLOEXEC);
	if (b->uring && uring_attach(b->uring, b->thread, &error))
		b->block = disk.block = file_block_new(b->uring, &file, &error);
	if (!b->block)
		die(error->message);
	bus.partition = b->f.partition;
	bus.hypervisor_context = b->f.hv;
	b->bus = vmbus_new(&bus);
	b->vsp = storvsp_new(
		&(struct storvsp_config){.name = "storvsp0", .bus = b->bus, .thread = b->thread},
		&error);
	if (!b->vsp || !storvsp_add(b->vsp, 0, &disk, &error))
		die(error->message);
	hv_message_handle(b->f.hv, VMBUS_MESSAGE_CONNECTION, on_message, b->bus);
	enable_calls(&b->f);
	enable_synic(&b->f, VMBUS_SINT, VECTOR);
	guest_connect(b);
	guest_name_rings(b);
	guest_open(b);
	guest_prepare(b);
}

static void bench_end(struct bench *b)
{
	hv_message_handle(b->f.hv, VMBUS_MESSAGE_CONNECTION, NULL, NULL);
	storvsp_free(b->vsp);
	io_thread_call(b->thread, free_block, b->block);
	uring_free(b->uring);
	vmbus_free(b->bus);
	io_thread_free(b->thread);
	teardown(&b->f, NULL);
}

static void print(const char *what, const char *peer, const struct figures *figures)
{
	bench_print_row(what, "k/s", &figures->rate, peer);
	bench_print_row("  exits to the worker", "per I/O", &figures->exits, "");
	bench_print_row("  signals to the host", "per I/O", &figures->signals, "");
	bench_print_row("  interrupts", "per I/O", &figures->interrupts, "");
}

int main(int argc, char **argv)
{
	static struct figures figures[2][2];
	static struct bench b;
	bool direct = argc > 2 && strcmp(argv[2], "none") == 0;
	int runs = argc > 3 ? atoi(argv[3]) : 10; // NOLINT(cert-err34-c): 0 is refused below

	if (argc < 2 || runs < 1 || runs > 500 ||
	    (argc > 2 && !direct && strcmp(argv[2], "writeback") != 0)) {
		fprintf(stderr, "usage: bench_storvsc FILE [none|writeback] [RUNS, 1 to 500]\n");
		return 2;
	}
	if (kvm_missing() != 0)
		return EXIT_FAILURE;
	bench_start(&b, argv[1], direct ? FILE_CACHE_NONE : FILE_CACHE_WRITEBACK);
	/* In turn, since the machine may be busy with other things now and then. */
	for (int i = 0; i < runs; i++) {
		for (int j = 0; j < 4; j++)
			run(&b, j / 2 ? N_BUFFERS : 1, j % 2, &figures[j / 2][j % 2]);
	}
	bench_print_header();
	print("depth 1, signal by eventfd", "", &figures[0][0]);
	print("depth 1, signal by exit", "slower than by eventfd", &figures[0][1]);
	print("depth 32, signal by eventfd", "", &figures[1][0]);
	print("depth 32, signal by exit", "slower than by eventfd", &figures[1][1]);
	bench_end(&b);
	return EXIT_SUCCESS;
}
