/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine direct with disks: which it takes, and what becomes of them. */
#include <string.h>
#include <unistd.h>

#include "engine_fixture.h"
#include "instance_id.h"
#include "worker_error.h"

#define SECTORS 64

struct disks_fixture {
	struct fixture base;
	uint8_t data[SECTORS * 512];
	struct engine_disk disks[2];
};

static void setup(struct disks_fixture *f, gconstpointer data)
{
	(void)data;
	engine_fixture_init(&f->base);
	for (uint32_t i = 0; i < 2; i++)
		f->disks[i] = (struct engine_disk){.fd = memory_file(f->data, sizeof(f->data)),
						   .path = i ? "/srv/b.img" : "/srv/a.img",
						   .discard = true,
						   .serial = i ? "S1" : NULL,
						   .controller = i,
						   .lun = i};
	f->base.config.devices = (struct engine_devices){.disks = f->disks, .n_disks = 2};
}

static void teardown(struct disks_fixture *f, gconstpointer data)
{
	(void)data;
	close(f->disks[0].fd);
	close(f->disks[1].fd);
	engine_fixture_clear(&f->base);
}

static void test_life(struct disks_fixture *f, gconstpointer data)
{
	g_autoptr(GError) error = NULL;
	struct engine *engine = f->base.ops->build(&f->base.config, &error);

	(void)data;
	g_assert_no_error(error);
	g_assert_true(f->base.ops->run(engine, &error));
	g_assert_cmpuint(counter_value(&f->base, engine, "disk.0.reads"), ==, 0);
	g_assert_cmpuint(counter_value(&f->base, engine, "disk.1.errors"), ==, 0);
	/* A reset takes the controllers from the guest and offers them anew over the same images.
	 */
	g_assert_true(f->base.ops->reset(engine, &error));
	g_assert_true(f->base.ops->pause(engine, &error));
	g_assert_true(f->base.ops->resume(engine, &error));
	g_assert_cmpuint(counter_value(&f->base, engine, "disk.1.reads"), ==, 0);
	g_assert_true(f->base.ops->free(engine));
}

/* What was built and never ran goes as well. */
static void test_unborn(struct disks_fixture *f, gconstpointer data)
{
	(void)data;
	struct engine *engine = f->base.ops->build(&f->base.config, NULL);
	g_assert_nonnull(engine);
	g_assert_true(f->base.ops->free(engine));
}

static void refused(struct disks_fixture *f, enum worker_error code, const char *text)
{
	g_autoptr(GError) error = NULL;

	g_assert_null(f->base.ops->build(&f->base.config, &error));
	g_assert_error(error, WORKER_ERROR, (gint)code);
	g_assert_nonnull(strstr(error->message, "web1"));
	g_assert_nonnull(strstr(error->message, text));
}

static void test_refusals(struct disks_fixture *f, gconstpointer data)
{
	int pipes[2], good = f->disks[1].fd;

	(void)data;
	/* What is no socket is no server. */
	f->disks[1].format = ENGINE_DISK_VHDX;
	refused(f, WORKER_ERROR_FAILED, "disk /srv/b.img: its server does not serve it");
	f->disks[1].format = ENGINE_DISK_RAW;

	g_assert_cmpint(pipe(pipes), ==, 0);
	f->disks[1].fd = pipes[0];
	refused(f, WORKER_ERROR_INVALID_IMAGE, "/srv/b.img");
	f->disks[1].fd = good;
	close(pipes[0]);
	close(pipes[1]);
}

/* Two disks on one place pass build only by a fault of vmmsd, and fail before the guest runs. */
static void test_same_place(struct disks_fixture *f, gconstpointer data)
{
	g_autoptr(GError) error = NULL;

	(void)data;
	f->disks[1].controller = f->disks[1].lun = 0;
	struct engine *engine = f->base.ops->build(&f->base.config, &error);
	g_assert_no_error(error);
	g_assert_false(f->base.ops->run(engine, &error));
	g_assert_nonnull(strstr(error->message, "LUN 0"));
	g_assert_true(f->base.ops->free(engine));
}

static void test_instance_ids(void)
{
	const uint8_t one[16] = {1}, two[16] = {2};
	uint8_t a[16], b[16];

	instance_id_make(one, "scsi", "x", 1, a);
	instance_id_make(one, "scsi", "x", 1, b);
	g_assert_cmpint(memcmp(a, b, 16), ==, 0);
	g_assert_cmpuint(a[7] >> 4, ==, 8);
	instance_id_make(one, "scsi", "y", 1, b);
	g_assert_cmpint(memcmp(a, b, 16), !=, 0);
	instance_id_make(one, "disk", "x", 1, b);
	g_assert_cmpint(memcmp(a, b, 16), !=, 0);
	instance_id_make(two, "scsi", "x", 1, b);
	g_assert_cmpint(memcmp(a, b, 16), !=, 0);
}

#define ADD(path, test) g_test_add(path, struct disks_fixture, NULL, setup, test, teardown)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/worker/disks/life", test_life);
	ADD("/worker/disks/unborn", test_unborn);
	ADD("/worker/disks/refusals", test_refusals);
	ADD("/worker/disks/same-place", test_same_place);
	g_test_add_func("/worker/disks/instance-ids", test_instance_ids);
	return g_test_run();
}
