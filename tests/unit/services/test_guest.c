/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine's view of a guest: what it says as words, and what it answers as errors. */
#include "guest.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest_kvp.h"
#include "ic_fcopy.h"
#include "ic_heartbeat.h"
#include "worker_error.h"

struct fixture {
	struct guest_kvp peer; /* its driver */
	sd_event *event;
	struct guest *guest;
	unsigned int lost, found, thawed, answers, progresses, presses;
	const char *why; /* the button was pressed, as it is told */
	GError *error;	 /* the last answer's */
};

static void on_responding(void *context, bool is)
{
	struct fixture *f = context;

	f->found += is;
	f->lost += !is;
}

static void on_thawed(void *context)
{
	((struct fixture *)context)->thawed++;
}

static void press_button(void *context)
{
	((struct fixture *)context)->presses++;
}

static void on_button_pressed(void *context, const char *why)
{
	((struct fixture *)context)->why = why;
}

static void on_done(void *context, const GError *error)
{
	struct fixture *f = context;

	f->answers++;
	g_clear_error(&f->error);
	f->error = error ? g_error_copy(error) : NULL;
}

static void on_progress(void *context, uint64_t copied, uint64_t size)
{
	struct fixture *f = context;

	g_assert_cmpuint(copied, <=, size);
	f->progresses++;
}

static void set_up(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static const uint8_t mac[1][6] = {{0, 0x15, 0x5d, 1, 2, 0xab}};

	guest_kvp_init(&f->peer);
	g_assert_cmpint(sd_event_new(&f->event), >=, 0);
	f->guest = guest_new(&(struct guest_config){.bus = f->peer.ic.bus,
						    .thread = f->peer.ic.thread,
						    .event = f->event,
						    .clock = &f->peer.ic.clock,
						    .press_button = press_button,
						    .button = f,
						    .events = {.responding = on_responding,
							       .thawed = on_thawed,
							       .button_pressed = on_button_pressed,
							       .context = f}},
			     NULL);
	g_assert_nonnull(f->guest);
	guest_set_adapters(f->guest, mac, 1);
}

static void tear_down(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	guest_free(f->guest);
	sd_event_unref(f->event);
	guest_kvp_clear(&f->peer);
	g_clear_error(&f->error);
}

static void settle(struct fixture *f)
{
	do
		fake_io_settle(f->peer.ic.thread);
	while (sd_event_run(f->event, 0) > 0);
}

/* The guest's driver of that device comes. */
static void driver_start(struct fixture *f, const char *name, uint32_t version)
{
	f->peer.ic.channel = fake_channel_open(fake_vmbus_find(f->peer.ic.bus, name), 0, NULL);
	g_assert_nonnull(f->peer.ic.channel);
	fake_io_settle(f->peer.ic.thread);
	g_assert_true(guest_ic_negotiate(&f->peer.ic, &version, 1));
	settle(f);
}

static void word_collect(void *context, const char *section, const char *name, const char *value)
{
	g_string_append_printf(context, "%s %s %s;", section, name, value);
}

static void assert_said(struct fixture *f, const char *part)
{
	g_autoptr(GString) words = g_string_new(NULL);

	guest_describe(f->guest, word_collect, words);
	if (!strstr(words->str, part))
		g_error("\"%s\" lacks \"%s\"", words->str, part);
}

static void test_heartbeat(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	assert_said(f, "guest state unknown;");
	driver_start(f, "heartbeat", 3u << 16);
	assert_said(f, "guest state responding;");
	g_assert_cmpuint(f->found, ==, 0); /* it came, which is no news */
	fake_io_advance(f->peer.ic.thread, IC_HEARTBEAT_LOST_NS);
	settle(f);
	assert_said(f, "guest state not responding;");
	g_assert_cmpuint(f->lost, ==, 1);
	g_assert_true(guest_ic_receive(&f->peer.ic));
	guest_ic_body(&f->peer.ic)[0]++;
	guest_ic_answer(&f->peer.ic, 0);
	settle(f);
	assert_said(f, "guest state responding;");
	g_assert_cmpuint(f->found, ==, 1);
	guest_ic_close(&f->peer.ic);
	settle(f);
	assert_said(f, "guest state unknown;");
	g_assert_cmpuint(f->lost, ==, 1);
}

static void test_facts(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	guest_kvp_put(&f->peer, 1, "role", "db");
	driver_start(f, "kvp", 4u << 16);
	guest_kvp_serve(&f->peer);
	settle(f);
	assert_said(f, "fact OSName ");
	assert_said(f, "pair role db;");
	assert_said(f, "address 00:15:5d:01:02:ab ");
}

static void assert_answer(struct fixture *f, int code, const char *part)
{
	settle(f);
	g_assert_cmpuint(f->answers, ==, 1);
	f->answers = 0;
	if (!part) {
		g_assert_no_error(f->error);
		return;
	}
	g_assert_error(f->error, WORKER_ERROR, code);
	if (!strstr(f->error->message, part))
		g_error("\"%s\" lacks \"%s\"", f->error->message, part);
}

static void set_pair(struct fixture *f, const char *key, const char *value)
{
	const struct engine_request request = {on_done, f};

	g_assert_true(guest_set_pair(f->guest, key, value, &request, NULL));
	fake_io_settle(f->peer.ic.thread);
}

static void test_pairs(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	set_pair(f, "k", "v");
	assert_answer(f, WORKER_ERROR_NOT_SUPPORTED, "load hv_utils");
	driver_start(f, "kvp", 4u << 16);
	guest_kvp_serve(&f->peer);
	settle(f);
	set_pair(f, "k", "v");
	guest_kvp_serve(&f->peer);
	assert_answer(f, 0, NULL);
	g_assert_cmpstr(guest_kvp_get(&f->peer, 0, "k"), ==, "v");
	set_pair(f, "k", NULL);
	guest_kvp_serve(&f->peer);
	assert_answer(f, 0, NULL);
	g_assert_null(guest_kvp_get(&f->peer, 0, "k"));
	set_pair(f, "", "v");
	assert_answer(f, WORKER_ERROR_INVALID_ARGUMENT, "the key is empty");
	f->peer.daemon = false;
	set_pair(f, "k", "v");
	guest_kvp_serve(&f->peer);
	assert_answer(f, WORKER_ERROR_NOT_SUPPORTED, "hv_kvp_daemon");
	set_pair(f, "k", "v");
	guest_ic_close(&f->peer.ic);
	assert_answer(f, WORKER_ERROR_FAILED, "restarted");
}

static void test_type(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static const uint32_t hello[2] = {1, 1u << 16};
	g_autofree char *longer = g_strnfill(4097, 'x');
	g_autoptr(GError) error = NULL;
	struct fake_sent sent;
	unsigned int n = 0;

	g_assert_false(guest_type(f->guest, "a", false, &error));
	g_assert_error(error, WORKER_ERROR, WORKER_ERROR_NOT_SUPPORTED);
	g_clear_error(&error);
	g_assert_false(guest_type(f->guest, longer, false, &error));
	g_assert_error(error, WORKER_ERROR, WORKER_ERROR_INVALID_ARGUMENT);
	f->peer.ic.channel =
		fake_channel_open(fake_vmbus_find(f->peer.ic.bus, "keyboard"), 0, NULL);
	fake_channel_send(f->peer.ic.channel,
			  &(struct fake_packet){.payload = hello, .size = sizeof(hello)});
	fake_io_settle(f->peer.ic.thread);
	g_assert_true(fake_channel_pull(f->peer.ic.channel, &sent)); /* what it agrees to */
	fake_sent_clear(&sent);
	g_assert_true(guest_type(f->guest, "aB", false, NULL));
	fake_io_advance(f->peer.ic.thread, IC_SECOND);
	while (fake_channel_pull(f->peer.ic.channel, &sent)) {
		fake_sent_clear(&sent);
		n++;
	}
	g_assert_cmpuint(n, ==, 6); /* a down and up, B with shift around it */
	/* All that fits is taken once, and what comes too fast is refused. */
	longer[4096] = '\0';
	for (n = 0; n < 10 && guest_type(f->guest, longer, false, &error); n++)
		g_clear_error(&error);
	g_assert_cmpuint(n, >=, 1);
	g_assert_error(error, WORKER_ERROR, WORKER_ERROR_BUSY);
}

static gboolean copy_begin(struct fixture *f, int fd, const char *path, GError **error)
{
	const struct engine_copy copy = {
		.fd = fd, .path = path, .progress = on_progress, .request = {on_done, f}};
	gboolean begun = guest_copy(f->guest, &copy, error);

	fake_io_settle(f->peer.ic.thread);
	return begun;
}

static int source(size_t size)
{
	g_autofree char *data = g_strnfill(size, 'd');
	int fd = memfd_create("source", MFD_CLOEXEC);

	g_assert_cmpint(write(fd, data, size), ==, (ssize_t)size);
	return fd;
}

static void test_copy(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	g_autoptr(GError) error = NULL;
	int fd = source(10);

	g_assert_false(copy_begin(f, fd, "etc", &error));
	g_assert_error(error, WORKER_ERROR, WORKER_ERROR_INVALID_ARGUMENT);
	g_assert_cmpint(fcntl(fd, F_GETFD), ==, -1); /* closed */
	g_assert_true(copy_begin(f, source(10), "/etc/motd", NULL));
	assert_answer(f, WORKER_ERROR_NOT_SUPPORTED, "load hv_utils");
	driver_start(f, "fcopy", 1u << 16 | 1);
	g_assert_true(copy_begin(f, source(20000), "/etc/motd", NULL));
	while (guest_ic_receive(&f->peer.ic)) {
		guest_ic_answer(&f->peer.ic, 0);
		settle(f); /* only the newest waits for it */
	}
	assert_answer(f, 0, NULL);
	g_assert_cmpuint(f->progresses, >=, 2);
	/* What is no file */
	g_assert_true(copy_begin(f, open("/dev/null", O_RDONLY | O_CLOEXEC), "/x", NULL));
	assert_answer(f, WORKER_ERROR_FAILED, "no regular file");
	/* The guest has it. */
	g_assert_true(copy_begin(f, source(10), "/etc/motd", NULL));
	g_assert_true(guest_ic_receive(&f->peer.ic));
	guest_ic_answer(&f->peer.ic, 0x80070050);
	assert_answer(f, WORKER_ERROR_FAILED, "--force");
	/* Canceled: it is told once its part is gone. */
	g_assert_true(copy_begin(f, source(20000), "/etc/motd", NULL));
	g_assert_true(guest_ic_receive(&f->peer.ic));
	guest_cancel_copy(f->guest);
	settle(f);
	g_assert_cmpuint(f->answers, ==, 0);
	guest_ic_answer(&f->peer.ic, 0);
	fake_io_settle(f->peer.ic.thread);
	while (guest_ic_receive(&f->peer.ic)) {
		guest_ic_answer(&f->peer.ic, 0);
		fake_io_settle(f->peer.ic.thread);
	}
	assert_answer(f, WORKER_ERROR_CANCELED, "canceled");
}

static void freeze(struct fixture *f)
{
	const struct engine_request request = {on_done, f};

	g_assert_true(guest_freeze(f->guest, 60000000, &request, NULL));
	fake_io_settle(f->peer.ic.thread);
}

static void thaw(struct fixture *f)
{
	const struct engine_request request = {on_done, f};

	g_assert_true(guest_thaw(f->guest, &request, NULL));
	fake_io_settle(f->peer.ic.thread);
}

/* The driver does the next operation (5: freeze, 6: thaw), with this result. */
static void driver_does(struct fixture *f, unsigned int operation, uint32_t status)
{
	g_assert_true(guest_ic_receive(&f->peer.ic));
	g_assert_cmpuint(guest_ic_body(&f->peer.ic)[0], ==, operation);
	guest_ic_answer(&f->peer.ic, status);
	settle(f);
}

static void assert_frozen(struct fixture *f, bool is)
{
	g_autoptr(GString) words = g_string_new(NULL);

	guest_describe(f->guest, word_collect, words);
	g_assert_cmpint(strstr(words->str, "guest frozen yes;") != NULL, ==, is);
}

static void test_freeze(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	const struct engine_request request = {on_done, f};
	g_autoptr(GError) error = NULL;

	g_assert_true(guest_may_save(f->guest, NULL));
	g_assert_true(guest_may_save(NULL, NULL));
	freeze(f);
	assert_answer(f, WORKER_ERROR_NOT_SUPPORTED, "load hv_utils");
	driver_start(f, "vss", 5u << 16);
	thaw(f);
	assert_answer(f, WORKER_ERROR_WRONG_STATE, "are not frozen");
	freeze(f);
	driver_does(f, 5, 0);
	assert_answer(f, 0, NULL);
	assert_frozen(f, true);
	g_assert_false(guest_may_save(f->guest, &error));
	g_assert_error(error, WORKER_ERROR, WORKER_ERROR_WRONG_STATE);
	g_assert_nonnull(strstr(error->message, "hvctl thaw"));
	g_clear_error(&error);
	g_assert_false(guest_reboot(f->guest, &request, &error));
	g_assert_error(error, WORKER_ERROR, WORKER_ERROR_WRONG_STATE);
	g_assert_nonnull(strstr(error->message, "hvctl thaw"));
	g_assert_false(guest_hibernate(f->guest, &request, NULL));
	thaw(f);
	driver_does(f, 6, 0);
	assert_answer(f, 0, NULL);
	assert_frozen(f, false);
	/* one that is to end is thawed for it */
	freeze(f);
	driver_does(f, 5, 0);
	assert_answer(f, 0, NULL);
	g_assert_false(guest_shutdown(f->guest)); /* by the button, then */
	fake_io_settle(f->peer.ic.thread);
	driver_does(f, 6, 0);
	assert_frozen(f, false);
	g_assert_cmpuint(f->answers, ==, 0);
	/* without the daemon, Linux answers thus by itself */
	freeze(f);
	driver_does(f, 5, 0x80004005);
	assert_answer(f, WORKER_ERROR_NOT_SUPPORTED, "hv_vss_daemon");
	driver_does(f, 6, 0x80004005); /* to make sure */
	/* nobody thaws it */
	g_assert_cmpuint(f->thawed, ==, 0);
	freeze(f);
	driver_does(f, 5, 0);
	assert_answer(f, 0, NULL);
	fake_io_advance(f->peer.ic.thread, 61 * IC_SECOND);
	driver_does(f, 6, 0);
	assert_frozen(f, false);
	g_assert_cmpuint(f->thawed, ==, 1);
	thaw(f);
	assert_answer(f, WORKER_ERROR_FAILED, "did not stay frozen");
	/* it hangs: what it was asked is undone as soon as it can hear of it */
	freeze(f);
	fake_io_advance(f->peer.ic.thread, 61 * IC_SECOND);
	assert_answer(f, WORKER_ERROR_TIMED_OUT, "in time");
	driver_does(f, 5, 0);
	driver_does(f, 6, 0);
	assert_frozen(f, false);
	freeze(f);
	guest_ic_close(&f->peer.ic);
	assert_answer(f, WORKER_ERROR_FAILED, "restarted");
}

/* ---- its end --------------------------------------------------------------------------------- */

static void assert_pressed(struct fixture *f, const char *why)
{
	settle(f);
	g_assert_cmpuint(f->presses, ==, why ? 1 : 0);
	g_assert_cmpstr(f->why, ==, why);
	f->presses = 0;
	f->why = NULL;
}

static void ask_shutdown(struct fixture *f)
{
	g_assert_true(guest_shutdown(f->guest));
	fake_io_settle(f->peer.ic.thread);
}

/* It hears the request with these flags, and answers. */
static void shutdown_driver_does(struct fixture *f, uint32_t flags, uint32_t status)
{
	g_assert_true(guest_ic_receive(&f->peer.ic));
	g_assert_cmphex(guest_ic_u32(&f->peer.ic, 8), ==, flags);
	guest_ic_answer(&f->peer.ic, status);
	settle(f);
}

/* What its driver does not take, the power button asks for. */
static void test_shutdown(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	g_assert_false(guest_shutdown(f->guest)); /* whoever asked presses it */
	driver_start(f, "shutdown", 3u << 16 | 2);
	ask_shutdown(f);
	shutdown_driver_does(f, 1, 0);
	assert_pressed(f, NULL);
	ask_shutdown(f);
	shutdown_driver_does(f, 1, 0x80004005);
	assert_pressed(f, "the guest refused to shut down");
	/* it hangs; who asks again has to wait as the first */
	ask_shutdown(f);
	g_assert_true(guest_ic_receive(&f->peer.ic));
	fake_io_advance(f->peer.ic.thread, 9 * IC_SECOND);
	ask_shutdown(f);
	assert_pressed(f, NULL);
	fake_io_advance(f->peer.ic.thread, 2 * IC_SECOND);
	assert_pressed(f, "the guest did not answer that it shuts down");
	guest_ic_answer(&f->peer.ic, 0x80004005); /* too late to be heard */
	assert_pressed(f, NULL);
	ask_shutdown(f);
	guest_ic_close(&f->peer.ic);
	assert_pressed(f, "the guest's driver for shutdowns is gone");
	g_assert_false(guest_shutdown(f->guest));
}

typedef gboolean (*guest_request)(struct guest *guest, const struct engine_request *request,
				  GError **error);

static void ask(struct fixture *f, guest_request what)
{
	const struct engine_request request = {on_done, f};

	g_assert_true(what(f->guest, &request, NULL));
	fake_io_settle(f->peer.ic.thread);
}

static void test_reboot(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	ask(f, guest_reboot);
	assert_answer(f, WORKER_ERROR_NOT_SUPPORTED, "load hv_utils in it, press Ctrl-Alt-Del");
	driver_start(f, "shutdown", 3u << 16 | 2);
	ask(f, guest_reboot);
	shutdown_driver_does(f, 3, 0);
	assert_answer(f, 0, NULL);
	ask(f, guest_reboot);
	shutdown_driver_does(f, 3, 0x80004005);
	assert_answer(f, WORKER_ERROR_NOT_SUPPORTED, "refused to restart");
	/* one at a time; a shutdown has another way */
	ask(f, guest_reboot);
	g_assert_true(guest_ic_receive(&f->peer.ic));
	ask(f, guest_hibernate);
	assert_answer(f, WORKER_ERROR_BUSY, "try again");
	ask_shutdown(f);
	assert_pressed(f, "the guest has not answered an earlier request");
	fake_io_advance(f->peer.ic.thread, 11 * IC_SECOND);
	assert_answer(f, WORKER_ERROR_TIMED_OUT, "use hvctl reset");
	ask(f, guest_reboot);
	guest_ic_close(&f->peer.ic);
	assert_answer(f, WORKER_ERROR_FAILED, "gone before it answered");
	assert_pressed(f, NULL);
}

static void test_hibernate(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	ask(f, guest_hibernate);
	assert_answer(f, WORKER_ERROR_NOT_SUPPORTED, "or use hvctl save instead");
	driver_start(f, "shutdown", 3u << 16 | 2);
	ask(f, guest_hibernate);
	shutdown_driver_does(f, 5, 0);
	assert_answer(f, 0, NULL);
	ask(f, guest_hibernate);
	shutdown_driver_does(f, 5, 0x80004005);
	assert_answer(f, WORKER_ERROR_NOT_SUPPORTED,
		      "the guest cannot hibernate; use hvctl save instead");
	ask(f, guest_hibernate);
	fake_io_advance(f->peer.ic.thread, 11 * IC_SECOND);
	assert_answer(f, WORKER_ERROR_TIMED_OUT, "use hvctl save instead");
}

/* 3.0 knows neither, 3.1 no hibernation. */
static void test_old_driver(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	driver_start(f, "shutdown", 3u << 16);
	ask(f, guest_reboot);
	assert_answer(f, WORKER_ERROR_NOT_SUPPORTED, "too old to be asked to restart");
	guest_ic_close(&f->peer.ic);
	driver_start(f, "shutdown", 3u << 16 | 1);
	ask(f, guest_hibernate);
	assert_answer(f, WORKER_ERROR_NOT_SUPPORTED, "too old to be asked to hibernate");
	ask(f, guest_reboot);
	shutdown_driver_does(f, 3, 0);
	assert_answer(f, 0, NULL);
}

/* A reset, or the end: not the button of what comes next. */
static void test_shutdown_freed(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	driver_start(f, "shutdown", 3u << 16 | 2);
	ask_shutdown(f);
	guest_free(g_steal_pointer(&f->guest));
	g_assert_cmpuint(f->presses, ==, 0);
	g_assert_null(f->why);
}

/* What has no answer gets one before the guest is gone. */
static void test_freed(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	driver_start(f, "fcopy", 1u << 16 | 1);
	g_assert_true(copy_begin(f, source(20000), "/etc/motd", NULL));
	guest_free(g_steal_pointer(&f->guest));
	g_assert_cmpuint(f->answers, ==, 1);
	g_assert_error(f->error, WORKER_ERROR, WORKER_ERROR_FAILED);
}

/* A machine without VMBus. */
static void test_none(void)
{
	const struct engine_request request = {on_done, NULL};
	const struct engine_copy copy = {.fd = source(1), .path = "/x"};
	g_autoptr(GString) words = g_string_new(NULL);
	g_autoptr(GError) error = NULL;

	guest_describe(NULL, word_collect, words);
	g_assert_cmpstr(words->str, ==, "guest state unknown;");
	g_assert_false(guest_type(NULL, "a", false, &error));
	g_assert_error(error, WORKER_ERROR, WORKER_ERROR_NOT_SUPPORTED);
	g_assert_false(guest_set_pair(NULL, "a", "b", &request, NULL));
	g_assert_false(guest_copy(NULL, &copy, NULL));
	g_assert_cmpint(fcntl(copy.fd, F_GETFD), ==, -1);
	g_assert_false(guest_freeze(NULL, 1, &request, NULL));
	g_assert_false(guest_thaw(NULL, &request, NULL));
	g_assert_false(guest_shutdown(NULL));
	g_assert_false(guest_reboot(NULL, &request, NULL));
	g_assert_false(guest_hibernate(NULL, &request, NULL));
	guest_set_paused(NULL, true);
	guest_sync_time(NULL);
	guest_cancel_copy(NULL);
	guest_free(NULL);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name, function) \
	g_test_add("/guest/" name, struct fixture, NULL, set_up, function, tear_down)
	ADD("heartbeat", test_heartbeat);
	ADD("facts", test_facts);
	ADD("pairs", test_pairs);
	ADD("type", test_type);
	ADD("copy", test_copy);
	ADD("freeze", test_freeze);
	ADD("shutdown", test_shutdown);
	ADD("shutdown-freed", test_shutdown_freed);
	ADD("reboot", test_reboot);
	ADD("hibernate", test_hibernate);
	ADD("old-driver", test_old_driver);
	ADD("freed", test_freed);
	g_test_add_func("/guest/none", test_none);
	return g_test_run();
}
