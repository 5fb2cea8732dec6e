// SPDX-License-Identifier: LGPL-2.1-or-later
/* One HTTP request, from good, broken and slow clients. */
#include "http.h"

#include <glib.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LONG_MS 30000

static void make_pair(int pair[2])
{
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
}

static struct http_request ask(const char *text, size_t length, int milliseconds)
{
	struct http_request request;
	int pair[2];

	make_pair(pair);
	g_assert_cmpint(send(pair[1], text, length, MSG_NOSIGNAL), ==, (ssize_t)length);
	request = http_read(pair[0], "/metrics", milliseconds);
	close(pair[0]);
	close(pair[1]);
	return request;
}

static void test_requests(void)
{
	static const struct {
		const char *text;
		int status;
	} rows[] = {
		{"GET /metrics HTTP/1.0\r\n\r\n", 200},
		{"GET /metrics HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n", 200},
		{"GET /metrics?x=1 HTTP/1.1\n\n", 200},
		{"HEAD /metrics HTTP/1.1\r\n\r\n", 200},
		{"GET / HTTP/1.1\r\n\r\n", 404},
		{"GET /metricsx HTTP/1.1\r\n\r\n", 404},
		{"GET http://a/metrics HTTP/1.1\r\n\r\n", 404},
		{"POST /metrics HTTP/1.1\r\n\r\n", 405},
		{"GET /metrics\r\n\r\n", 400},
		{"GET /metrics HTTP/2\r\n\r\n", 400},
		{"GET  /metrics HTTP/1.1\r\n\r\n", 400},
		{"GET /metrics HTTP/1.1 more\r\n\r\n", 400},
		{"get /metrics HTTP/1.1\r\n\r\n", 400},
		{"GET /me\ttrics HTTP/1.1\r\n\r\n", 400},
		{"\r\n\r\n", 400},
		{"\x16\x03\x01\n\n", 400},
		{"OPTIONSOPTIONS /metrics HTTP/1.1\r\n\r\n", 400},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct http_request request = ask(rows[i].text, strlen(rows[i].text), LONG_MS);

		g_assert_cmpint(request.status, ==, rows[i].status);
		g_assert_cmpint(request.is_head, ==, g_str_has_prefix(rows[i].text, "HEAD"));
	}
	g_assert_cmpint(ask("GET /metrics\0 HTTP/1.1\r\n\r\n", 26, LONG_MS).status, ==, 400);
}

static void test_bounds(void)
{
	g_autofree char *longer = g_strnfill(HTTP_REQUEST_MAX + 100, 'x');
	g_autofree char *target = g_strnfill(300, 'x');
	g_autofree char *line = g_strdup_printf("GET /%s HTTP/1.1\r\n\r\n", target);
	int pair[2];

	g_assert_cmpint(ask(longer, strlen(longer), LONG_MS).status, ==, 431);
	g_assert_cmpint(ask(line, strlen(line), LONG_MS).status, ==, 400);
	/* Who never comes to an end is not waited for. */
	g_assert_cmpint(ask("GET /metrics HT", 15, 20).status, ==, 408);
	/* Gone before it asked, and in the middle of it. */
	make_pair(pair);
	close(pair[1]);
	g_assert_cmpint(http_read(pair[0], "/metrics", LONG_MS).status, ==, 0);
	close(pair[0]);
	make_pair(pair);
	g_assert_cmpint(write(pair[1], "GET", 3), ==, 3);
	close(pair[1]);
	g_assert_cmpint(http_read(pair[0], "/metrics", LONG_MS).status, ==, 400);
	close(pair[0]);
}

struct client {
	int fd;
	GString *got;
};

static void *receive(void *data)
{
	struct client *client = data;
	char part[1000];
	ssize_t n;

	while ((n = read(client->fd, part, sizeof(part))) > 0)
		g_string_append_len(client->got, part, n);
	close(client->fd);
	return NULL;
}

static void expect_answer(struct http_request request, const char *body, const char *expected)
{
	struct client client = {.got = g_string_new(NULL)};
	pthread_t thread;
	int pair[2];

	make_pair(pair);
	client.fd = pair[1];
	g_assert_cmpint(pthread_create(&thread, NULL, receive, &client), ==, 0);
	g_assert_true(
		http_answer(pair[0], &request, "a/b", body, body ? strlen(body) : 0, LONG_MS));
	close(pair[0]);
	g_assert_cmpint(pthread_join(thread, NULL), ==, 0);
	g_assert_cmpstr(client.got->str, ==, expected);
	g_string_free(client.got, TRUE);
}

static void test_answers(void)
{
	g_autofree char *large = g_strnfill(1000000, 'x');
	g_autofree char *whole = g_strconcat("HTTP/1.0 200 OK\r\nContent-Type: a/b\r\n"
					     "Content-Length: 1000000\r\nConnection: close\r\n\r\n",
					     large, NULL);

	expect_answer((struct http_request){200, false}, large, whole);
	expect_answer((struct http_request){200, true}, "body",
		      "HTTP/1.0 200 OK\r\nContent-Type: a/b\r\nContent-Length: 4\r\n"
		      "Connection: close\r\n\r\n");
	expect_answer((struct http_request){405, false}, NULL,
		      "HTTP/1.0 405 Method Not Allowed\r\nContent-Type: text/plain; "
		      "charset=utf-8\r\nContent-Length: 19\r\nAllow: GET, HEAD\r\n"
		      "Connection: close\r\n\r\nMethod Not Allowed\n");
	expect_answer((struct http_request){503, false}, NULL,
		      "HTTP/1.0 503 Service Unavailable\r\nContent-Type: text/plain; "
		      "charset=utf-8\r\nContent-Length: 20\r\nConnection: close\r\n\r\n"
		      "Service Unavailable\n");
}

/* One that reads nothing, and one that is gone: given up, and no signal. */
static void test_bad_readers(void)
{
	g_autofree char *large = g_strnfill(4000000, 'x');
	const struct http_request request = {.status = 200};
	int pair[2];

	make_pair(pair);
	g_assert_false(http_answer(pair[0], &request, "a/b", large, 4000000, 20));
	g_assert_false(http_answer(pair[0], &request, "a/b", "x", 1, 20));
	close(pair[1]);
	g_assert_false(http_answer(pair[0], &request, "a/b", "x", 1, LONG_MS));
	close(pair[0]);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/http/requests", test_requests);
	g_test_add_func("/http/bounds", test_bounds);
	g_test_add_func("/http/answers", test_answers);
	g_test_add_func("/http/bad-readers", test_bad_readers);
	return g_test_run();
}
