/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What all services share, seen on the smallest one that there could be. */
#include "ic.h"

#include <string.h>

#include "guest_ic.h"
#include "ic_wire.h"

struct fixture {
	struct guest_ic guest;
	struct ic *ic;
	unsigned int ready, gone, answers, expired;
	struct ic_version version;
	uint8_t last_id;
	uint32_t last_status;
	size_t last_size;
	uint8_t last_body[64];
	bool chain; /* each answer brings the next request */
};

static void on_ready(void *context, struct ic_version version)
{
	struct fixture *f = context;

	f->ready++;
	f->version = version;
}

static void on_gone(void *context)
{
	((struct fixture *)context)->gone++;
}

static void on_answered(void *context, uint8_t id, uint32_t status, const uint8_t *body,
			size_t size)
{
	struct fixture *f = context;

	g_assert_cmpuint(size, <=, sizeof(f->last_body));
	f->answers++;
	f->last_id = id;
	f->last_status = status;
	f->last_size = size;
	memcpy(f->last_body, body, size);
	if (f->chain)
		g_assert_cmpuint(ic_send(f->ic, "x", 1), !=, 0);
}

static void on_expired(void *context)
{
	((struct fixture *)context)->expired++;
}

static const struct ic_ops ops = {
	.ready = on_ready, .gone = on_gone, .answered = on_answered, .expired = on_expired};
static const struct ic_version versions[] = {{1, 0}, {3, 0}, {3, 2}};

static void set_up(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	const struct ic_config config = {
		.name = "thing",
		.message_type = 9,
		.versions = versions,
		.n_versions = G_N_ELEMENTS(versions),
		.max_body = 64,
		.ops = &ops,
		.context = f,
	};

	guest_ic_init(&f->guest);
	f->ic = ic_new(&f->guest.env, &config, NULL);
	g_assert_nonnull(f->ic);
}

static void tear_down(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	ic_free(f->ic);
	guest_ic_clear(&f->guest);
}

static void test_offer(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	const struct vmbus_device_config *config =
		fake_device_config(fake_vmbus_nth(f->guest.bus, 0));

	g_assert_cmpstr(config->name, ==, "thing");
	g_assert_cmphex(config->offer_flags, ==, 0x11);
	g_assert_cmphex(config->user_defined[0], ==, 4);
	g_assert_cmpuint(config->max_sub_channels, ==, 0);
	g_assert_cmpuint(config->max_packet, >=, 28 + 64);
}

static void test_offer_refused(void)
{
	g_autoptr(GError) error = NULL;
	struct guest_ic guest;

	guest_ic_init(&guest);
	fake_vmbus_fail_offers(guest.bus, 1);
	g_assert_null(
		ic_new(&guest.env,
		       &(struct ic_config){
			       .name = "thing", .versions = versions, .n_versions = 1, .ops = &ops},
		       &error));
	g_assert_nonnull(error);
	guest_ic_clear(&guest);
}

static void test_negotiate(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	/* the guest prefers what the host does not know; the first that it does is taken */
	const uint32_t wanted[] = {5u << 16, 3u << 16 | 2, 3u << 16};

	g_assert_false(ic_is_ready(f->ic));
	guest_ic_open(&f->guest);
	g_assert_cmpuint(f->ready, ==, 0);
	g_assert_true(guest_ic_negotiate(&f->guest, wanted, 3));
	g_assert_cmpuint(f->ready, ==, 1);
	g_assert_cmpuint(f->version.major, ==, 3);
	g_assert_cmpuint(f->version.minor, ==, 2);
	g_assert_true(ic_is_at_least(f->ic, 3, 1));
	g_assert_true(ic_is_at_least(f->ic, 1, 7));
	g_assert_false(ic_is_at_least(f->ic, 3, 3));
	g_assert_false(ic_is_at_least(f->ic, 4, 0));
	guest_ic_close(&f->guest);
	g_assert_cmpuint(f->gone, ==, 1);
	g_assert_false(ic_is_ready(f->ic));

	/* and once more, after a reboot */
	guest_ic_start(&f->guest, 1u << 16);
	g_assert_cmpuint(f->ready, ==, 2);
	g_assert_cmpuint(f->version.major, ==, 1);
}

static void test_no_common_version(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	const uint32_t wanted[] = {5u << 16};

	guest_ic_open(&f->guest);
	g_assert_false(guest_ic_negotiate(&f->guest, wanted, 1));
	g_assert_cmpuint(f->ready, ==, 0);
	g_assert_cmpuint(fake_channel_faults(f->guest.channel), ==, 0);
	g_assert_cmpuint(ic_send(f->ic, "x", 1), ==, 0);
	guest_ic_close(&f->guest);
	g_assert_cmpuint(f->gone, ==, 0);
}

static void test_version_not_offered(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static const uint8_t lies[][12] = {
		/* counts, reserved, framework 3.0, service 3.2: then changed in one place */
		{2, 0, 1, 0, 3, 0, 0, 0, 3, 0, 2, 0}, {1, 0, 2, 0, 3, 0, 0, 0, 3, 0, 2, 0},
		{1, 0, 1, 0, 2, 0, 0, 0, 3, 0, 2, 0}, {1, 0, 1, 0, 3, 0, 1, 0, 3, 0, 2, 0},
		{1, 0, 1, 0, 3, 0, 0, 0, 3, 0, 1, 0}, {1, 0, 1, 0, 3, 0, 0, 0, 9, 0, 0, 0},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(lies); i++) {
		uint8_t *body = guest_ic_body(&f->guest);

		guest_ic_open(&f->guest);
		g_assert_true(guest_ic_receive(&f->guest));
		memcpy(body, lies[i], 4);
		memcpy(body + 8, lies[i] + 4, 8);
		guest_ic_answer(&f->guest, 0);
		g_assert_cmpuint(fake_channel_faults(f->guest.channel), ==, 1);
		g_assert_false(fake_channel_is_open(f->guest.channel));
	}
	g_assert_cmpuint(f->ready, ==, 0);
}

static void test_request(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	uint8_t id;

	g_assert_cmpuint(ic_send(f->ic, "early", 5), ==, 0);
	guest_ic_start(&f->guest, 3u << 16);
	id = ic_send(f->ic, "hello", 5);
	g_assert_cmpuint(id, !=, 0);
	g_assert_true(guest_ic_receive(&f->guest));
	g_assert_cmpuint(guest_ic_type(&f->guest), ==, 9);
	assert_bytes(guest_ic_body(&f->guest), guest_ic_body_size(&f->guest), "hello", 5);
	guest_ic_body(&f->guest)[0] = 'j';
	guest_ic_answer(&f->guest, 17);
	g_assert_cmpuint(f->answers, ==, 1);
	g_assert_cmpuint(f->last_id, ==, id);
	g_assert_cmpuint(f->last_status, ==, 17);
	assert_bytes(f->last_body, f->last_size, "jello", 5);
	/* once more: that is an answer to nothing */
	guest_ic_answer(&f->guest, 17);
	g_assert_cmpuint(f->answers, ==, 1);
	g_assert_cmpuint(fake_channel_faults(f->guest.channel), ==, 1);
	g_assert_cmpuint(f->gone, ==, 1);
}

static void test_pending(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	uint8_t ids[IC_PENDING_MAX];

	guest_ic_start(&f->guest, 3u << 16);
	for (int round = 0; round < 100; round++) { /* ids wrap */
		for (unsigned int i = 0; i < IC_PENDING_MAX; i++) {
			ids[i] = ic_send(f->ic, "x", 1);
			g_assert_cmpuint(ids[i], !=, 0);
		}
		g_assert_cmpuint(ic_send(f->ic, "x", 1), ==, 0);
		ic_forget(f->ic, ids[1]);
		g_assert_cmpuint(ic_send(f->ic, "x", 1), ==, 0);
		for (unsigned int i = 0; i < IC_PENDING_MAX; i++) {
			g_assert_true(guest_ic_receive(&f->guest));
			guest_ic_answer(&f->guest, 0);
			g_assert_cmpuint(f->last_id, ==, ids[i == 1 ? 0 : i]);
		}
	}
	g_assert_cmpuint(f->answers, ==, 300);
	g_assert_cmpuint(fake_channel_faults(f->guest.channel), ==, 0);
}

static void test_no_room(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	/* the versions go out as soon as there is room */
	guest_ic_open(&f->guest);
	guest_ic_close(&f->guest);
	f->guest.channel = fake_channel_open(fake_vmbus_nth(f->guest.bus, 0), 0, NULL);
	g_assert_true(guest_ic_receive(&f->guest)); /* the fake has room at birth */
	guest_ic_close(&f->guest);

	guest_ic_start(&f->guest, 3u << 16);
	fake_channel_limit(f->guest.channel, 8);
	g_assert_cmpuint(ic_send(f->ic, "x", 1), ==, 0);
	fake_channel_limit(f->guest.channel, UINT32_MAX);
	g_assert_cmpuint(ic_send(f->ic, "x", 1), !=, 0);
	g_assert_cmpuint(ic_send(f->ic, f->last_body, 65), ==, 0); /* larger than it said */
}

static void test_timer(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	guest_ic_start(&f->guest, 3u << 16);
	ic_arm(f->ic, ic_now(f->ic) + IC_SECOND);
	fake_io_advance(f->guest.thread, IC_SECOND - 1);
	g_assert_cmpuint(f->expired, ==, 0);
	fake_io_advance(f->guest.thread, 1);
	g_assert_cmpuint(f->expired, ==, 1);
	ic_arm(f->ic, ic_now(f->ic) + IC_SECOND);
	guest_ic_close(&f->guest); /* disarms */
	fake_io_advance(f->guest.thread, 10 * IC_SECOND);
	g_assert_cmpuint(f->expired, ==, 1);
}

/* A valid answer, cut or stretched to every length, and with every length in its headers. */
static void test_every_size(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	for (uint32_t size = 0; size < 200; size++) {
		unsigned int answers = f->answers;

		guest_ic_start(&f->guest, 3u << 16);
		ic_send(f->ic, "0123456789abcdef", 16);
		g_assert_true(guest_ic_receive(&f->guest));
		guest_ic_answer_cut(&f->guest, 0, size);
		/* the ring pads to 8: the 44 bytes come as 48 */
		g_assert_cmpuint(f->answers - answers, ==, size > 40 && size <= 160);
		g_assert_cmpuint(fake_channel_faults(f->guest.channel), ==,
				 size > 40 && size <= 160 ? 0 : 1);
		guest_ic_close(&f->guest);
	}
}

static void test_lying_headers(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	for (uint32_t lie = 0; lie < 0x20000; lie += lie < 100 ? 1 : 977) {
		for (int field = 0; field < 2; field++) {
			unsigned int answers = f->answers;
			bool sound;

			guest_ic_start(&f->guest, 3u << 16);
			ic_send(f->ic, "0123456789abcdef", 16);
			g_assert_true(guest_ic_receive(&f->guest));
			if (field == 0) {
				memcpy(f->guest.message + 4, &lie, 4);
				sound = lie >= 36 && lie <= 40;
			} else {
				uint16_t lie16 = (uint16_t)lie;

				memcpy(f->guest.message + 18, &lie16, 2);
				sound = lie16 <= 16;
			}
			guest_ic_answer(&f->guest, 0);
			g_assert_cmpuint(f->answers - answers, ==, sound);
			guest_ic_close(&f->guest);
		}
	}
}

static void test_wrong_messages(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static const struct {
		unsigned int at;
		uint8_t value;
	} wrong[] = {
		{12, 3},   /* another service's type */
		{12, 0},   /* versions once more */
		{13, 1},   /* a type that there is not */
		{24, 200}, /* an id that was not given */
		{24, 0},   /* none */
		{25, 3},   /* a request */
	};

	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		guest_ic_start(&f->guest, 3u << 16);
		g_assert_cmpuint(ic_send(f->ic, "x", 1), !=, 0);
		g_assert_true(guest_ic_receive(&f->guest));
		f->guest.message[25] = 5;
		f->guest.message[wrong[i].at] = wrong[i].value;
		guest_ic_send(&f->guest, f->guest.message, f->guest.size);
		g_assert_cmpuint(f->answers, ==, 0);
		g_assert_cmpuint(fake_channel_faults(f->guest.channel), ==, 1);
		g_assert_cmpstr(fake_channel_last_fault(f->guest.channel), !=, "");
		g_assert_false(ic_is_ready(f->ic));
	}
	guest_ic_start(&f->guest, 3u << 16);
	fake_channel_send(f->guest.channel, &(struct fake_packet){.type = VMBUS_PACKET_COMPLETION,
								  .payload = f->guest.message,
								  .size = 28});
	g_assert_false(ic_is_ready(f->ic));
}

/* The guest answers what was not asked yet: more than one turn takes, all seen with one signal. */
static void test_foresight(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	guest_ic_start(&f->guest, 3u << 16);
	f->chain = true;
	g_assert_cmpuint(ic_send(f->ic, "x", 1), ==, 1);
	g_assert_true(guest_ic_receive(&f->guest));
	f->guest.message[25] = 5;
	for (uint8_t id = 1; id <= 100; id++) {
		f->guest.message[24] = id;
		fake_channel_push(f->guest.channel, &(struct fake_packet){
							    .payload = f->guest.message,
							    .size = f->guest.size,
						    });
	}
	fake_channel_kick(f->guest.channel);
	g_assert_cmpuint(f->answers, ==, 100);
	g_assert_cmpuint(fake_channel_faults(f->guest.channel), ==, 0);
}

/* Answers to nothing, many at once. */
static void test_flood(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	guest_ic_start(&f->guest, 3u << 16);
	for (int i = 0; i < 4; i++) {
		g_assert_cmpuint(ic_send(f->ic, "x", 1), !=, 0);
		g_assert_true(guest_ic_receive(&f->guest));
		guest_ic_answer(&f->guest, 0);
	}
	g_assert_cmpuint(ic_send(f->ic, "x", 1), !=, 0);
	g_assert_true(guest_ic_receive(&f->guest));
	f->guest.message[25] = 5;
	for (int i = 0; i < 100; i++)
		fake_channel_push(f->guest.channel, &(struct fake_packet){
							    .payload = f->guest.message,
							    .size = f->guest.size,
						    });
	fake_channel_kick(f->guest.channel);
	g_assert_cmpuint(f->answers, ==, 5);
	g_assert_false(fake_channel_is_open(f->guest.channel));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name, function) \
	g_test_add("/ic/" name, struct fixture, NULL, set_up, function, tear_down)
	ADD("offer", test_offer);
	ADD("negotiate", test_negotiate);
	ADD("no-common-version", test_no_common_version);
	ADD("version-not-offered", test_version_not_offered);
	ADD("request", test_request);
	ADD("pending", test_pending);
	ADD("no-room", test_no_room);
	ADD("timer", test_timer);
	ADD("every-size", test_every_size);
	ADD("lying-headers", test_lying_headers);
	ADD("wrong-messages", test_wrong_messages);
	ADD("foresight", test_foresight);
	ADD("flood", test_flood);
	g_test_add_func("/ic/offer-refused", test_offer_refused);
	return g_test_run();
}
