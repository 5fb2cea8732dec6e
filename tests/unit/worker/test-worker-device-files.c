/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Descriptors of disks and adapters: tags, and what each device needs. */
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "definition_read.h"
#include "start_files.h"
#include "worker_error.h"

#define UUID "0f0e0d0c-0b0a-0908-0706-050403020100"

static void test_tags(void)
{
	static const char *const good[] = {"disk0",	 "disk7",  "disk63",
					   "disk0.life", "nic0.0", "nic7.15"};
	static const char *const bad[] = {
		"disk",	       "disk64",  "disk00",    "disk-1",      "disk1x",
		"disk 1",      "disk1.0", "nic0",      "nic8.0",      "nic0.16",
		"nic0.",       "nic.0",	  "disk.life", "disk64.life", "disk0.lif",
		"disk0.life1", "nic0.0.", "nic00.0",   "nic0.01",     "disk18446744073709551616",
		"disK0",       ""};
	struct device_files files;

	device_files_init(&files);
	for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
		int *place = device_files_place(&files, good[i]);
		g_assert_nonnull(place);
		g_assert_cmpint(*place, ==, -1);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_test_message("%s", bad[i]);
		g_assert_null(device_files_place(&files, bad[i]));
	}
	g_assert_true(device_files_place(&files, "disk63") == &files.disk[63]);
	g_assert_true(device_files_place(&files, "disk63.life") == &files.disk_life[63]);
	g_assert_true(device_files_place(&files, "nic7.15") == &files.nic[7][15]);
}

/* Two disks, the second read-only; adapters: user, bridge, none. */
static struct vm_definition *definition_new(void)
{
	static const char text[] =
		"{\"version\":1,\"name\":\"a\",\"boot\":{\"kernel\":\"/k\"},"
		"\"disks\":[{\"path\":\"/a\",\"lun\":0},{\"path\":\"/b\",\"lun\":1,"
		"\"readOnly\":true}],\"nics\":[{\"type\":\"user\",\"mac\":\"02:00:00:00:00:01\"},"
		"{\"type\":\"bridge\",\"bridge\":\"b\",\"mac\":\"02:00:00:00:00:02\"},"
		"{\"type\":\"none\",\"mac\":\"02:00:00:00:00:03\"}]}";

	return vm_definition_read(text, strlen(text), UUID, NULL);
}

/* A descriptor to give, made anew each time. */
enum thing { NOTHING, READ_WRITE, READ_ONLY, PATH_ONLY, DIRECTORY, SOCKET, CHARACTER };

static int thing_open(enum thing thing)
{
	g_autofree char *path = NULL;
	int memory, fd, pair[2];

	switch (thing) {
	case SOCKET:
		g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
		close(pair[1]);
		return pair[0];
	case CHARACTER:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	case DIRECTORY:
		return open("/", O_RDONLY | O_CLOEXEC);
	default:
		break;
	}
	memory = memfd_create("thing", MFD_CLOEXEC);
	if (thing == READ_WRITE)
		return memory;
	path = g_strdup_printf("/proc/self/fd/%d", memory);
	fd = open(path, (thing == READ_ONLY ? O_RDONLY : O_PATH) | O_CLOEXEC);
	close(memory);
	return fd;
}

struct given {
	const char *tag;
	enum thing thing;
};
#define GIVEN_MAX 6

static void give(struct start_files *files, const struct given *given)
{
	start_files_init(files);
	for (size_t i = 0; i < GIVEN_MAX && given[i].tag; i++) {
		g_autoptr(GError) error = NULL;
		int fd = thing_open(given[i].thing);
		g_assert_cmpint(fd, >=, 0);
		start_files_add(files, given[i].tag, fd, &error);
		g_assert_no_error(error);
		close(fd);
	}
}

static void test_lend(void)
{
	static const struct given given[GIVEN_MAX] = {{"disk0", READ_WRITE},
						      {"disk1", READ_ONLY},
						      {"nic0.0", SOCKET},
						      {"nic1.1", CHARACTER},
						      {"nic1.0", CHARACTER}};
	g_autoptr(vm_definition_t) definition = definition_new();
	g_autoptr(GError) error = NULL;
	struct start_files files;

	give(&files, given);
	device_files_lend(&files.devices, &definition->devices, &error);
	g_assert_no_error(error);
	struct engine_devices devices = device_list_engine(&definition->devices);
	g_assert_cmpint(devices.disks[0].fd, ==, files.devices.disk[0]);
	g_assert_cmpint(devices.disks[1].fd, ==, files.devices.disk[1]);
	g_assert_cmpuint(devices.nics[0].n_fds, ==, 1);
	g_assert_cmpuint(devices.nics[1].n_fds, ==, 2);
	g_assert_cmpint(devices.nics[1].fds[1], ==, files.devices.nic[1][1]);
	g_assert_cmpuint(devices.nics[2].n_fds, ==, 0);
	/* Twice is refused at once. */
	int fd = thing_open(READ_WRITE);
	g_assert_false(start_files_add(&files, "disk0", fd, &error));
	g_assert_error(error, WORKER_ERROR, WORKER_ERROR_INVALID_ARGUMENT);
	close(fd);
	start_files_close(&files);
	start_files_close(&files);
}

static void test_refused(void)
{
	static const struct {
		struct given given[GIVEN_MAX];
		const char *message;
	} cases[] = {
		{{{NULL, NOTHING}}, "file \"disk0\": it is missing; pass it with Start"},
		{{{"disk0", READ_WRITE}, {"nic0.0", SOCKET}},
		 "file \"disk1\": it is missing; pass it with Start"},
		{{{"disk0", READ_ONLY}, {"disk1", READ_ONLY}},
		 "file \"disk0\": it is not open for reading and writing; open it so"},
		{{{"disk0", READ_WRITE}, {"disk1", READ_WRITE}},
		 "file \"disk1\": it is open for writing and the disk is read-only; open it for "
		 "reading"},
		{{{"disk0", PATH_ONLY}, {"disk1", READ_ONLY}},
		 "file \"disk0\": it is not open for reading; open it so"},
		{{{"disk0", CHARACTER}, {"disk1", READ_ONLY}},
		 "file \"disk0\": this is neither a regular file nor a block device; name one"},
		{{{"disk0", READ_WRITE}, {"disk1", DIRECTORY}},
		 "file \"disk1\": this is neither a regular file nor a block device; name one"},
		{{{"disk0", READ_WRITE}, {"disk0.life", SOCKET}, {"disk1", READ_ONLY}},
		 "file \"disk0\": a raw disk has no server; leave out what keeps one"},
		{{{"disk0", READ_WRITE}, {"disk1", READ_ONLY}, {"disk2.life", SOCKET}},
		 "file \"disk2\": the definition has no such disk; leave it out"},
		{{{"disk0", READ_WRITE}, {"disk1", READ_ONLY}, {"disk2", READ_ONLY}},
		 "file \"disk2\": the definition has no such disk; leave it out"},
		{{{"disk0", READ_WRITE}, {"disk1", READ_ONLY}},
		 "file \"nic0.0\": it is missing; pass it with Start"},
		{{{"disk0", READ_WRITE}, {"disk1", READ_ONLY}, {"nic0.0", CHARACTER}},
		 "file \"nic0.0\": this is not what an adapter of its type needs, a TAP or a "
		 "socket; open one"},
		{{{"disk0", READ_WRITE},
		  {"disk1", READ_ONLY},
		  {"nic0.0", SOCKET},
		  {"nic0.1", SOCKET}},
		 "file \"nic0.0\": an adapter of this type has one file; pass one"},
		{{{"disk0", READ_WRITE},
		  {"disk1", READ_ONLY},
		  {"nic0.0", SOCKET},
		  {"nic1.1", CHARACTER}},
		 "file \"nic1.0\": the queues have a gap; number them from 0"},
		{{{"disk0", READ_WRITE},
		  {"disk1", READ_ONLY},
		  {"nic0.0", SOCKET},
		  {"nic1.0", CHARACTER},
		  {"nic2.0", CHARACTER}},
		 "file \"nic2.0\": an adapter of the type none has no file; leave it out"},
		{{{"disk0", READ_WRITE},
		  {"disk1", READ_ONLY},
		  {"nic0.0", SOCKET},
		  {"nic1.0", CHARACTER},
		  {"nic3.0", CHARACTER}},
		 "file \"nic3.0\": the definition has no such adapter; leave it out"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(vm_definition_t) definition = definition_new();
		g_autoptr(GError) error = NULL;
		struct start_files files;

		give(&files, cases[i].given);
		g_assert_false(device_files_lend(&files.devices, &definition->devices, &error));
		g_assert_error(error, WORKER_ERROR, WORKER_ERROR_INVALID_ARGUMENT);
		g_assert_cmpstr(error->message, ==, cases[i].message);
		start_files_close(&files);
	}
}

/* A disk of another format than raw: both sockets of its server. */
static void test_served(void)
{
	static const char text[] = "{\"version\":1,\"name\":\"a\",\"boot\":{\"kernel\":\"/k\"},"
				   "\"disks\":[{\"path\":\"/a\",\"lun\":0,\"format\":\"vhdx\"}]}";
	static const struct {
		struct given given[GIVEN_MAX];
		bool good;
	} cases[] = {
		{{{"disk0", SOCKET}, {"disk0.life", SOCKET}}, true},
		{{{"disk0", SOCKET}}, false},
		{{{"disk0.life", SOCKET}}, false},
		{{{"disk0", READ_WRITE}, {"disk0.life", SOCKET}}, false},
		{{{"disk0", READ_WRITE}}, false},
		{{{"disk0", SOCKET}, {"disk0.life", CHARACTER}}, false},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(vm_definition_t) definition =
			vm_definition_read(text, strlen(text), UUID, NULL);
		g_autoptr(GError) error = NULL;
		struct start_files files;

		give(&files, cases[i].given);
		g_assert_cmpint(device_files_lend(&files.devices, &definition->devices, &error), ==,
				cases[i].good);
		if (!cases[i].good)
			g_assert_cmpstr(error->message, ==,
					"file \"disk0\": a disk of this format needs the sockets "
					"of a server; pass both with Start");
		start_files_close(&files);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/worker/device-files/tags", test_tags);
	g_test_add_func("/worker/device-files/lend", test_lend);
	g_test_add_func("/worker/device-files/refused", test_refused);
	g_test_add_func("/worker/device-files/served", test_served);
	return g_test_run();
}
