/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the worker makes of its engine's events, with an engine that does as it is told. */
#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "worker.h"
#include "worker_error.h"

#define UUID "0f0e0d0c-0b0a-0908-0706-050403020100"

struct engine {
	struct engine_events events;
	gboolean stuck; /* its processors do not stop */
};

struct fixture {
	sd_event *event;
	struct worker *worker;
	unsigned int told; /* events of the guest */
	char *what;	   /* the last one's name */
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

static const struct engine_ops fake_engine = {.name = "direct",
					      .build = fake_build,
					      .run = fake_go,
					      .pause = fake_pause,
					      .resume = fake_go,
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

static void on_guest_event(void *context, const char *event, const char *detail G_GNUC_UNUSED)
{
	struct fixture *f = context;

	f->told++;
	g_free(f->what);
	f->what = g_strdup(event);
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
}

static void tear_down(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	g_assert_true(worker_free(f->worker));
	sd_event_unref(f->event);
	g_free(f->what);
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

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define CASE(name, test) \
	g_test_add("/worker/events/" name, struct fixture, NULL, set_up, test, tear_down)
	CASE("disk-stops", test_disk_stops);
	CASE("disk-stops-stuck", test_disk_stops_stuck);
	return g_test_run();
}
