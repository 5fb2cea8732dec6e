/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SRBs that read and write, against a copy of the disk; batches, resets, closing, errors. */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "scsi.h"
#include "storvsp_guest.h"

static void set_up(struct storvsp_guest *g, gconstpointer policy)
{
	guest_init(g, 1, 8);
	guest_add_memory(g, 0, GPOINTER_TO_INT(policy));
	guest_connect(g, VSTOR_VERSION_6_2);
}

static void tear_down(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	guest_clear(g);
}

static uint8_t status_of(struct storvsp_guest *g, const struct guest_srb *srb)
{
	return guest_execute(g, srb).srb_status;
}

/* ---- a random guest -------------------------------------------------------------------------- */

#define SECTORS (GUEST_DISK_SIZE / 512)

struct model {
	uint8_t disk[GUEST_DISK_SIZE];
	uint8_t buffer[512 * 256 + 8];
};

static void put32(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 24);
	p[1] = (uint8_t)(value >> 16);
	p[2] = (uint8_t)(value >> 8);
	p[3] = (uint8_t)value;
}

/* The same span in one of the four forms. */
static void random_form(struct guest_srb *srb, bool write, uint32_t lba, uint32_t n)
{
	static const uint8_t opcodes[2][4] = {{0x08, 0x28, 0xa8, 0x88}, {0x0a, 0x2a, 0xaa, 0x8a}};
	unsigned int form = g_random_int() % 4;
	uint8_t *cdb = srb->cdb;

	memset(cdb, 0, sizeof(srb->cdb));
	if (form == 0) {
		put32(cdb, lba);
		cdb[4] = (uint8_t)n;
		srb->cdb_size = 6;
	} else if (form == 1) {
		put32(cdb + 2, lba);
		cdb[7] = (uint8_t)(n >> 8);
		cdb[8] = (uint8_t)n;
		srb->cdb_size = 10;
	} else if (form == 2) {
		put32(cdb + 2, lba);
		put32(cdb + 6, n);
		srb->cdb_size = 12;
	} else {
		put32(cdb + 6, lba);
		put32(cdb + 10, n);
		srb->cdb_size = 16;
	}
	cdb[0] = opcodes[write][form];
}

/* The buffer in pieces, as a guest's pages lie. */
static void random_pieces(struct guest_srb *srb, uint8_t *buffer, uint32_t length)
{
	uint32_t left = length;

	srb->n_iov = 0;
	while (left) {
		uint32_t part = srb->n_iov == 3 ? left : 1 + g_random_int() % left;

		srb->iov[srb->n_iov++] = (struct iovec){buffer, part};
		buffer += part;
		left -= part;
	}
	srb->length = length;
}

static void random_data(struct storvsp_guest *g, struct model *m)
{
	bool write = g_random_boolean();
	uint32_t n = 1 + g_random_int() % 256, lba = g_random_int() % (SECTORS + 20);
	struct guest_srb srb = {.direction = write ? SRB_DATA_OUT : SRB_DATA_IN};
	struct vstor_srb answer;
	uint8_t *buffer = m->buffer + g_random_int() % 8;

	random_form(&srb, write, lba, n);
	random_pieces(&srb, buffer, n * 512);
	for (uint32_t i = 0; write && i < n * 512; i += 97)
		buffer[i] = (uint8_t)g_random_int();
	answer = guest_execute(g, &srb);
	if (lba + n > SECTORS) {
		g_assert_cmphex(guest_sense(&answer), ==, SCSI_LBA_OUT_OF_RANGE);
		return;
	}
	g_assert_cmphex(answer.srb_status, ==, SRB_STATUS_SUCCESS);
	g_assert_cmpuint(answer.data_transfer_length, ==, n * 512);
	if (write)
		memcpy(m->disk + (size_t)lba * 512, buffer, (size_t)n * 512);
	else
		g_assert_true(memcmp(m->disk + (size_t)lba * 512, buffer, (size_t)n * 512) == 0);
}

static void random_same(struct storvsp_guest *g, struct model *m)
{
	uint32_t n = 1 + g_random_int() % 700, lba = g_random_int() % (SECTORS - n);
	bool zero = g_random_boolean();
	struct guest_srb srb = {.direction = SRB_DATA_OUT, .cdb_size = 10};

	memset(m->buffer, zero ? 0 : (int)(g_random_int() & 0xff), 512);
	srb.cdb[0] = 0x41;
	put32(srb.cdb + 2, lba);
	srb.cdb[7] = (uint8_t)(n >> 8);
	srb.cdb[8] = (uint8_t)n;
	random_pieces(&srb, m->buffer, 512);
	g_assert_cmphex(status_of(g, &srb), ==, SRB_STATUS_SUCCESS);
	for (uint32_t i = 0; i < n; i++)
		memcpy(m->disk + (size_t)(lba + i) * 512, m->buffer, 512);
}

static void random_unmap(struct storvsp_guest *g, struct model *m)
{
	uint8_t list[8 + 3 * 16] = {0, 54, 0, 48};
	struct guest_srb srb = {.direction = SRB_DATA_OUT,
				.cdb = {0x42, 0, 0, 0, 0, 0, 0, 0, sizeof(list)},
				.cdb_size = 10,
				.iov = {{list, sizeof(list)}},
				.n_iov = 1,
				.length = sizeof(list)};

	for (int i = 0; i < 3; i++) {
		uint32_t n = g_random_int() % 50, lba = g_random_int() % (SECTORS - n);

		put32(list + 8 + 16 * i + 4, lba);
		put32(list + 8 + 16 * i + 8, n);
		memset(m->disk + (size_t)lba * 512, 0, (size_t)n * 512);
	}
	g_assert_cmphex(status_of(g, &srb), ==, SRB_STATUS_SUCCESS);
}

static void test_random(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	g_autofree struct model *m = g_new0(struct model, 1);

	for (int i = 0; i < 1500; i++) {
		switch (g_random_int() % 8) {
		case 0:
			random_same(g, m);
			break;
		case 1:
			random_unmap(g, m);
			break;
		default:
			random_data(g, m);
			break;
		}
	}
	g_assert_true(memcmp(m->disk, g->memory[0].data, GUEST_DISK_SIZE) == 0);
}

/* ---- batches --------------------------------------------------------------------------------- */

/* 8 requests in the pool, 30 in the ring: all are served, each batch with one interrupt at most. */
static void test_batches(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	static uint8_t buffer[30][512];
	unsigned int flushes = fake_channel_flushes(g->channel);
	struct guest_answer answer;
	struct storvsp_stats stats;

	g->memory[0].hold = true;
	for (uint32_t i = 0; i < 30; i++) {
		struct guest_srb read = guest_rw(0, false, i, 1, buffer[i]);

		guest_push(g, g->channel, &read);
	}
	fake_channel_kick(g->channel);
	g_assert_cmpuint(fake_channel_backlog(g->channel), ==, 22);
	g_assert_cmpuint(g->memory[0].commits, >, 0);
	for (unsigned int batch = 1; batch <= 4; batch++) {
		guest_release(g, 0);
		g_assert_cmpuint(fake_channel_flushes(g->channel), ==, flushes + batch);
		fake_vmbus_settle(g->thread); /* the stalled channel goes on by itself */
	}
	for (uint32_t i = 0; i < 30; i++)
		g_assert_true(guest_answer(g->channel, GUEST_TIMEOUT_MS, &answer));
	g_assert_false(guest_answer(g->channel, 0, &answer));
	storvsp_get_stats(g->vsp, &stats);
	g_assert_cmpuint(stats.stalls, >=, 3);
}

/* The guest takes no answers: they wait, hold their requests, and none is lost. */
static void test_full_ring(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	static uint8_t buffer[30][512];
	struct guest_answer answer;
	uint64_t first = g->transaction + 1;

	fake_channel_limit(g->channel, 0);
	for (uint32_t i = 0; i < 30; i++) {
		struct guest_srb read = guest_rw(0, false, i, 1, buffer[i]);

		guest_push(g, g->channel, &read);
	}
	fake_channel_kick(g->channel);
	g_assert_false(guest_answer(g->channel, 0, &answer));
	g_assert_cmpuint(fake_channel_backlog(g->channel), ==, 22);
	fake_channel_limit(g->channel, UINT32_MAX);
	for (uint32_t i = 0; i < 30; i++) {
		g_assert_true(guest_answer(g->channel, GUEST_TIMEOUT_MS, &answer));
		g_assert_cmpuint(answer.transaction_id, ==, first + i); /* in order */
	}
}

/* ---- durability ------------------------------------------------------------------------------ */

static void test_durable(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	static uint8_t buffer[512];
	struct guest_srb flush = {.cdb = {0x35}, .cdb_size = 10, .direction = SRB_DATA_NONE};
	struct guest_srb write = guest_rw(0, true, 0, 1, buffer);

	g_assert_cmphex(status_of(g, &flush), ==, SRB_STATUS_SUCCESS);
	g_assert_cmpuint(g->memory[0].n[BLOCK_FLUSH], ==, 1);
	write.cdb[1] = 0x08;
	g_assert_cmphex(status_of(g, &write), ==, SRB_STATUS_SUCCESS);
	g_assert_cmpuint(g->memory[0].fua, ==, 1);
}

/* ---- errors of the host ---------------------------------------------------------------------- */

static void test_errors(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	static uint8_t buffer[512];
	struct guest_srb read = guest_rw(0, false, 0, 1, buffer);
	struct guest_srb write = guest_rw(0, true, 0, 1, buffer);
	struct vstor_srb answer;

	g->memory[0].fail = -EIO;
	answer = guest_execute(g, &read);
	g_assert_cmphex(answer.srb_status, ==, SRB_STATUS_ERROR | SRB_STATUS_AUTOSENSE_VALID);
	g_assert_cmpuint(answer.data_transfer_length, ==, 0);
	g_assert_cmphex(guest_sense(&answer), ==, SCSI_MEDIUM_READ_ERROR);
	answer = guest_execute(g, &write);
	g_assert_cmphex(guest_sense(&answer), ==, SCSI_MEDIUM_WRITE_ERROR);
	g->memory[0].fail = -ENOSPC;
	answer = guest_execute(g, &write);
	g_assert_cmphex(guest_sense(&answer), ==, SCSI_SPACE_ALLOCATION_FAILED);
}

static void resume(void *context)
{
	block_resume(context);
}

/* The disk stops: the guest sees nothing but a delay. */
static void test_stop(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	static uint8_t buffer[512];
	struct guest_srb write = guest_rw(0, true, 0, 1, buffer);
	struct guest_answer answer;

	g->memory[0].fail = -ENOSPC;
	guest_push(g, g->channel, &write);
	fake_channel_kick(g->channel);
	g_assert_false(guest_answer(g->channel, 0, &answer));
	g->memory[0].fail = 0;
	io_thread_call(g->thread, resume, g->memory[0].block);
	g_assert_true(guest_answer(g->channel, GUEST_TIMEOUT_MS, &answer));
	g_assert_cmphex(answer.packet.srb.srb_status, ==, SRB_STATUS_SUCCESS);
}

/* A channel that closes while its disk is stopped leaves nothing behind. */
static void test_close_stopped(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	static uint8_t buffer[512];
	struct guest_srb write = guest_rw(0, true, 0, 1, buffer);

	g->memory[0].fail = -ENOSPC;
	for (int i = 0; i < 4; i++)
		guest_push(g, g->channel, &write);
	fake_channel_kick(g->channel);
	guest_disconnect(g);
	g->memory[0].fail = 0;
	guest_connect(g, VSTOR_VERSION_6_2);
	io_thread_call(g->thread, resume, g->memory[0].block);
	g_assert_cmphex(status_of(g, &write), ==, SRB_STATUS_SUCCESS);
	g_assert_cmpuint(g->memory[0].n[BLOCK_WRITE], ==, 1);
}

/* ---- reset, close ---------------------------------------------------------------------------- */

static void test_reset(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	static uint8_t buffer[512];
	struct vstor_packet packet = {.operation = VSTOR_RESET_BUS};
	struct guest_srb read = guest_rw(0, false, 0, 1, buffer);
	struct guest_answer answer;
	struct vstor_srb srb;
	uint64_t id, reset;

	g->memory[0].hold = true;
	id = guest_push(g, g->channel, &read);
	fake_channel_kick(g->channel);
	reset = ++g->transaction;
	fake_channel_send(g->channel, &(struct fake_packet){.flags = 1,
							    .transaction_id = reset,
							    .payload = &packet,
							    .size = sizeof(packet)});
	/* what comes after it waits */
	guest_push(g, g->channel, &read);
	fake_channel_kick(g->channel);
	g_assert_false(guest_answer(g->channel, 0, &answer));
	g_assert_cmpuint(fake_channel_backlog(g->channel), ==, 1);
	g->memory[0].hold = false;
	guest_release(g, 0);
	g_assert_true(guest_answer(g->channel, GUEST_TIMEOUT_MS, &answer));
	g_assert_cmpuint(answer.transaction_id, ==, id);
	g_assert_true(guest_answer(g->channel, GUEST_TIMEOUT_MS, &answer));
	g_assert_cmpuint(answer.transaction_id, ==, reset);
	g_assert_cmphex(answer.packet.status, ==, 0);
	g_assert_true(guest_answer(g->channel, GUEST_TIMEOUT_MS, &answer));
	g_assert_cmphex(guest_sense(&answer.packet.srb), ==, SCSI_ATTENTION_BUS_RESET);
	srb = guest_execute(g, &read);
	g_assert_cmphex(srb.srb_status, ==, SRB_STATUS_SUCCESS);
	packet.operation = VSTOR_RESET_LUN;
	g_assert_cmphex(guest_control(g, g->channel, &packet), ==, 0);
}

/* The guest closes during I/O: when that is over nothing touches its memory any more. */
static void test_close_in_flight(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	g_autofree uint8_t *buffer = g_malloc0(8 * 512);
	struct vstor_packet packet = {.operation = VSTOR_RESET_BUS};
	struct guest_srb same = {.direction = SRB_DATA_OUT,
				 .cdb = {0x41, 0, 0, 0, 0, 0, 0, 1, 0},
				 .cdb_size = 10,
				 .iov = {{buffer, 512}},
				 .n_iov = 1,
				 .length = 512};
	struct vmbus_channel *channel;
	struct guest_answer answer;
	struct guest_srb read;

	g->memory[0].hold = true;
	buffer[0] = 1;
	guest_push(g, g->channel, &same); /* of several steps */
	for (uint32_t i = 0; i < 5; i++) {
		read = guest_rw(0, false, i, 1, buffer + 512 * i);
		guest_push(g, g->channel, &read);
	}
	fake_channel_push(g->channel, &(struct fake_packet){.flags = 1,
							    .transaction_id = 99,
							    .payload = &packet,
							    .size = sizeof(packet)});
	fake_channel_kick(g->channel);
	channel = g->channel;
	guest_disconnect(g);
	g_assert_false(guest_answer(channel, 0, &answer));    /* nobody is there to be told */
	g_assert_cmpuint(g->memory[0].n[BLOCK_WRITE], ==, 1); /* not all of its steps */
	memset(buffer, 0xee, 8 * 512);
	g->memory[0].hold = false;
	guest_connect(g, VSTOR_VERSION_6_2);
	for (uint32_t i = 0; i < 8 * 512; i++)
		g_assert_cmphex(buffer[i], ==, 0xee);
	read = guest_rw(0, false, 0, 1, buffer);
	for (int i = 0; i < 20; i++) { /* the pool is whole */
		struct vstor_srb srb = guest_execute(g, &read);

		g_assert_true(srb.srb_status == SRB_STATUS_SUCCESS || i == 0);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name, policy, test)                                                                \
	g_test_add("/storvsp_io/" name, struct storvsp_guest, GINT_TO_POINTER(policy), set_up, \
		   test, tear_down)
	ADD("random", BLOCK_ERROR_REPORT, test_random);
	ADD("batches", BLOCK_ERROR_REPORT, test_batches);
	ADD("full-ring", BLOCK_ERROR_REPORT, test_full_ring);
	ADD("durable", BLOCK_ERROR_REPORT, test_durable);
	ADD("errors", BLOCK_ERROR_REPORT, test_errors);
	ADD("stop", BLOCK_ERROR_STOP, test_stop);
	ADD("close-stopped", BLOCK_ERROR_STOP, test_close_stopped);
	ADD("reset", BLOCK_ERROR_REPORT, test_reset);
	ADD("close-in-flight", BLOCK_ERROR_REPORT, test_close_in_flight);
	return g_test_run();
}
