/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The synthetic side of a machine that is saved, ended, and taken up by another. */
#include <string.h>

#include "hv_fixture.h"
#include "synthetic.h"
#include "synthetic_nics.h"
#include "vmbus_wire.h"
#include "worker_error.h"

#define PATIENCE (20 * G_TIME_SPAN_SECOND)
#define SERVICES 7u /* with the keyboard */

struct fixture {
	struct hv_test hv;
	sd_event *event;
	struct engine_config config;
	struct nic_cables *cables;
	struct synthetic *synthetic;
	uint8_t message[VMBUS_MESSAGE_SIZE_MAX]; /* the last one taken */
};

static void begin(struct fixture *f)
{
	const struct synthetic_config config = {.vm_name = "web1",
						.vp_count = HV_VPS,
						.cables = f->cables,
						.hv = f->hv.hv,
						.partition = f->hv.partition,
						.event = f->event,
						.vsock_fd = -1};
	g_autoptr(GError) error = NULL;

	f->synthetic = synthetic_start(&config, &error);
	g_assert_no_error(error);
}

static void set_up(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	g_autoptr(GError) error = NULL;

	hv_test_build(&f->hv, hv_features_default, true);
	hv_test_enable_calls(&f->hv);
	hv_test_enable_synic(&f->hv, VMBUS_SINT, 0x50);
	g_assert_cmpint(sd_event_new(&f->event), >=, 0);
	f->config = (struct engine_config){.vm_name = "web1", .event = f->event};
	f->cables = nic_cables_new(&f->config, &error);
	g_assert_no_error(error);
	begin(f);
}

static void tear_down(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	synthetic_stop(f->synthetic);
	nic_cables_free(f->cables);
	sd_event_unref(f->event);
	hv_test_drop(&f->hv);
}

/* ---- the guest ------------------------------------------------------------------------------- */

static void post(struct fixture *f, const void *message, size_t size)
{
	struct hv_input_post_message *input = hv_test_at(&f->hv, INPUT);

	*input = (struct hv_input_post_message){.connection_id = VMBUS_MESSAGE_CONNECTION,
						.message_type = 1,
						.payload_size = (uint32_t)size};
	memcpy(input->payload, message, size);
	g_assert_cmphex(hv_test_call(&f->hv, HV_CALL_POST_MESSAGE, INPUT, 0), ==, 0);
}

static void take(struct fixture *f, enum vmbus_message_type type)
{
	struct hv_message_slot *slot = hv_test_slot(&f->hv, VMBUS_SINT);
	gint64 end = g_get_monotonic_time() + PATIENCE;
	struct wire_header header;

	while (__atomic_load_n(&slot->type, __ATOMIC_ACQUIRE) == HV_MESSAGE_NONE) {
		g_assert_cmpint(g_get_monotonic_time(), <, end);
		g_thread_yield();
	}
	memcpy(f->message, slot->payload, sizeof(f->message));
	memcpy(&header, f->message, sizeof(header));
	g_assert_cmpuint(header.type, ==, type);
	hv_test_consume(&f->hv, VMBUS_SINT);
}

static void connect_guest(struct fixture *f)
{
	const struct wire_initiate_contact contact = {.header.type = VMBUS_INITIATE_CONTACT,
						      .version = VMBUS_VERSION_5_3,
						      .v5.sint = VMBUS_SINT};

	post(f, &contact, sizeof(contact));
	take(f, VMBUS_VERSION_RESPONSE);
}

/* ---- saving ---------------------------------------------------------------------------------- */

static GBytes *save(struct fixture *f)
{
	struct state_writer *writer = state_writer_new();
	g_autoptr(GError) error = NULL;
	const uint8_t *data;
	GBytes *bytes;
	size_t size;

	g_assert_true(synthetic_save(f->synthetic, writer, &error));
	g_assert_no_error(error);
	data = state_writer_data(writer, &size);
	bytes = g_bytes_new(data, size);
	state_writer_free(writer);
	return bytes;
}

static bool restore(struct fixture *f, GBytes *bytes, GError **error)
{
	size_t size;
	const uint8_t *data = g_bytes_get_data(bytes, &size);
	struct state_reader reader;

	state_reader_init(&reader, data, size);
	return synthetic_restore(f->synthetic, &reader, error);
}

/* Between the request for offers and the offers, of which one may be on its way. */
static void test_goes_on(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	const struct wire_header request = {.type = VMBUS_REQUESTOFFERS};
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) bytes = NULL;

	connect_guest(f);
	post(f, &request, sizeof(request));
	take(f, VMBUS_OFFERCHANNEL);
	hv_set_paused(f->hv.hv, true);
	bytes = save(f);
	synthetic_stop(f->synthetic);
	begin(f);
	g_assert_true(restore(f, bytes, &error));
	g_assert_no_error(error);
	hv_set_paused(f->hv.hv, false);
	synthetic_release(f->synthetic);
	g_assert_cmphex(synthetic_vmbus_version(f->synthetic), ==, VMBUS_VERSION_5_3);
	for (unsigned int i = 1; i < SERVICES; i++)
		take(f, VMBUS_OFFERCHANNEL);
	take(f, VMBUS_ALLOFFERS_DELIVERED);
}

static void test_released(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	g_autoptr(GBytes) first = save(f), second = NULL;

	synthetic_release(f->synthetic);
	connect_guest(f);
	second = save(f);
	g_assert_false(g_bytes_equal(first, second));
	synthetic_release(f->synthetic);
	connect_guest(f);
}

static void test_refused(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) bad = g_bytes_new_static("no state of any machine, but some text", 38);

	g_assert_false(restore(f, bad, &error));
	g_assert_error(error, WORKER_ERROR, WORKER_ERROR_INVALID_IMAGE);
	g_assert_nonnull(strstr(error->message, "vmbus"));
	connect_guest(f);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define CASE(name, test) \
	g_test_add("/worker/synthetic/" name, struct fixture, NULL, set_up, test, tear_down)
	CASE("goes-on", test_goes_on);
	CASE("released", test_released);
	CASE("refused", test_refused);
	return g_test_run();
}
