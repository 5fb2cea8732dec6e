/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the worker makes of its engine's events, with an engine that does as it is told. */
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "control.h"
#include "vmms1.h"
#include "worker.h"
#include "worker_error.h"

#define UUID "0f0e0d0c-0b0a-0908-0706-050403020100"

struct engine {
	struct engine_events events;
	gboolean stuck; /* its processors do not stop */
	unsigned int answers;
	uint64_t number;    /* of the last answer, */
	gboolean connected; /* which had a socket */
};

/* Who is connected to the control socket, and what it does when it is asked for one. */
struct client {
	sd_bus *bus;
	enum { CLIENT_REFUSES, CLIENT_CONNECTS, CLIENT_SAYS_NOTHING } answer;
	unsigned int asked;
	uint32_t port;
};

struct fixture {
	sd_event *event;
	struct worker *worker;
	unsigned int told; /* events of the guest */
	char *what;	   /* the last one's name, */
	char *detail;	   /* and sentence */
	struct control *control;
	char *dir, *path; /* of its socket */
	struct client clients[2];
};

static struct engine the_engine;

/* ---- in the place of the real ones ----------------------------------------------------------- */

static struct engine *fake_build(const struct engine_config *config, GError **error G_GNUC_UNUSED)
{
	the_engine = (struct engine){.events = config->events};
	return &the_engine;
}

static gboolean fake_go(struct engine *engine G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
	return TRUE;
}

static gboolean fake_pause(struct engine *engine, GError **error)
{
	if (engine->stuck)
		g_set_error(error, WORKER_ERROR, WORKER_ERROR_TIMED_OUT, "a processor is stuck");
	return !engine->stuck;
}

static gboolean fake_free(struct engine *engine G_GNUC_UNUSED)
{
	return TRUE;
}

static void fake_host_connected(struct engine *engine, uint64_t number, int fd)
{
	engine->answers++;
	engine->number = number;
	engine->connected = fd >= 0;
	if (fd >= 0)
		g_assert_cmpint(close(fd), ==, 0);
}

static const struct engine_ops fake_engine = {.name = "direct",
					      .build = fake_build,
					      .run = fake_go,
					      .pause = fake_pause,
					      .resume = fake_go,
					      .host_connected = fake_host_connected,
					      .free = fake_free};

bool engine_is_complete(const struct engine_ops *ops G_GNUC_UNUSED)
{
	return true;
}

const char *engine_enlightenment_name(enum engine_enlightenment enlightenment)
{
	static const char *const names[ENGINE_ENLIGHTENMENT_N] = {
#define X(symbol, name) [ENGINE_ENLIGHTENMENT_##symbol] = (name),
		ENGINE_ENLIGHTENMENTS(X)
#undef X
	};

	return names[enlightenment];
}

static gboolean fake_confine(char **ret_steps, GError **error G_GNUC_UNUSED)
{
	*ret_steps = g_strdup("nothing");
	return TRUE;
}

/* ---- the worker ------------------------------------------------------------------------------ */

static void on_changed(void *context G_GNUC_UNUSED)
{
}

static void on_guest_event(void *context, const char *event, const char *detail)
{
	struct fixture *f = context;

	f->told++;
	g_free(f->what);
	f->what = g_strdup(event);
	g_free(f->detail);
	f->detail = g_strdup(detail);
}

static void on_connect_host(void *context, uint64_t number, uint32_t port)
{
	struct fixture *f = context;

	control_ask_socket(f->control, number, port);
}

static void on_ended(void *context G_GNUC_UNUSED, int code G_GNUC_UNUSED)
{
}

static void add_file(struct start_files *files, const char *tag)
{
	int fd = memfd_create(tag, MFD_CLOEXEC);

	g_assert_cmpint(fd, >=, 0);
	g_assert_true(start_files_add(files, tag, fd, NULL));
	close(fd);
}

static void control_make(struct fixture *f)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	f->dir = g_dir_make_tmp("control-XXXXXX", NULL);
	f->path = g_build_filename(f->dir, "control", NULL);
	g_strlcpy(address.sun_path, f->path, sizeof(address.sun_path));
	g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
	g_assert_cmpint(listen(fd, 4), ==, 0);
	f->control = control_new(f->event, fd, getuid(), f->worker, NULL);
	g_assert_nonnull(f->control);
}

static int on_client_message(sd_bus_message *message, void *userdata,
			     sd_bus_error *error G_GNUC_UNUSED)
{
	struct client *client = userdata;
	int fds[2];

	if (sd_bus_message_is_method_call(message, VMMS_IFACE_WORKER_HOST, "ConnectSocket") <= 0)
		return 0;
	client->asked++;
	g_assert_cmpint(sd_bus_message_read(message, "u", &client->port), >=, 0);
	if (client->answer == CLIENT_REFUSES)
		(void)sd_bus_reply_method_errorf(message, VMMS_ERROR_PREFIX "NotSupported", "no");
	if (client->answer != CLIENT_CONNECTS)
		return 1;
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
	(void)sd_bus_reply_method_return(message, "h", fds[0]);
	close(fds[0]);
	close(fds[1]);
	return 1;
}

static void turn(struct fixture *f)
{
	g_assert_cmpint(sd_event_run(f->event, 30000000), >, 0);
}

static struct client *client_connect(struct fixture *f, size_t i, int answer)
{
	g_autofree char *address = g_strdup_printf("unix:path=%s", f->path);
	struct client *client = &f->clients[i];

	g_assert_cmpint(sd_bus_new(&client->bus), >=, 0);
	g_assert_cmpint(sd_bus_set_address(client->bus, address), >=, 0);
	g_assert_cmpint(sd_bus_negotiate_fds(client->bus, 1), >=, 0);
	g_assert_cmpint(sd_bus_add_filter(client->bus, NULL, on_client_message, client), >=, 0);
	g_assert_cmpint(sd_bus_start(client->bus), >=, 0);
	g_assert_cmpint(sd_bus_attach_event(client->bus, f->event, 0), >=, 0);
	client->answer = answer;
	while (sd_bus_is_ready(client->bus) <= 0)
		turn(f);
	return client;
}

static void guest_connects(uint64_t number, uint32_t port)
{
	the_engine.answers = 0;
	the_engine.events.connect_host(the_engine.events.context, number, port);
}

static void set_up(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static const char definition[] =
		"{\"version\":1,\"name\":\"web1\",\"boot\":{\"kernel\":\"/k\"}}";
	struct worker_config config = {.uuid = UUID,
				       .name = "web1",
				       .engine = &fake_engine,
				       .confine = fake_confine,
				       .start_timeout_ms = 10000,
				       .events = {.changed = on_changed,
						  .guest_event = on_guest_event,
						  .connect_host = on_connect_host,
						  .ended = on_ended,
						  .context = f}};
	g_autoptr(GError) error = NULL;
	struct start_files files;

	g_assert_cmpint(sd_event_new(&f->event), >=, 0);
	config.event = f->event;
	f->worker = worker_new(&config, &error);
	g_assert_no_error(error);
	start_files_init(&files);
	add_file(&files, VMMS_FILE_KERNEL);
	add_file(&files, VMMS_FILE_RESULT);
	g_assert_true(worker_start(f->worker, definition, strlen(definition), &files, &error));
	g_assert_no_error(error);
	g_assert_cmpint(worker_state(f->worker), ==, WORKER_RUNNING);
	control_make(f);
}

static void tear_down(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	for (size_t i = 0; i < G_N_ELEMENTS(f->clients); i++)
		sd_bus_close_unref(f->clients[i].bus);
	g_assert_true(worker_free(f->worker));
	control_free(f->control);
	g_unlink(f->path);
	g_rmdir(f->dir);
	g_free(f->path);
	g_free(f->dir);
	sd_event_unref(f->event);
	g_free(f->what);
	g_free(f->detail);
}

static void disk_stops(void)
{
	the_engine.events.disk_stopped(the_engine.events.context, "disk /a: reading failed");
}

static void test_disk_stops(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	disk_stops();
	g_assert_cmpint(worker_state(f->worker), ==, WORKER_PAUSED);
	g_assert_cmpuint(f->told, ==, 1);
	g_assert_cmpstr(f->what, ==, VMMS_GUEST_EVENT_DISK);
}

/* vmmsd learns which; the guest goes on. */
static void test_server_lost(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	the_engine.events.server_lost(the_engine.events.context, 2, 17);
	g_assert_cmpint(worker_state(f->worker), ==, WORKER_RUNNING);
	g_assert_cmpuint(f->told, ==, 1);
	g_assert_cmpstr(f->what, ==, VMMS_GUEST_EVENT_SERVER);
}

/* What a user asked for was done in another way, which is told. */
static void test_button(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	the_engine.events.button_pressed(the_engine.events.context,
					 "the guest refused to shut down");
	g_assert_cmpint(worker_state(f->worker), ==, WORKER_RUNNING);
	g_assert_cmpstr(f->what, ==, "power-button");
	g_assert_cmpstr(f->detail, ==,
			"the guest refused to shut down, so the power button was pressed");
}

/* Who hears the event believes that the VM is paused: it is not told of one that is not. */
static void test_disk_stops_stuck(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	the_engine.stuck = TRUE;
	disk_stops();
	g_assert_cmpint(worker_state(f->worker), ==, WORKER_RUNNING);
	g_assert_cmpuint(f->told, ==, 0);
	the_engine.stuck = FALSE;
	disk_stops();
	g_assert_cmpint(worker_state(f->worker), ==, WORKER_PAUSED);
	g_assert_cmpuint(f->told, ==, 1);
}

static void answered(struct fixture *f, uint64_t number, gboolean connected)
{
	while (the_engine.answers == 0)
		turn(f);
	g_assert_cmpuint(the_engine.answers, ==, 1);
	g_assert_cmpuint(the_engine.number, ==, number);
	g_assert_cmpint(the_engine.connected, ==, connected);
}

/* A guest's wish for a program of the host is asked of whoever is there, and is answered once. */
static void test_host(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct client *first, *second;

	guest_connects(7, 80);
	g_assert_cmpuint(the_engine.answers, ==, 1); /* nobody: at once */
	g_assert_false(the_engine.connected);
	first = client_connect(f, 0, CLIENT_REFUSES);
	guest_connects(8, 81);
	answered(f, 8, FALSE);
	g_assert_cmpuint(first->port, ==, 81);
	first->answer = CLIENT_CONNECTS;
	guest_connects(9, 82);
	answered(f, 9, TRUE);
	/* The first that has a socket counts. */
	second = client_connect(f, 1, CLIENT_REFUSES);
	guest_connects(10, 83);
	answered(f, 10, TRUE);
	second->answer = CLIENT_CONNECTS;
	first->asked = second->asked = 0;
	guest_connects(11, 84);
	answered(f, 11, TRUE);
	while (first->asked == 0 || second->asked == 0)
		turn(f);
	g_assert_cmpuint(the_engine.answers, ==, 1);
}

/* Who goes away without an answer has refused; and the worker may go while it is asked for. */
static void test_host_goes(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct client *client = client_connect(f, 0, CLIENT_SAYS_NOTHING);

	guest_connects(7, 80);
	while (client->asked == 0)
		turn(f);
	g_assert_cmpuint(the_engine.answers, ==, 0);
	sd_bus_close(client->bus);
	answered(f, 7, FALSE);
	client = client_connect(f, 1, CLIENT_SAYS_NOTHING);
	guest_connects(8, 80);
	while (client->asked == 0)
		turn(f);
	g_assert_cmpuint(the_engine.answers, ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define CASE(name, test) \
	g_test_add("/worker/events/" name, struct fixture, NULL, set_up, test, tear_down)
	CASE("disk-stops", test_disk_stops);
	CASE("disk-stops-stuck", test_disk_stops_stuck);
	CASE("host", test_host);
	CASE("host-goes", test_host_goes);
	CASE("server-lost", test_server_lost);
	CASE("button", test_button);
	return g_test_run();
}
