// SPDX-License-Identifier: LGPL-2.1-or-later
/* "hvctl metrics --http" as the socket unit runs it: on a connection of a real listener. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hvctl_fixture.h"

static int listen_local(struct sockaddr_in *address)
{
	socklen_t size = sizeof(*address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*address = (struct sockaddr_in){.sin_family = AF_INET,
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	g_assert_cmpint(bind(fd, (struct sockaddr *)address, size), ==, 0);
	g_assert_cmpint(listen(fd, 1), ==, 0);
	g_assert_cmpint(getsockname(fd, (struct sockaddr *)address, &size), ==, 0);
	return fd;
}

/* What the client gets for its request; the exit code of hvctl has to be as expected. */
static char *ask(struct service *s, const char *request, int code)
{
	char *argv[] = {(char *)HVCTL,	   (char *)"--connect", s->directory,
			(char *)"metrics", (char *)"--http",	NULL};
	GString *answer = g_string_new(NULL);
	struct sockaddr_in address;
	int listener = listen_local(&address);
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char part[4096];
	ssize_t n;

	g_assert_cmpint(connect(client, (struct sockaddr *)&address, sizeof(address)), ==, 0);
	int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	g_assert_cmpint(connection, >=, 0);
	g_assert_cmpint(send(client, request, strlen(request), MSG_NOSIGNAL), >, 0);
	pid_t pid = spawn(argv, connection, null, null);
	close(connection);
	while ((n = read(client, part, sizeof(part))) > 0)
		g_string_append_len(answer, part, n);
	close(client);
	g_assert_cmpint(wait_bounded(pid), ==, code);
	close(listener);
	close(null);
	return g_string_free(answer, FALSE);
}

static void setup(struct service *service, const void *data)
{
	(void)data;
	service_start(service, 1);
}

static void teardown(struct service *service, const void *data)
{
	(void)data;
	service_stop(service);
}

static void test_http(struct service *s, const void *data)
{
	g_autofree char *good = ask(s, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 0);
	g_autofree char *head = ask(s, "HEAD /metrics HTTP/1.1\r\n\r\n", 0);
	g_autofree char *lost = ask(s, "GET / HTTP/1.1\r\n\r\n", 0);
	g_autofree char *bad = ask(s, "hello\r\n\r\n", 0);
	struct result r = hvctl(s, "metrics", NULL);
	const char *body = strstr(good, "\r\n\r\n");

	(void)data;
	g_assert_true(g_str_has_prefix(good, "HTTP/1.0 200 OK\r\n"));
	g_assert_nonnull(strstr(good, "\r\nContent-Type: application/openmetrics-text; "
				      "version=1.0.0; charset=utf-8\r\n"));
	g_assert_cmpstr(body + 4, ==, r.out);
	g_assert_true(g_str_has_suffix(good, "\n# EOF\n"));
	g_assert_true(g_str_has_prefix(head, "HTTP/1.0 200 OK\r\n"));
	g_assert_true(g_str_has_suffix(head, "\r\n\r\n"));
	g_assert_true(g_str_has_prefix(lost, "HTTP/1.0 404 "));
	g_assert_true(g_str_has_prefix(bad, "HTTP/1.0 400 "));
	result_clear(&r);
	expect(s, 2, "--http takes no names", "metrics", "--http", "vm-00000");
	expect(s, 2, "--http needs a socket on standard input", "metrics", "--http");
}

/* Without a vmmsd the client is told so, and the unit fails. */
static void test_unreachable(struct service *s, const void *data)
{
	struct service nowhere = {.directory = (char *)"/nonexistent"};
	g_autofree char *answer = ask(&nowhere, "GET /metrics HTTP/1.1\r\n\r\n", 1);

	(void)s;
	(void)data;
	g_assert_true(g_str_has_prefix(answer, "HTTP/1.0 503 Service Unavailable\r\n"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_unsetenv("HVCTL_BUS");
	g_setenv("LC_ALL", "C.UTF-8", TRUE);
	g_test_add("/hvctl-metrics/http", struct service, NULL, setup, test_http, teardown);
	g_test_add("/hvctl-metrics/unreachable", struct service, NULL, setup, test_unreachable,
		   teardown);
	return g_test_run();
}
