/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A controller that is saved with its bus and taken up on another: no answer is lost, none twice.
 */
#include <string.h>

#include "guest_bus.h"
#include "memory_block.h"
#include "scsi.h"
#include "storvsp.h"
#include "vstor_wire.h"

#define DISK_BLOCKS 2048u
#define DATA_PAGE   512u /* of the guest's memory, one for each request */
#define REQUESTS    64u
#define POOL	    8u

enum { TEST_UNIT_READY = 0x00, START_STOP = 0x1b, PREVENT = 0x1e };

struct fixture {
	struct guest_bus g;
	struct storvsp *vsp;
	struct memory_block memory;
	struct block *block;
	uint8_t id; /* of the disk */
	uint32_t packet_size;
	uint64_t transaction;
	struct guest_channel channels[2];
};

/* ---- the host -------------------------------------------------------------------------------- */

static void offer(struct fixture *f)
{
	const struct storvsp_config config = {.name = "storvsp0",
					      .bus = f->g.bus,
					      .thread = f->g.thread,
					      .instance_id.bytes = {9},
					      .max_sub_channels = 1,
					      .max_requests = POOL};
	const struct storvsp_disk disk = {.kind = STORVSP_DISK, .block = f->block, .id = {f->id}};
	const struct storvsp_disk dvd = {.kind = STORVSP_DVD, .id = {100}};

	f->vsp = storvsp_new(&config, NULL);
	g_assert_nonnull(f->vsp);
	g_assert_true(storvsp_add(f->vsp, 0, &disk, NULL));
	g_assert_true(storvsp_add(f->vsp, 1, &dvd, NULL));
}

static void leave(struct fixture *f)
{
	storvsp_free(f->vsp);
	guest_bus_move(&f->g);
}

static void move(struct fixture *f)
{
	g_autoptr(GBytes) bytes = guest_bus_save(&f->g);

	g_assert_null(f->memory.first); /* nothing is in flight */
	leave(f);
	offer(f);
	g_assert_true(guest_bus_restore(&f->g, bytes));
}

/* ---- the guest ------------------------------------------------------------------------------- */

static bool send(struct fixture *f, unsigned int channel, const struct vstor_packet *packet,
		 uint32_t data)
{
	static struct guest_packet p;
	struct guest_channel *c = &f->channels[channel];
	const uint32_t list[4] = {0, 1, data, 0};
	const uint64_t page = DATA_PAGE + f->transaction % REQUESTS;
	bool signal;

	p = (struct guest_packet){.type = data ? 9 : 6,
				  .flags = VMBUS_PACKET_WANTS_COMPLETION,
				  .transaction_id = f->transaction,
				  .size = f->packet_size};
	memcpy(p.payload, packet, f->packet_size);
	if (data) {
		memcpy(p.extra, list, sizeof(list));
		memcpy(p.extra + sizeof(list), &page, sizeof(page));
		p.extra_size = sizeof(list) + sizeof(page);
	}
	if (!guest_ring_send(&c->to_host, &p, &signal))
		return false;
	f->transaction++;
	if (signal)
		guest_channel_signal(c);
	return true;
}

/* Returns its transaction. */
static uint64_t receive(struct fixture *f, unsigned int channel, struct vstor_packet *packet)
{
	static struct guest_packet p;

	guest_channel_receive(&f->channels[channel], &p);
	memset(packet, 0, sizeof(*packet));
	memcpy(packet, p.payload, f->packet_size);
	return p.transaction_id;
}

static void control(struct fixture *f, unsigned int channel, const struct vstor_packet *question)
{
	struct vstor_packet answer;

	g_assert_true(send(f, channel, question, 0));
	g_assert_cmpuint(receive(f, channel, &answer), ==, f->transaction - 1);
	g_assert_cmphex(answer.status, ==, 0);
}

static void begin(struct fixture *f, unsigned int channel, uint16_t version)
{
	const struct vstor_packet packets[] = {
		{.operation = VSTOR_BEGIN_INITIALIZATION},
		{.operation = VSTOR_QUERY_PROTOCOL_VERSION, .protocol.version = version},
		{.operation = VSTOR_QUERY_PROPERTIES},
		{.operation = VSTOR_END_INITIALIZATION}};

	for (size_t i = 0; i < G_N_ELEMENTS(packets); i++)
		control(f, channel, &packets[i]);
}

static struct vstor_packet command(uint8_t lun, uint8_t opcode, uint8_t byte4)
{
	return (struct vstor_packet){
		.operation = VSTOR_EXECUTE_SRB,
		.srb = {.lun = lun,
			.cdb_length = opcode == 0x28 || opcode == 0x2a ? 10 : 6,
			.sense_info_length = VSTOR_SENSE_SIZE,
			.data_in = SRB_DATA_NONE,
			.cdb = {opcode, [4] = byte4}}};
}

/* A READ or WRITE of one block. */
static bool start(struct fixture *f, unsigned int channel, bool write, uint32_t lba)
{
	struct vstor_packet packet = command(0, write ? 0x2a : 0x28, (uint8_t)(lba >> 8));

	packet.srb.data_in = write ? SRB_DATA_OUT : SRB_DATA_IN;
	packet.srb.data_transfer_length = 512;
	packet.srb.cdb[5] = (uint8_t)lba;
	packet.srb.cdb[8] = 1;
	return send(f, channel, &packet, 512);
}

/* Of a command without data; 0: none. */
static uint32_t sense(struct fixture *f, uint8_t lun, uint8_t opcode, uint8_t byte4)
{
	struct vstor_packet packet = command(lun, opcode, byte4);

	g_assert_true(send(f, 0, &packet, 0));
	g_assert_cmpuint(receive(f, 0, &packet), ==, f->transaction - 1);
	if (packet.srb.srb_status == SRB_STATUS_INVALID_LUN)
		return SCSI_LUN_NOT_SUPPORTED;
	if (!(packet.srb.srb_status & SRB_STATUS_AUTOSENSE_VALID))
		return 0;
	return (uint32_t)packet.srb.sense_data[2] << 16 | (uint32_t)packet.srb.sense_data[12] << 8 |
	       packet.srb.sense_data[13];
}

/* ---- life ------------------------------------------------------------------------------------ */

static void set_up(struct fixture *f, gconstpointer version)
{
	const struct block_info info = {
		.block_size = 512, .physical_block_size = 4096, .write_back = true};
	uint32_t relids[16];

	guest_bus_init(&f->g);
	f->id = 1;
	f->block = memory_block_new(&f->memory, DISK_BLOCKS * 512, &info,
				    &(struct block_config){.name = "disk", .thread = f->g.thread});
	offer(f);
	f->packet_size = GPOINTER_TO_UINT(version) >= VSTOR_VERSION_5_1 ? VSTOR_PACKET_SIZE
									: VSTOR_PACKET_SIZE_OLD;
	g_assert_cmpuint(guest_bus_connect(&f->g, VMBUS_VERSION_5_3, relids), ==, 1);
	g_assert_cmpuint(guest_channel_open(&f->channels[0], &f->g, relids[0], 16, 1), ==, 0);
	begin(f, 0, (uint16_t)GPOINTER_TO_UINT(version));
}

static void open_sub_channel(struct fixture *f)
{
	struct guest_message m;

	control(f, 0,
		&(struct vstor_packet){.operation = VSTOR_CREATE_SUB_CHANNELS, .sub_channels = 1});
	guest_bus_take(&f->g, VMBUS_OFFERCHANNEL, &m);
	g_assert_cmpuint(
		guest_channel_open(&f->channels[1], &f->g, f->channels[0].relid + 1, 80, 2), ==, 0);
	begin(f, 1, VSTOR_VERSION_6_2);
}

static void free_block(void *context)
{
	struct fixture *f = context;

	block_free(f->block);
	memory_block_clear(&f->memory);
}

static void tear_down(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	storvsp_free(f->vsp);
	io_thread_call(f->g.thread, free_block, f);
	guest_bus_clear(&f->g);
}

/* ---- traffic --------------------------------------------------------------------------------- */

struct flight {
	unsigned int n, by_channel[2];
	uint64_t transaction[REQUESTS]; /* + 1; 0: none */
	unsigned int channel[REQUESTS];
	uint32_t lba[REQUESTS];
	bool write[REQUESTS];
	uint8_t content[DISK_BLOCKS];
};

static void take_one(struct fixture *f, struct flight *flight, unsigned int channel)
{
	struct vstor_packet packet;
	uint64_t transaction = receive(f, channel, &packet);
	unsigned int i = transaction % REQUESTS;
	const uint8_t *page = guest_bus_page(&f->g, DATA_PAGE + i);

	g_assert_cmpuint(flight->transaction[i], ==, transaction + 1);
	g_assert_cmpuint(flight->channel[i], ==, channel);
	g_assert_cmphex(packet.srb.srb_status, ==, SRB_STATUS_SUCCESS);
	g_assert_cmpuint(packet.srb.data_transfer_length, ==, 512);
	if (!flight->write[i])
		g_assert_cmpuint(page[511], ==, flight->content[flight->lba[i]]);
	flight->transaction[i] = 0;
	flight->n--;
	flight->by_channel[channel]--;
}

static void start_one(struct fixture *f, struct flight *flight, unsigned int channel)
{
	unsigned int i = f->transaction % REQUESTS;
	bool write = g_test_rand_bit();
	/* A block belongs to one request at a time. */
	uint32_t lba = (uint32_t)g_test_rand_int_range(0, DISK_BLOCKS / REQUESTS) * REQUESTS + i;
	uint8_t value = (uint8_t)g_test_rand_int_range(0, 256);

	if (flight->transaction[i] != 0)
		return;
	memset(guest_bus_page(&f->g, DATA_PAGE + i), write ? value : 0xee, 512);
	if (!start(f, channel, write, lba))
		return;
	flight->transaction[i] = f->transaction;
	flight->channel[i] = channel;
	flight->lba[i] = lba;
	flight->write[i] = write;
	if (write)
		flight->content[lba] = value;
	flight->n++;
	flight->by_channel[channel]++;
}

static void set_hold(void *context)
{
	struct fixture *f = context;

	f->memory.hold = !f->memory.hold;
	block_commit(f->block);
}

static void test_any_time(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static struct flight flight;

	memset(&flight, 0, sizeof(flight));
	open_sub_channel(f);
	for (unsigned int step = 0; step < 4000; step++) {
		unsigned int channel = g_test_rand_bit();
		int what = g_test_rand_int_range(0, 100);

		if (what < 3)
			move(f);
		else if (what < 8)
			io_thread_call(f->g.thread, set_hold, f);
		else if (what < 60)
			start_one(f, &flight, channel);
		else if (!f->memory.hold && flight.by_channel[channel] > 0)
			take_one(f, &flight, channel);
	}
	if (f->memory.hold)
		io_thread_call(f->g.thread, set_hold, f);
	while (flight.n > 0)
		take_one(f, &flight, flight.by_channel[0] > 0 ? 0 : 1);
	for (uint32_t lba = 0; lba < DISK_BLOCKS; lba++)
		g_assert_cmpuint(f->memory.data[lba * 512 + 9], ==, flight.content[lba]);
}

/* Both rings are full and every request of the pool waits for room. Returns how many were sent. */
static uint64_t fill(struct fixture *f)
{
	const struct vstor_packet packet = command(0, TEST_UNIT_READY, 0);
	uint64_t n = 0;

	do {
		while (send(f, 0, &packet, 0))
			n++;
		guest_channel_signal(&f->channels[0]);
		guest_bus_settle(&f->g);
	} while (send(f, 0, &packet, 0) && n++);
	return n;
}

static void test_full(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	uint64_t first = f->transaction, n = fill(f);
	struct vstor_packet packet;

	move(f);
	for (uint64_t i = 0; i < n; i++) {
		g_assert_cmpuint(receive(f, 0, &packet), ==, first + i);
		g_assert_cmphex(packet.srb.srb_status, ==, SRB_STATUS_SUCCESS);
		if (i == 3)
			move(f);
	}
}

static void set_limits(void *context)
{
	struct fixture *f = context;

	block_set_limits(f->block, &(struct block_limits){.iops = 1, .iops_burst = 1});
}

/* What the limits hold back does not keep the save waiting. */
static void test_limits(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	gint64 began = g_get_monotonic_time();
	struct vstor_packet packet;

	io_thread_call(f->g.thread, set_limits, f);
	for (uint32_t i = 0; i < 30; i++)
		g_assert_true(start(f, 0, false, i));
	guest_bus_settle(&f->g);
	g_autoptr(GBytes) bytes = guest_bus_save(&f->g);
	g_assert_cmpuint(f->memory.n[BLOCK_READ], >=, POOL);
	g_assert_cmpint(g_get_monotonic_time() - began, <, 5 * G_TIME_SPAN_SECOND);
	vmbus_release(f->g.bus);
	for (uint32_t i = 0; i < POOL; i++)
		(void)receive(f, 0, &packet);
}

/* ---- what is known of disks ------------------------------------------------------------------ */

static void test_state(struct fixture *f, gconstpointer version)
{
	struct storvsp_stats stats;

	g_assert_cmphex(sense(f, 1, PREVENT, 1), ==, 0);
	move(f);
	storvsp_get_stats(f->vsp, &stats);
	g_assert_true(stats.ready);
	g_assert_cmphex(stats.version, ==, GPOINTER_TO_UINT(version));
	g_assert_cmphex(sense(f, 1, START_STOP, 2), ==, SCSI_REMOVAL_PREVENTED);
	g_assert_cmphex(sense(f, 1, PREVENT, 0), ==, 0);
	g_assert_cmphex(sense(f, 1, START_STOP, 2), ==, 0);
	control(f, 0, &(struct vstor_packet){.operation = VSTOR_RESET_LUN});
	move(f);
	g_assert_cmphex(sense(f, 0, TEST_UNIT_READY, 0), ==, SCSI_ATTENTION_BUS_RESET);
	g_assert_cmphex(sense(f, 0, TEST_UNIT_READY, 0), ==, 0);
	g_assert_cmphex(sense(f, 1, TEST_UNIT_READY, 0), ==, SCSI_ATTENTION_BUS_RESET);
	g_assert_cmphex(sense(f, 1, TEST_UNIT_READY, 0), ==, SCSI_NOT_READY_TRAY_OPEN);
}

static void expect_enumeration(struct fixture *f)
{
	struct vstor_packet packet;

	(void)receive(f, 0, &packet);
	g_assert_cmpuint(packet.operation, ==, VSTOR_ENUMERATE_BUS);
}

static void refresh(void *context)
{
	block_refresh(((struct fixture *)context)->block);
}

/* Another size, and another disk in its place. */
static void test_other_disk(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	g_autoptr(GBytes) bytes = guest_bus_save(&f->g), again = NULL;

	leave(f);
	f->memory.size = DISK_BLOCKS / 2 * 512;
	io_thread_call(f->g.thread, refresh, f);
	offer(f);
	g_assert_true(guest_bus_restore(&f->g, bytes));
	expect_enumeration(f);
	g_assert_cmphex(sense(f, 0, TEST_UNIT_READY, 0), ==, SCSI_ATTENTION_CAPACITY_CHANGED);

	again = guest_bus_save(&f->g);
	leave(f);
	f->id = 2;
	offer(f);
	g_assert_true(guest_bus_restore(&f->g, again));
	expect_enumeration(f);
	g_assert_cmphex(sense(f, 0, TEST_UNIT_READY, 0), ==, SCSI_LUN_NOT_SUPPORTED);
	expect_enumeration(f);
	g_assert_cmphex(sense(f, 0, TEST_UNIT_READY, 0), ==, 0);
}

/* ---- bad input ------------------------------------------------------------------------------- */

static void test_mutated(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	g_autoptr(GBytes) good = NULL;
	unsigned int refused = 0;

	open_sub_channel(f);
	(void)fill(f);
	good = guest_bus_save(&f->g);
	leave(f);
	for (int i = 0; i < 1500; i++) {
		g_autoptr(GBytes) bad = guest_bus_spoil(good);

		offer(f);
		refused += !guest_bus_restore(&f->g, bad);
		leave(f);
	}
	g_assert_cmpuint(refused, >, 150);
	offer(f);
}

#define ADD(path, test, version) \
	g_test_add(path, struct fixture, GUINT_TO_POINTER(version), set_up, test, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/storvsp/saved/any-time", test_any_time, VSTOR_VERSION_6_2);
	ADD("/storvsp/saved/full", test_full, VSTOR_VERSION_6_2);
	ADD("/storvsp/saved/limits", test_limits, VSTOR_VERSION_6_2);
	ADD("/storvsp/saved/state/6.2", test_state, VSTOR_VERSION_6_2);
	ADD("/storvsp/saved/state/4.2", test_state, VSTOR_VERSION_4_2);
	ADD("/storvsp/saved/other-disk", test_other_disk, VSTOR_VERSION_6_2);
	ADD("/storvsp/saved/mutated", test_mutated, VSTOR_VERSION_6_2);
	return g_test_run();
}
