/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The page in front of a saved machine's state, and what is refused by it. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "saved_head.h"
#include "worker_error.h"

#define BODY_SIZE 300001 /* more than is read at once, and no multiple of anything */

static const struct saved_head machine = {.uuid = {1, 2, 3}, .machine = "pc-i440fx-7.2"};

static int file_new(size_t body)
{
	g_autofree uint8_t *data = g_malloc(body);
	int fd = memfd_create("state", MFD_CLOEXEC);

	for (size_t i = 0; i < body; i++)
		data[i] = (uint8_t)(i * 7);
	g_assert_cmpint(pwrite(fd, data, body, SAVED_HEAD_SIZE), ==, (ssize_t)body);
	return fd;
}

static void save(int fd)
{
	struct saved_head head = machine;

	g_assert_true(saved_head_write(fd, &head, NULL));
}

static int saved_new(void)
{
	int fd = file_new(BODY_SIZE);

	save(fd);
	return fd;
}

static void assert_same(const struct saved_head *head)
{
	g_assert_true(memcmp(head->uuid, machine.uuid, sizeof(machine.uuid)) == 0);
	g_assert_cmpstr(head->machine, ==, machine.machine);
}

static gboolean read_all(int fd, const uint8_t uuid[16], struct saved_head *head, GError **error)
{
	return saved_head_read(fd, uuid, head, error) && saved_head_check(fd, head, error);
}

static void refused(int fd, const char *text)
{
	g_autoptr(GError) error = NULL;
	struct saved_head head;

	g_assert_false(read_all(fd, machine.uuid, &head, &error));
	g_assert_error(error, WORKER_ERROR, WORKER_ERROR_INVALID_IMAGE);
	if (!strstr(error->message, text))
		g_error("\"%s\" does not contain \"%s\"", error->message, text);
}

static void flip(int fd, off_t at)
{
	uint8_t byte = 0;

	g_assert_cmpint(pread(fd, &byte, 1, at), >=, 0);
	byte ^= 0x10;
	g_assert_cmpint(pwrite(fd, &byte, 1, at), ==, 1);
}

static void test_round(void)
{
	struct saved_head head;
	int fd = saved_new();

	g_assert_true(read_all(fd, machine.uuid, &head, NULL));
	assert_same(&head);
	close(fd);
}

static void test_others(void)
{
	static const uint8_t uuid[16] = {1, 2, 4};
	g_autoptr(GError) error = NULL;
	struct saved_head head;
	int fd = file_new(BODY_SIZE);

	refused(fd, "was not saved by the engine translate, or not to its end");
	save(fd);
	g_assert_false(read_all(fd, uuid, &head, &error));
	g_assert_error(error, WORKER_ERROR, WORKER_ERROR_INVALID_IMAGE);
	g_assert_nonnull(strstr(error->message, "the file is another machine's"));
	close(fd);
}

static void test_cut(void)
{
	int fd = saved_new();

	g_assert_cmpint(ftruncate(fd, SAVED_HEAD_SIZE + BODY_SIZE + 1), ==, 0);
	refused(fd, "was cut short or has grown");
	g_assert_cmpint(ftruncate(fd, SAVED_HEAD_SIZE + BODY_SIZE - 1), ==, 0);
	refused(fd, "was cut short or has grown");
	g_assert_cmpint(ftruncate(fd, SAVED_HEAD_SIZE), ==, 0);
	refused(fd, "was cut short or has grown");
	g_assert_cmpint(ftruncate(fd, SAVED_HEAD_SIZE - 1), ==, 0);
	refused(fd, "not to its end");
	g_assert_cmpint(ftruncate(fd, 0), ==, 0);
	refused(fd, "not to its end");
	close(fd);
}

/* Wherever a bit changes, it is noticed, or was of no use. */
static void test_flipped(void)
{
	int fd = saved_new();

	for (off_t at = 0; at < SAVED_HEAD_SIZE; at++) {
		struct saved_head head;
		flip(fd, at);
		if (read_all(fd, machine.uuid, &head, NULL))
			assert_same(&head);
		else
			g_assert_cmpint(at, <, 128);
		flip(fd, at);
	}
	for (off_t at = SAVED_HEAD_SIZE; at < SAVED_HEAD_SIZE + BODY_SIZE; at += 10007) {
		flip(fd, at);
		refused(fd, "the file is damaged");
		flip(fd, at);
	}
	close(fd);
}

/* It goes into what libvirt reads. */
static void test_names(void)
{
	static const char *const names[] = {"", "pc'/>", "pc i440fx", "../pc", "PC"};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		struct saved_head head = machine;
		int fd = file_new(8);
		(void)g_strlcpy(head.machine, names[i], sizeof(head.machine));
		g_assert_true(saved_head_write(fd, &head, NULL));
		refused(fd, "not to its end");
		close(fd);
	}
}

/* What is the worker's, behind what is QEMU's. */
static void test_own(void)
{
	static const char own[] = "what the console showed";
	struct saved_head head = machine, again;
	int fd = file_new(BODY_SIZE);

	g_assert_true(saved_head_append(fd, &head, own, sizeof(own), NULL));
	g_assert_true(saved_head_write(fd, &head, NULL));
	g_assert_true(read_all(fd, machine.uuid, &again, NULL));
	g_assert_cmpuint(again.size, ==, BODY_SIZE + sizeof(own));
	g_assert_cmpuint(again.own, ==, sizeof(own));
	g_autofree uint8_t *read = saved_head_own(fd, &again, NULL);
	g_assert_cmpint(memcmp(read, own, sizeof(own)), ==, 0);
	flip(fd, (off_t)(SAVED_HEAD_SIZE + BODY_SIZE + 2));
	refused(fd, "the file is damaged");
	close(fd);
}

/* A head that nobody wrote: more than there is, or than anybody puts there. */
static void test_own_sizes(void)
{
	static const uint64_t sizes[] = {BODY_SIZE + 1, SAVED_OWN_MAX + 1, UINT64_MAX};
	g_autofree uint8_t *much = g_malloc0(SAVED_OWN_MAX + 1);
	struct saved_head head = machine;
	g_autoptr(GError) error = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
		int fd = file_new(sizes[i] == SAVED_OWN_MAX + 1 ? SAVED_OWN_MAX + 8 : BODY_SIZE);
		head.own = sizes[i];
		g_assert_true(saved_head_write(fd, &head, NULL));
		refused(fd, "not to its end");
		close(fd);
	}
	int fd = file_new(8);
	head.own = 0;
	g_assert_false(saved_head_append(fd, &head, much, SAVED_OWN_MAX + 1, &error));
	g_assert_error(error, WORKER_ERROR, WORKER_ERROR_FAILED);
	g_assert_cmpuint(head.own, ==, 0);
	close(fd);
}

static void test_unwritable(void)
{
	struct saved_head head = machine;
	g_autoptr(GError) error = NULL;
	int pair[2];

	g_assert_cmpint(pipe(pair), ==, 0);
	g_assert_false(saved_head_write(pair[1], &head, &error));
	g_assert_error(error, WORKER_ERROR, WORKER_ERROR_FAILED);
	close(pair[0]);
	close(pair[1]);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/saved-head/round", test_round);
	g_test_add_func("/saved-head/others", test_others);
	g_test_add_func("/saved-head/cut", test_cut);
	g_test_add_func("/saved-head/flipped", test_flipped);
	g_test_add_func("/saved-head/names", test_names);
	g_test_add_func("/saved-head/own", test_own);
	g_test_add_func("/saved-head/own-sizes", test_own_sizes);
	g_test_add_func("/saved-head/unwritable", test_unwritable);
	return g_test_run();
}
