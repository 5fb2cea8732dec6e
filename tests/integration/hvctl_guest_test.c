// SPDX-License-Identifier: LGPL-2.1-or-later
/* The verbs that need the guest: type, set-pair, cp. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hvctl_fixture.h"

static void setup(struct service *service, const void *data)
{
	(void)data;
	service_start(service, 0);
	expect(service, 0, "", "create", "web1", "deaf-1", "slow-1", "off-1");
	expect(service, 0, "", "start", "web1", "deaf-1");
}

static void teardown(struct service *service, const void *data)
{
	(void)data;
	service_stop(service);
}

/* What the guest was last asked. */
#define last(service, kind, detail)                                                      \
	do {                                                                             \
		expect(service, 0, kind, "events", "--last", "1", "--no-follow");        \
		expect(service, 0, detail "\n", "events", "--last", "1", "--no-follow"); \
	} while (0)

static void test_type(struct service *s, const void *data)
{
	(void)data;
	expect(s, 0, "", "type", "web1", "root pass\tx");
	last(s, " typed ", " root pass?x");
	expect(s, 0, "", "type", "web1", "--", "--key");
	last(s, " typed ", " --key");
	expect(s, 0, "", "type", "web1", "-k", "ctrl-alt-del");
	last(s, " pressed ", " ctrl-alt-del");
	expect(s, 0, "", "type", "web1", "");
	expect(s, 2, "names no keys", "type", "web1", "--key", "ctrl-?");
	expect(s, 2, "a text to type, or --key, is missing; see 'hvctl type --help'", "type",
	       "web1");
	expect(s, 2, "--key and a text exclude each other", "type", "web1", "x", "--key", "f1");
	expect(s, 2, "'y' is too many", "type", "web1", "x", "y");
	expect(s, 2, "not valid UTF-8", "type", "web1", "\xff\xfe");
	g_autofree char *longer = g_strnfill(16385, 'x');
	expect(s, 2, "the text has 16385 bytes; at most 16384 are taken", "type", "web1", longer);
	expect(s, 1, "VM deaf-1: the guest has no driver", "type", "deaf-1", "x");
	expect(s, 4, "VM off-1 is off, so its guest cannot answer", "type", "off-1", "x");
	expect(s, 3, "there is no VM none", "type", "none", "x");
}

static void test_set_pair(struct service *s, const void *data)
{
	(void)data;
	expect(s, 0, "", "set-pair", "web1", "role", "front end");
	last(s, " pair ", " role=front end");
	expect(s, 0, "", "set-pair", "web1", "role", "");
	last(s, " pair ", " role=");
	expect(s, 0, "", "set-pair", "web1", "role", "--delete");
	last(s, " pair-deleted ", " role");
	expect(s, 2, "the value, or --delete, is missing", "set-pair", "web1", "role");
	expect(s, 2, "--delete takes no value", "set-pair", "web1", "role", "x", "--delete");
	expect(s, 2, "an argument is missing", "set-pair", "web1");
	expect(s, 1, "VM deaf-1: the guest has no driver", "set-pair", "deaf-1", "a", "b");
	expect(s, 4, "VM off-1 is off", "set-pair", "off-1", "a", "b");
}

static void test_freeze(struct service *s, const void *data)
{
	(void)data;
	expect(s, 0, "", "freeze", "web1");
	last(s, " frozen ", " 0");
	expect(s, 0, "", "freeze", "web1", "--for", "30");
	last(s, " frozen ", " 30000000");
	expect(s, 0, "", "thaw", "web1");
	last(s, " thawed ", "");
	expect(s, 2, "--wait and --no-wait exclude each other", "freeze", "web1", "--wait",
	       "--no-wait");
	expect(s, 2, "for", "freeze", "web1", "--for", "x");
	expect(s, 1, "VM deaf-1: the guest has no driver", "freeze", "deaf-1");
	expect(s, 1, "VM deaf-1: the guest has no driver", "thaw", "deaf-1");
	expect(s, 4, "VM off-1 is off", "freeze", "off-1");
	expect(s, 3, "there is no VM none", "thaw", "none");
}

static void asks(struct service *s, const char *verb, const char *event)
{
	expect(s, 0, "", verb, "web1");
	last(s, event, " 0");
	expect(s, 0, "", verb, "web1", "--timeout", "60");
	last(s, event, " 60000000");
	expect(s, 0, "", verb, "--no-wait", "web1");
	expect(s, 2, "--wait and --no-wait exclude each other", verb, "web1", "--wait",
	       "--no-wait");
	expect(s, 2, "timeout", verb, "web1", "--timeout", "x");
	expect(s, 2, "--force", verb, "web1", "--force");
	expect(s, 2, "the name of a VM is missing", verb);
	expect(s, 1, "VM deaf-1: the guest has no driver", verb, "deaf-1");
	expect(s, 4, "VM off-1 is off", verb, "off-1");
	expect(s, 3, "there is no VM none", verb, "none");
	expect(s, 6, "did not restart within 1 s", verb, "stubborn-1", "--timeout", "1");
	/* The first failure is the exit code's, and stops no other VM's. */
	expect(s, 4, "VM off-1 is off", verb, "off-1", "deaf-1", "web1", "--timeout", "7");
	last(s, event, " 7000000");
}

static void test_reboot(struct service *s, const void *data)
{
	(void)data;
	expect(s, 0, "", "create", "stubborn-1");
	expect(s, 0, "", "start", "stubborn-1");
	asks(s, "reboot", " Reboot ");
	asks(s, "hibernate", " Hibernate ");
}

static void test_cp(struct service *s, const void *data)
{
	g_autofree char *file = g_build_filename(s->directory, "motd", NULL);
	g_autofree char *fifo = g_build_filename(s->directory, "fifo", NULL);

	(void)data;
	g_assert_true(g_file_set_contents(file, "hello", -1, NULL));
	g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
	expect(s, 0, "", "cp", file, "web1:/etc/greeting");
	last(s, " copied ", " /etc/greeting hello 0");
	expect(s, 0, "", "cp", "--force", file, "web1:/etc/");
	last(s, " copied ", " /etc/motd hello 1");
	expect(s, 2, "'web1' is not NAME:/PATH; see 'hvctl cp --help'", "cp", file, "web1");
	expect(s, 2, "'web1:etc' is not NAME:/PATH", "cp", file, "web1:etc");
	expect(s, 2, "':/etc' is not NAME:/PATH", "cp", file, ":/etc");
	expect(s, 2, "an argument is missing", "cp", file);
	expect(s, 1, "cannot read '/nonexistent': No such file", "cp", "/nonexistent", "web1:/x");
	expect(s, 1, "is not a regular file; copy files one by one", "cp", s->directory, "web1:/x");
	expect(s, 1, "is not a regular file", "cp", fifo, "web1:/x");
	expect(s, 1, "VM deaf-1: the guest has no driver", "cp", file, "deaf-1:/x");
	expect(s, 4, "VM off-1 is off", "cp", file, "off-1:/x");
	expect(s, 3, "there is no VM none", "cp", file, "none:/x");
	g_assert_cmpint(unlink(file), ==, 0);
	g_assert_cmpint(unlink(fifo), ==, 0);
}

/* Ctrl-C takes back what was copied, and says so. */
static void test_cp_interrupt(struct service *s, const void *data)
{
	g_autofree char *file = g_build_filename(s->directory, "motd", NULL);
	int err[2], null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char text[256] = "";

	(void)data;
	g_assert_true(g_file_set_contents(file, "hello", -1, NULL));
	expect(s, 0, "", "rename", "web1", "slow-2"); /* it runs */
	g_assert_cmpint(pipe2(err, O_CLOEXEC), ==, 0);
	char *argv[] = {HVCTL, "-c", s->directory, "cp", file, "slow-2:/x", NULL};
	pid_t pid = spawn(argv, null, null, err[1]);
	close(err[1]);
	for (gboolean begun = FALSE; !begun;) {
		struct result r = hvctl(s, "events", "--last", "1", "--no-follow", NULL);
		begun = strstr(r.out, " copied ") != NULL;
		result_clear(&r);
	}
	kill(pid, SIGINT);
	int status = wait_bounded(pid);
	g_assert_cmpint(status, ==, 130);
	g_assert_cmpint(read(err[0], text, sizeof(text) - 1), >=, 0);
	g_test_message("%s", text);
	/* A signal before hvctl waits ends it at once, with the same code. */
	g_assert_true(text[0] == '\0' || strstr(text, "the copy to slow-2:/x was canceled"));
	close(err[0]);
	close(null);
	g_assert_cmpint(unlink(file), ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_unsetenv("HVCTL_BUS");
	g_setenv("LC_ALL", "C.UTF-8", TRUE);
#define ADD(name) \
	g_test_add("/hvctl-guest/" #name, struct service, NULL, setup, test_##name, teardown)
	ADD(type);
	ADD(set_pair);
	ADD(freeze);
	ADD(reboot);
	ADD(cp);
	ADD(cp_interrupt);
	return g_test_run();
}
