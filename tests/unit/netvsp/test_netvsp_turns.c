/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much a guest that floods can have done before others have their turn. */
#include <string.h>

#include "guest_nic.h"
#include "net_backend_private.h"

#define MESSAGES      8u    /* in a packet, as the guest is told */
#define TURN	      256u  /* messages that one turn begins with at most; netvsp.c */
#define FLOOD	      400u  /* packets of each channel */
#define SEGMENT	      48u   /* bytes; the smallest that is taken */
#define SEGMENTS      1000u /* of a large frame */
#define LARGE_PACKETS 100u  /* with two of them each */
#define INVALID_ONE   48u   /* bytes of a message without a frame */

/* count messages in a row, each with a frame. Returns the size. */
static uint32_t messages_make(uint8_t *row, unsigned int count)
{
	const struct test_frame wanted = {.from_guest = true, .udp = true, .payload = 64};
	uint32_t size = 0;

	for (unsigned int i = 0; i < count; i++) {
		uint8_t frame[200];
		uint32_t n = (uint32_t)test_frame_numbered(&wanted, frame, i);

		size += guest_nic_wrap(row + size, frame, n, NULL, 0);
	}
	return size;
}

static void test_messages(gconstpointer data)
{
	const unsigned int count = GPOINTER_TO_UINT(data);
	struct guest_nic_options options = {0};
	uint8_t row[6144], got[200];
	struct virtio_net_hdr header;
	struct netvsp_state state;
	struct guest_nic nic;

	guest_nic_up(&nic, &options);
	guest_nic_send_section(&nic, 0, 0, row, messages_make(row, count));
	g_assert_cmpuint(guest_nic_sent(&nic), ==, count > MESSAGES ? 5 : 1);
	for (unsigned int i = 0; i < MIN(count, MESSAGES); i++) {
		size_t n = guest_nic_network_receive(&nic, &header, got, sizeof(got));

		g_assert_cmpuint(n, >, 4);
		g_assert_cmpuint(get32(got + n - 4), ==, i);
	}
	netvsp_state(nic.netvsp, &state);
	g_assert_cmpuint(state.counters.sent, ==, MIN(count, MESSAGES));
	g_assert_cmpuint(state.counters.send_invalid, ==, count > MESSAGES);
	guest_nic_free(&nic);
}

/* Another user of the thread: has a turn whenever there is one, and looks what was done since. */
struct other {
	struct guest_nic *nic;
	uint64_t before, most;
	uint64_t sent_after; /* how much of the flood was done when the frame was seen sent */
	unsigned int turns;
};

static void other_turn(void *context)
{
	struct other *other = context;
	struct netvsp_state state;
	uint64_t done;

	netvsp_state(other->nic->netvsp, &state);
	done = state.counters.send_invalid;
	other->most = MAX(other->most, done - other->before);
	other->before = done;
	if (state.counters.sent > 0 && other->sent_after == 0)
		other->sent_after = done;
	other->turns++;
	if (done < (uint64_t)2 * FLOOD * MESSAGES)
		io_thread_post(other->nic->thread, other_turn, other);
}

/* Puts a packet of messages into a channel's ring; nobody is told yet. */
static void push(struct guest_nic *nic, unsigned int channel, uint8_t *row, size_t size)
{
	struct iovec iov = {row, size};
	uint8_t nvsp[40] = {0};

	put32(nvsp, 107);
	put32(nvsp + 8, UINT32_MAX); /* no section */
	fake_channel_push(nic->channels[channel],
			  &(struct fake_packet){.type = VMBUS_PACKET_DATA_USING_GPA_DIRECT,
						.flags = VMBUS_PACKET_WANTS_COMPLETION,
						.transaction_id = nic->transaction++,
						.payload = nvsp,
						.size = sizeof(nvsp),
						.buffer = &iov,
						.n_buffer = 1});
}

static void kick_all(void *context)
{
	const struct guest_nic *nic = context;

	for (unsigned int i = 0; i < nic->n_channels; i++)
		fake_channel_kick(nic->channels[i]);
}

/* Two channels flood with packets that are as full as can be: another user of the thread has its
 * turns in between, and so has the only frame of a third channel. */
static void test_flood(void)
{
	struct guest_nic_options options = {.channels = 3};
	uint8_t row[MESSAGES * INVALID_ONE] = {0}, good[300];
	struct guest_nic nic;
	struct other other = {.nic = &nic};

	for (size_t i = 0; i < MESSAGES; i++) {
		put32(row + i * INVALID_ONE, 1); /* RNDIS_PACKET, and no data */
		put32(row + i * INVALID_ONE + 4, INVALID_ONE);
	}
	guest_nic_up(&nic, &options);
	for (unsigned int i = 0; i < 2 * FLOOD; i++)
		push(&nic, i % 2, row, sizeof(row));
	push(&nic, 2, good, messages_make(good, 1));
	io_thread_post(nic.thread, other_turn, &other);
	io_thread_call(nic.thread, kick_all, &nic);
	for (unsigned int i = 0; i < 2 * FLOOD + 1; i++) {
		uint32_t status = guest_nic_sent(&nic);

		g_assert_true(status == 5 || status == 1);
	}
	fake_vmbus_settle(nic.thread);
	g_assert_cmpuint(other.before, ==, (uint64_t)2 * FLOOD * MESSAGES);
	/* Of both channels when they are first heard of, and of one that has its next turn. */
	g_assert_cmpuint(other.most, <=, 3 * (TURN + MESSAGES));
	g_assert_cmpuint(other.sent_after, >, 0);
	g_assert_cmpuint(other.sent_after, <=, 3 * (TURN + MESSAGES));
	g_assert_cmpuint(other.turns, >=, FLOOD * MESSAGES / (TURN + MESSAGES));
	guest_nic_free(&nic);
}

/* ---- a back end that takes no large frames and has room for all ---- */

static bool sink_start(struct net_backend *base, GError **error)
{
	(void)base;
	(void)error;
	return true;
}

static void sink_nothing(struct net_backend *base)
{
	(void)base;
}

static bool sink_can_send(const struct net_backend *base)
{
	(void)base;
	return true;
}

static bool sink_send(struct net_backend *base, unsigned int queue,
		      const struct virtio_net_hdr *header, const struct iovec *frame,
		      unsigned int n, size_t size)
{
	(void)base;
	(void)queue;
	(void)header;
	(void)frame;
	(void)n;
	(void)size;
	return true;
}

static void sink_free(struct net_backend *base)
{
	g_free(base);
}

static const struct net_backend_ops sink_ops = {
	.kind = "sink",
	.start = sink_start,
	.stop = sink_nothing,
	.can_send = sink_can_send,
	.send = sink_send,
	.resume = sink_nothing,
	.free = sink_free,
};

/* Another user of the thread, which looks how many frames the back end got since its last turn. */
struct watch {
	struct guest_nic *nic;
	uint64_t before, most, all;
};

static void watch_turn(void *context)
{
	struct watch *watch = context;
	struct net_backend_counters counters;

	net_backend_counters(watch->nic->backend, &counters);
	watch->most = MAX(watch->most, counters.sent - watch->before);
	watch->before = counters.sent;
	if (counters.sent < watch->all)
		io_thread_post(watch->nic->thread, watch_turn, watch);
}

/* Large frames that are cut into as many segments as can be, for a back end that has to get each:
 * those are what a turn has so many of. */
static void test_segments(void)
{
	const struct test_frame wanted = {.from_guest = true, .payload = SEGMENTS * SEGMENT};
	const struct guest_info info = {2, 1u << 30 | SEGMENT}; /* of version 2, IPv4 */
	struct net_backend *sink = g_new0(struct net_backend, 1);
	struct guest_nic_options options = {.backend = sink};
	g_autofree uint8_t *frame = g_malloc(66000);
	g_autofree uint8_t *row = g_malloc(2 * 66000);
	struct netvsp_state state;
	uint32_t size = 0;
	struct guest_nic nic;
	struct watch watch = {.nic = &nic, .all = (uint64_t)LARGE_PACKETS * 2 * SEGMENTS};

	net_backend_init(sink, &sink_ops, 1);
	guest_nic_up(&nic, &options);
	for (unsigned int i = 0; i < 2; i++) {
		uint32_t n = (uint32_t)test_frame_make(&wanted, frame);

		size += guest_nic_wrap(row + size, frame, n, &info, 1);
	}
	for (unsigned int i = 0; i < LARGE_PACKETS; i++)
		push(&nic, 0, row, size);
	io_thread_post(nic.thread, watch_turn, &watch);
	io_thread_call(nic.thread, kick_all, &nic);
	for (unsigned int i = 0; i < LARGE_PACKETS; i++)
		g_assert_cmpuint(guest_nic_sent(&nic), ==, 1);
	fake_vmbus_settle(nic.thread);
	netvsp_state(nic.netvsp, &state);
	g_assert_cmpuint(state.counters.sent, ==, LARGE_PACKETS * 2);
	g_assert_cmpuint(watch.before, ==, watch.all);
	/* A turn ends with the message that goes beyond; the first may meet the second. */
	g_assert_cmpuint(watch.most, <=, 2 * (TURN + SEGMENTS));
	guest_nic_free(&nic);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_data_func("/netvsp-turns/messages/8", GUINT_TO_POINTER(8), test_messages);
	g_test_add_data_func("/netvsp-turns/messages/9", GUINT_TO_POINTER(9), test_messages);
	g_test_add_data_func("/netvsp-turns/messages/30", GUINT_TO_POINTER(30), test_messages);
	g_test_add_func("/netvsp-turns/flood", test_flood);
	g_test_add_func("/netvsp-turns/segments", test_segments);
	return g_test_run();
}
