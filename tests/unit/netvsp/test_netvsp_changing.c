/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guests that change a packet while it is sent. The back end is on the guest's side: when it is
 * called it writes into the send section that the packet lies in, where what was looked at before
 * must not be looked at again.
 */
#include <string.h>

#include "guest_nic.h"
#include "net_backend_private.h"

#define SECTION 3u
#define FRAME	44u /* where the frame is in a message without information */

/* When the back end changes the memory, and how. */
enum moment {
	ASKED,	 /* whether it takes a frame: only the message's type and size are known */
	SENDING, /* the first frame: all of the message is known */
	WAITING, /* it takes no frame now; the guest has all the time there is */
};

struct change {
	uint32_t at, value; /* in the section; 32 bits */
};

#define CHANGES 4u
struct accomplice {
	struct net_backend base; /* first, as net_backend_private.h wants it */
	struct guest_nic *nic;
	enum moment moment;
	const struct change *changes; /* up to CHANGES, ended by a value at 0 of 0; NULL: done */
	bool waits;		      /* takes nothing until it is told to */
	GPtrArray *sent;	      /* GByteArray, of each frame */
};

static void accomplice_change(struct accomplice *a)
{
	const struct change *changes = a->changes;

	a->changes = NULL;
	for (unsigned int i = 0; changes && i < CHANGES && (changes[i].at || changes[i].value);
	     i++) {
		uint8_t value[4];

		put32(value, changes[i].value);
		guest_nic_copy(a->nic->send, GUEST_NIC_SEND,
			       SECTION * a->nic->send_section + changes[i].at, value, sizeof(value),
			       true);
	}
}

static bool accomplice_start(struct net_backend *base, GError **error)
{
	(void)base;
	(void)error;
	return true;
}

static void accomplice_nothing(struct net_backend *base)
{
	(void)base;
}

static bool accomplice_can_send(const struct net_backend *base)
{
	struct accomplice *a = (struct accomplice *)(uintptr_t)base;

	if (a->moment == ASKED)
		accomplice_change(a);
	return !a->waits;
}

static bool accomplice_send(struct net_backend *base, unsigned int queue,
			    const struct virtio_net_hdr *header, const struct iovec *frame,
			    unsigned int n, size_t size)
{
	struct accomplice *a = (struct accomplice *)base;
	GByteArray *copy = g_byte_array_new();

	(void)queue;
	(void)header;
	if (a->moment == SENDING)
		accomplice_change(a);
	for (unsigned int i = 0; i < n; i++)
		g_byte_array_append(copy, frame[i].iov_base, (guint)frame[i].iov_len);
	g_assert_cmpuint(copy->len, ==, size);
	g_ptr_array_add(a->sent, copy);
	return true;
}

static void accomplice_free(struct net_backend *base)
{
	g_ptr_array_unref(((struct accomplice *)base)->sent);
}

static const struct net_backend_ops accomplice_ops = {
	.kind = "accomplice",
	.start = accomplice_start,
	.stop = accomplice_nothing,
	.can_send = accomplice_can_send,
	.send = accomplice_send,
	.resume = accomplice_nothing,
	.free = accomplice_free,
};

static void set_up(struct guest_nic *nic, struct accomplice *a, enum moment moment,
		   const struct change *changes)
{
	struct guest_nic_options options = {.fixed_mac = true, .backend = &a->base};

	*a = (struct accomplice){
		.nic = nic,
		.moment = moment,
		.waits = moment == WAITING,
		.sent = g_ptr_array_new_with_free_func((GDestroyNotify)g_byte_array_unref)};
	net_backend_init(&a->base, &accomplice_ops, 1);
	guest_nic_up(nic, &options);
	a->changes = changes;
}

static void assert_sent(const struct accomplice *a, unsigned int i, const uint8_t *frame,
			size_t size)
{
	const GByteArray *sent;

	g_assert_cmpuint(i, <, a->sent->len);
	sent = g_ptr_array_index(a->sent, i);
	g_assert_cmpuint(sent->len, ==, size);
	g_assert_cmpint(memcmp(sent->data, frame, size), ==, 0);
}

static void accomplice_take_on(void *context)
{
	struct accomplice *a = context;

	accomplice_change(a);
	a->waits = false;
	a->base.events->writable(a->base.context);
}

/* Two messages in a row. The first has a frame of 142 bytes. */
#define SECOND (FRAME + 142u)
enum { TYPE = 0, SIZE = 4, DATA_AT = 8, DATA_SIZE = 12, INFO_AT = 28, INFO_SIZE = 32 };

struct two {
	const char *name;
	enum moment moment;
	struct change changes[CHANGES];
	bool first, second; /* which of them come, as they were */
};

static const struct two twos[] = {
	/* All of the first is known: it and the place of the second stay what they were. */
	{"sending/type", SENDING, {{TYPE, 5}}, true, true},
	{"sending/size-none", SENDING, {{SIZE, 0}, {TYPE, 1}}, true, true},
	{"sending/size-most", SENDING, {{SIZE, UINT32_MAX}}, true, true},
	{"sending/size-more", SENDING, {{SIZE, SECOND + 8}}, true, true},
	{"sending/data", SENDING, {{DATA_AT, UINT32_MAX}, {DATA_SIZE, UINT32_MAX}}, true, true},
	{"sending/info", SENDING, {{INFO_AT, 36}, {INFO_SIZE, UINT32_MAX}}, true, true},
	{"sending/mac", SENDING, {{FRAME + 4, UINT32_MAX}, {FRAME + 8, UINT32_MAX}}, true, true},
	/* Its size is known. */
	{"asked/type", ASKED, {{TYPE, 5}}, true, true},
	{"asked/size-none", ASKED, {{SIZE, 0}, {TYPE, 1}}, true, true},
	{"asked/size-most", ASKED, {{SIZE, UINT32_MAX}}, true, true},
	/* What would lie within only the size that it has now. */
	{"asked/data-size", ASKED, {{SIZE, UINT32_MAX}, {DATA_SIZE, 200}}, false, true},
	{"asked/data-at", ASKED, {{SIZE, UINT32_MAX}, {DATA_AT, SECOND}}, false, true},
	{"asked/info",
	 ASKED,
	 {{SIZE, UINT32_MAX}, {INFO_AT, SECOND}, {INFO_SIZE, 16}},
	 false,
	 true},
	{"asked/mac", ASKED, {{FRAME + 4, UINT32_MAX}, {FRAME + 8, UINT32_MAX}}, false, true},
	/* Nothing is known: all is looked at when the back end takes it. */
	{"waiting/type", WAITING, {{TYPE, 5}}, false, false},
	{"waiting/size-none", WAITING, {{SIZE, 0}, {TYPE, 1}}, false, false},
	{"waiting/size-most", WAITING, {{SIZE, UINT32_MAX}}, false, false},
	{"waiting/size-both", WAITING, {{SIZE, 2 * SECOND}}, true, false},
	{"waiting/data-size", WAITING, {{DATA_SIZE, 200}}, false, true},
	{"waiting/mac", WAITING, {{FRAME + 4, UINT32_MAX}, {FRAME + 8, UINT32_MAX}}, false, true},
};

static void test_two(gconstpointer data)
{
	const struct two *two = data;
	const struct test_frame wanted = {.from_guest = true, .udp = true, .payload = 100};
	uint8_t frames[2][200], row[500];
	struct netvsp_state state;
	struct guest_nic nic;
	struct accomplice a;
	uint32_t size = 0;
	size_t n = 0;

	set_up(&nic, &a, two->moment, two->changes);
	for (uint32_t i = 0; i < 2; i++) {
		n = test_frame_numbered(&wanted, frames[i], i);
		size += guest_nic_wrap(row + size, frames[i], (uint32_t)n, NULL, 0);
	}
	g_assert_cmpuint(size, ==, 2 * SECOND);
	guest_nic_send_section(&nic, 0, SECTION, row, size);
	if (two->moment == WAITING)
		io_thread_call(nic.thread, accomplice_take_on, &a);
	/* A message that takes in the next one is none that is wrong. */
	g_assert_cmpuint(guest_nic_sent(&nic), ==, two->first ? 1 : 5);
	g_assert_null(a.changes);
	g_assert_cmpuint(a.sent->len, ==, (guint)two->first + two->second);
	if (two->first)
		assert_sent(&a, 0, frames[0], n);
	if (two->second)
		assert_sent(&a, two->first ? 1 : 0, frames[1], n);
	netvsp_state(nic.netvsp, &state);
	g_assert_cmpuint(state.counters.sent, ==, a.sent->len);
	g_assert_cmpuint(state.counters.send_invalid, ==, two->first ? 0 : 1);
	guest_nic_free(&nic);
}

/* A large frame that is cut into segments: when the first goes, the guest makes another of it. */
static void test_large(void)
{
	enum { MSS = 1000, PAYLOAD = 2500, INFO = 16, HEADERS = 54 };
	static const struct change changes[CHANGES] = {
		{DATA_SIZE, 14},	       /* no more than an Ethernet header */
		{FRAME + 12, 100},	       /* the segments' size, in the information */
		{FRAME + INFO + 14, 0xffff4f}, /* an IPv4 header of 60 bytes and another length */
		{FRAME + INFO + 46, 0xf0},     /* a TCP header of 60 bytes */
	};
	const struct test_frame wanted = {.from_guest = true, .payload = PAYLOAD};
	const struct guest_info info = {2, 1u << 30 | MSS}; /* of version 2, IPv4 */
	uint8_t frame[3000], message[3100];
	struct guest_nic nic;
	struct accomplice a;
	uint32_t n;

	set_up(&nic, &a, SENDING, changes);
	n = (uint32_t)test_frame_make(&wanted, frame);
	g_assert_cmpuint(n, ==, HEADERS + PAYLOAD);
	n = guest_nic_wrap(message, frame, n, &info, 1);
	guest_nic_send_section(&nic, 0, SECTION, message, n);
	g_assert_cmpuint(guest_nic_sent(&nic), ==, 1);
	g_assert_null(a.changes);
	g_assert_cmpuint(a.sent->len, ==, 3);
	for (unsigned int i = 0; i < 3; i++) {
		const GByteArray *sent = g_ptr_array_index(a.sent, i);
		size_t payload = i < 2 ? MSS : PAYLOAD - 2 * MSS;

		g_assert_cmpuint(sent->len, ==, HEADERS + payload);
		g_assert_true(test_frame_good(sent->data, sent->len));
		g_assert_cmpint(
			memcmp(sent->data + HEADERS, frame + HEADERS + (size_t)i * MSS, payload),
			==, 0);
	}
	guest_nic_free(&nic);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(twos); i++) {
		g_autofree char *path = g_strdup_printf("/netvsp-changing/%s", twos[i].name);

		g_test_add_data_func(path, &twos[i], test_two);
	}
	g_test_add_func("/netvsp-changing/large", test_large);
	return g_test_run();
}
