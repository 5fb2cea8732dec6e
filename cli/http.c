// SPDX-License-Identifier: LGPL-2.1-or-later
#include "http.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define DRAIN_MAX 65536 /* of what a client sends behind its request */

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Whether fd is ready for `events` before the deadline. */
static bool wait_for(int fd, short events, int64_t deadline)
{
	struct pollfd p = {.fd = fd, .events = events};

	for (;;) {
		int64_t left = deadline - now_ms();
		int r = left > 0 ? poll(&p, 1, (int)left) : 0;
		if (r >= 0 || errno != EINTR)
			return r > 0;
	}
}

/* Nothing blocks beyond poll(), whatever kind of descriptor it is. */
static ssize_t read_some(int fd, char *buffer, size_t size, int64_t deadline)
{
	if (!wait_for(fd, POLLIN, deadline))
		return -ETIMEDOUT;
	ssize_t n = recv(fd, buffer, size, MSG_DONTWAIT);
	return n >= 0 ? n : -errno;
}

/* ---- the request ----------------------------------------------------------------------------- */

static bool is_complete(const char *text)
{
	return strstr(text, "\r\n\r\n") || strstr(text, "\n\n");
}

/* "GET /metrics?x HTTP/1.1": three words, and nothing but printable ASCII in them. */
static int parse_line(const char *text, const char *path, bool *is_head)
{
	char method[8], target[256], version[16];
	size_t line = strcspn(text, "\r\n");

	for (size_t i = 0; i < line; i++) {
		if (text[i] < 0x20 || text[i] > 0x7e)
			return 400;
	}
	if (sscanf(text, "%7[A-Z] %255[^ \r\n] %15[^ \r\n]", method, target, version) != 3 ||
	    strncmp(version, "HTTP/1.", 7) != 0 ||
	    strlen(method) + strlen(target) + strlen(version) + 2 != line)
		return 400;
	*is_head = strcmp(method, "HEAD") == 0;
	if (!*is_head && strcmp(method, "GET") != 0)
		return 405;
	target[strcspn(target, "?")] = '\0';
	return strcmp(target, path) == 0 ? 200 : 404;
}

struct http_request http_read(int fd, const char *path, int milliseconds)
{
	int64_t deadline = now_ms() + milliseconds;
	struct http_request request = {0};
	char text[HTTP_REQUEST_MAX + 1];
	size_t length = 0;

	do {
		ssize_t n = read_some(fd, text + length, HTTP_REQUEST_MAX - length, deadline);
		if (n == -EAGAIN || n == -EINTR)
			continue;
		if (n <= 0) {
			request.status = n == -ETIMEDOUT ? 408 : n == 0 && length > 0 ? 400 : 0;
			return request;
		}
		length += (size_t)n;
		text[length] = '\0';
		/* A zero byte would hide what is behind it. */
		if (strlen(text) != length) {
			request.status = 400;
			return request;
		}
	} while (!is_complete(text) && length < HTTP_REQUEST_MAX);
	request.status = is_complete(text) ? parse_line(text, path, &request.is_head) : 431;
	return request;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static const char *status_text(int status)
{
	static const struct {
		int status;
		const char *text;
	} rows[] = {
		{200, "OK"},
		{400, "Bad Request"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{408, "Request Timeout"},
		{431, "Request Header Fields Too Large"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].status == status)
			return rows[i].text;
	}
	return "Service Unavailable";
}

static bool write_all(int fd, const char *bytes, size_t length, int64_t deadline)
{
	while (length > 0) {
		if (!wait_for(fd, POLLOUT, deadline))
			return false;
		ssize_t n = send(fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		if (n > 0) {
			bytes += n;
			length -= (size_t)n;
		}
	}
	return true;
}

/* To close with something unread would take the answer from the other end again. */
static bool finish(int fd, int64_t deadline)
{
	char rest[4096];
	size_t drained = 0;
	ssize_t n;

	if (shutdown(fd, SHUT_WR) < 0)
		return false;
	do {
		n = read_some(fd, rest, sizeof(rest), deadline);
		drained += n > 0 ? (size_t)n : 0;
	} while ((n > 0 || n == -EAGAIN || n == -EINTR) && drained < DRAIN_MAX);
	return n == 0;
}

bool http_answer(int fd, const struct http_request *request, const char *type, const char *body,
		 size_t length, int milliseconds)
{
	int64_t deadline = now_ms() + milliseconds;
	const char *text = status_text(request->status);
	char head[512], sentence[64];

	if (!body) {
		length = (size_t)snprintf(sentence, sizeof(sentence), "%s\n", text);
		body = sentence;
		type = "text/plain; charset=utf-8";
	}
	int n = snprintf(head, sizeof(head),
			 "HTTP/1.0 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s"
			 "Connection: close\r\n\r\n",
			 request->status, text, type, length,
			 request->status == 405 ? "Allow: GET, HEAD\r\n" : "");
	return write_all(fd, head, (size_t)n, deadline) &&
	       (request->is_head || write_all(fd, body, length, deadline)) && finish(fd, deadline);
}
