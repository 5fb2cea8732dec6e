/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls of clients that wait for an answer of a VM's worker. Main thread only. */
#ifndef BUS_ASK_H
#define BUS_ASK_H

#include <glib.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

struct service;
struct vm;

/* Borrowed during the call. */
struct bus_answer {
	sd_bus_message *call; /* the client's, to be replied to */
	struct service *service;
	struct vm *vm;	       /* NULL: deleted meanwhile; then there is no reply */
	sd_bus_message *reply; /* NULL: there is none, and error is a sentence that says why */
	const GError *error;
};

typedef void (*bus_answered)(const struct bus_answer *answer);

/* Whether vm has a worker that takes questions. */
gboolean bus_can_ask(const struct vm *vm);

/*
 * Sends the question (borrowed; NULL is refused) to the worker of vm, which bus_can_ask. `answered`
 * comes once, within timeout_us; a client whose VM's link goes away before that is told. FALSE:
 * nothing was sent, and the call is still the caller's to answer.
 */
gboolean bus_ask(sd_bus_message *call, struct service *service, const struct vm *vm,
		 sd_bus_message *question, uint64_t timeout_us, bus_answered answered,
		 GError **error);

/* Answers with an error. */
void bus_answer_error(const struct bus_answer *answer, const GError *error);

#endif
