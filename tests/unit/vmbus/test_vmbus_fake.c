/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The fake itself, with a device that answers each packet with its payload. */
#include <string.h>

#include "fake_vmbus.h"

struct echo {
	struct io_thread *thread;
	struct vmbus *bus;
	struct vmbus_device *device;
	unsigned int opened, closed;
	bool refuse, fault;
	struct vmbus_packet held; /* no room for its answer yet */
	bool holds;
};

static bool echo_opened(void *context, struct vmbus_channel *channel, uint16_t index,
			const uint8_t user_data[120])
{
	struct echo *echo = context;

	g_assert_cmpuint(vmbus_channel_index(channel), ==, index);
	echo->opened += user_data[0];
	if (index == 0)
		g_assert_cmpuint(vmbus_device_offer_sub_channels(echo->device, 5), ==, 2);
	return !echo->refuse;
}

static void echo_closed(void *context, struct vmbus_channel *channel G_GNUC_UNUSED)
{
	((struct echo *)context)->closed++;
}

static void echo_ready(void *context, struct vmbus_channel *channel)
{
	struct echo *echo = context;
	struct vmbus_packet *p = &echo->held;

	while (echo->holds || vmbus_channel_receive(channel, p)) {
		struct iovec payload = {(void *)p->payload, p->size};

		echo->holds = !vmbus_channel_send(channel, VMBUS_PACKET_COMPLETION, 0,
						  p->transaction_id, &payload, 1);
		if (echo->holds)
			break;
	}
	vmbus_channel_flush(channel);
	if (echo->fault)
		vmbus_channel_fault(channel, "told to");
}

static const struct vmbus_device_ops echo_ops = {
	.opened = echo_opened, .closed = echo_closed, .ready = echo_ready};

static void setup(struct echo *echo, gconstpointer data G_GNUC_UNUSED)
{
	struct vmbus_device_config config = {.name = "echo0",
					     .max_sub_channels = 2,
					     .max_packet = 64,
					     .ops = &echo_ops,
					     .context = echo};

	echo->thread = io_thread_new("io-test", NULL);
	echo->bus = fake_vmbus_new();
	config.thread = echo->thread;
	echo->device = vmbus_offer(echo->bus, &config, NULL);
	g_assert_true(fake_vmbus_find(echo->bus, "echo0") == echo->device);
}

static void teardown(struct echo *echo, gconstpointer data G_GNUC_UNUSED)
{
	vmbus_rescind(echo->device);
	fake_vmbus_free(echo->bus);
	io_thread_free(echo->thread);
}

static void test_echo(struct echo *echo, gconstpointer data G_GNUC_UNUSED)
{
	uint8_t user_data[120] = {1};
	struct vmbus_channel *channel = fake_channel_open(echo->device, 0, user_data);
	struct fake_packet packet = {.transaction_id = 7, .payload = "hello", .size = 6};
	struct fake_sent sent;

	g_assert_cmpuint(echo->opened, ==, 1);
	g_assert_cmpuint(fake_device_sub_channels(echo->device), ==, 2);
	fake_channel_push(channel, &packet);
	g_assert_false(fake_channel_pull(channel, &sent));
	fake_channel_kick(channel);
	g_assert_true(fake_channel_pull(channel, &sent));
	g_assert_cmpint(sent.type, ==, VMBUS_PACKET_COMPLETION);
	g_assert_cmpuint(sent.transaction_id, ==, 7);
	g_assert_cmpuint(sent.size, ==, 8);
	g_assert_cmpint(memcmp(sent.payload, "hello\0\0\0", 8), ==, 0);
	g_assert_cmpuint(fake_channel_flushes(channel), ==, 1);
	fake_sent_clear(&sent);
	fake_channel_close(channel);
	g_assert_cmpuint(echo->closed, ==, 1);
}

static void test_room(struct echo *echo, gconstpointer data G_GNUC_UNUSED)
{
	struct vmbus_channel *channel = fake_channel_open(echo->device, 0, NULL);
	struct fake_packet packet = {.payload = "hello", .size = 6};
	struct fake_sent sent;

	fake_channel_limit(channel, 40);
	fake_channel_push(channel, &packet);
	fake_channel_send(channel, &packet);
	g_assert_cmpuint(fake_channel_refused(channel), ==, 1);
	fake_channel_limit(channel, 32);
	for (int i = 0; i < 2; i++) {
		g_assert_true(fake_channel_pull(channel, &sent));
		fake_sent_clear(&sent);
	}
	g_assert_false(fake_channel_pull(channel, &sent));
}

static void test_faults(struct echo *echo, gconstpointer data G_GNUC_UNUSED)
{
	static const uint8_t large[65];
	struct vmbus_channel *channel = fake_channel_open(echo->device, 0, NULL);

	fake_channel_send(channel, &(struct fake_packet){.payload = large, .size = 65});
	g_assert_false(fake_channel_is_open(channel));
	g_assert_cmpuint(fake_channel_faults(channel), ==, 1);
	g_assert_cmpuint(echo->closed, ==, 1);

	channel = fake_channel_open(echo->device, 0, NULL);
	echo->fault = true;
	fake_channel_kick(channel);
	g_assert_false(fake_channel_is_open(channel));
	g_assert_cmpstr(fake_channel_last_fault(channel), ==, "told to");

	echo->refuse = true;
	g_assert_null(fake_channel_open(echo->device, 0, NULL));
}

static void test_sub_channels_close_first(struct echo *echo, gconstpointer data G_GNUC_UNUSED)
{
	struct vmbus_channel *primary = fake_channel_open(echo->device, 0, NULL);
	struct vmbus_channel *sub = fake_channel_open(echo->device, 2, NULL);

	fake_channel_close(primary);
	g_assert_false(fake_channel_is_open(sub));
	g_assert_cmpuint(echo->closed, ==, 2);
}

#define ADD(path, test) g_test_add(path, struct echo, NULL, setup, test, teardown)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/vmbus-fake/echo", test_echo);
	ADD("/vmbus-fake/room", test_room);
	ADD("/vmbus-fake/faults", test_faults);
	ADD("/vmbus-fake/sub-channels-close-first", test_sub_channels_close_first);
	return g_test_run();
}
