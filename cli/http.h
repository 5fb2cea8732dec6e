/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One request of HTTP and its answer, on a stream socket that somebody else accepted. Whoever is at
 * the other end may be slow, hostile or both: everything has a bound and a deadline. */
#ifndef HTTP_H
#define HTTP_H

#include <stdbool.h>
#include <stddef.h>

#define HTTP_REQUEST_MAX 8192 /* bytes, header fields included */

struct http_request {
	int status;   /* 200, or what to answer instead */
	bool is_head; /* the answer has no body */
};

/*
 * Reads a GET or HEAD of `path` (a query behind it is ignored) until its empty line. 400: that is
 * no HTTP; 404, 405: another path, another method; 408: not complete within `milliseconds`; 431:
 * too long; 0: the other end is gone.
 */
struct http_request http_read(int fd, const char *path, int milliseconds);

/* Writes an answer and waits for the other end to have read it; false when it has not within
 * `milliseconds`. `body` NULL: the sentence of the status. */
bool http_answer(int fd, const struct http_request *request, const char *type, const char *body,
		 size_t length, int milliseconds);

#endif
