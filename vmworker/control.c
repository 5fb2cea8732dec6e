/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#include "control_object.h"
#include "endpoint.h"
#include "log.h"
#include "vmms1.h"
#include "worker_error.h"

struct peer {
	struct control *control;
	sd_bus *bus; /* NULL: the place is free */
	bool gone;
};

struct control {
	sd_event *event;
	int listen_fd;
	uid_t owner;
	struct worker *worker;
	sd_event_source *listen_source;
	sd_event_source *reap_source; /* one-shot: closes the peers that are gone */
	struct peer peers[CONTROL_MAX_PEERS];
	bool closing; /* the worker is gone */
};

/* ---- connections ------------------------------------------------------------------------------
 */

static void control_reap(struct control *control)
{
	for (size_t i = 0; i < CONTROL_MAX_PEERS; i++) {
		struct peer *peer = &control->peers[i];
		if (peer->bus && peer->gone)
			peer->bus = sd_bus_close_unref(peer->bus);
	}
}

static int control_on_reap(sd_event_source *source, void *context)
{
	(void)source;
	control_reap(context);
	return 0;
}

/* A bus must not be freed from within its own dispatch. */
static int peer_on_disconnected(sd_bus_message *message, void *context, sd_bus_error *ret_error)
{
	struct peer *peer = context;

	(void)message;
	(void)ret_error;
	peer->gone = true;
	sd_event_source_set_enabled(peer->control->reap_source, SD_EVENT_ONESHOT);
	return 0;
}

/* Takes fd in any case. */
static int peer_open(struct peer *peer, int fd)
{
	sd_id128_t id;
	sd_bus *bus = NULL;

	int r = sd_bus_new(&bus);
	if (r >= 0)
		r = sd_bus_set_fd(bus, fd, fd);
	if (r < 0) {
		close(fd);
		sd_bus_unref(bus);
		return r;
	}
	r = sd_id128_randomize(&id);
	if (r >= 0)
		r = sd_bus_set_server(bus, 1, id);
	if (r >= 0)
		r = sd_bus_set_anonymous(bus, 0);
	/* The peer was checked when it was accepted. */
	if (r >= 0)
		r = sd_bus_set_trusted(bus, 1);
	if (r >= 0)
		r = sd_bus_negotiate_fds(bus, 1);
	if (r >= 0)
		r = sd_bus_add_object_vtable(bus, NULL, VMMS_WORKER_PATH, VMMS_IFACE_WORKER,
					     control_object_vtable, peer->control->worker);
	if (r >= 0)
		r = sd_bus_match_signal(bus, NULL, NULL, NULL, "org.freedesktop.DBus.Local",
					"Disconnected", peer_on_disconnected, peer);
	/* The end of the loop would flush without end, and close: see control_flush. */
	if (r >= 0)
		r = sd_bus_set_close_on_exit(bus, 0);
	if (r >= 0)
		r = sd_bus_start(bus);
	if (r >= 0)
		r = sd_bus_attach_event(bus, peer->control->event, SD_EVENT_PRIORITY_NORMAL);
	if (r < 0) {
		sd_bus_close_unref(bus);
		return r;
	}
	peer->bus = bus;
	peer->gone = false;
	return 0;
}

static struct peer *control_free_place(struct control *control)
{
	for (size_t i = 0; i < CONTROL_MAX_PEERS; i++) {
		if (!control->peers[i].bus)
			return &control->peers[i];
	}
	return NULL;
}

static int control_on_connection(sd_event_source *source, int fd, uint32_t revents, void *context)
{
	struct control *control = context;
	uid_t uid;

	(void)source;
	(void)revents;
	int peer_fd = endpoint_accept(fd, control->owner, &uid);
	if (peer_fd < 0) {
		if (uid != (uid_t)-1)
			log_line(SD_WARNING, "control: user %u may not connect; closed",
				 (unsigned int)uid);
		return 0;
	}

	control_reap(control);
	struct peer *peer = control_free_place(control);
	if (!peer) {
		log_line(SD_WARNING, "control: there are %d connections already; closed another",
			 CONTROL_MAX_PEERS);
		close(peer_fd);
		return 0;
	}
	int r = peer_open(peer, peer_fd);
	if (r < 0)
		log_line(SD_WARNING, "control: a connection could not be served: %s",
			 g_strerror(-r));
	return 0;
}

/* ---- birth and death --------------------------------------------------------------------------
 */

struct control *control_new(sd_event *event, int listen_fd, uid_t owner, struct worker *worker,
			    GError **error)
{
	struct control *control = g_new0(struct control, 1);

	control->event = event;
	control->listen_fd = listen_fd;
	control->owner = owner;
	control->worker = worker;
	for (size_t i = 0; i < CONTROL_MAX_PEERS; i++)
		control->peers[i].control = control;
	int r = sd_event_add_io(event, &control->listen_source, listen_fd, EPOLLIN,
				control_on_connection, control);
	if (r >= 0)
		r = sd_event_add_defer(event, &control->reap_source, control_on_reap, control);
	if (r >= 0)
		r = sd_event_source_set_enabled(control->reap_source, SD_EVENT_OFF);
	if (r >= 0)
		return control;
	g_set_error(error, WORKER_ERROR, WORKER_ERROR_FAILED,
		    "control socket: it cannot be served (%s); see the limit of open files",
		    g_strerror(-r));
	control_free(control);
	return NULL;
}

static uint64_t now_us(void)
{
	return (uint64_t)g_get_monotonic_time();
}

/* sd_bus_flush waits for as long as the peer does not read: this has an end. */
static void peer_flush(struct peer *peer, uint64_t deadline_us)
{
	uint64_t queued = 0;

	while (!peer->gone && sd_bus_get_n_queued_write(peer->bus, &queued) >= 0 && queued > 0) {
		uint64_t now = now_us();
		if (now >= deadline_us || sd_bus_wait(peer->bus, deadline_us - now) < 0 ||
		    sd_bus_process(peer->bus, NULL) < 0)
			return;
	}
}

void control_flush(struct control *control, unsigned int timeout_ms)
{
	uint64_t deadline_us = now_us() + (uint64_t)timeout_ms * 1000u;

	if (!control)
		return;
	for (size_t i = 0; i < CONTROL_MAX_PEERS; i++) {
		if (!control->peers[i].bus)
			continue;
		sd_bus_detach_event(control->peers[i].bus);
		peer_flush(&control->peers[i], deadline_us);
	}
}

void control_free(struct control *control)
{
	if (!control)
		return;
	control->closing = true;
	sd_event_source_disable_unref(control->listen_source);
	for (size_t i = 0; i < CONTROL_MAX_PEERS; i++)
		sd_bus_close_unref(control->peers[i].bus);
	sd_event_source_disable_unref(control->reap_source);
	close(control->listen_fd);
	g_free(control);
}

/* ---- signals ----------------------------------------------------------------------------------
 */

/* A peer that does not read, or has not said hello yet, misses a signal; it can read the
 * properties. */
void control_emit_changed(struct control *control)
{
	for (size_t i = 0; i < CONTROL_MAX_PEERS; i++) {
		if (control->peers[i].bus)
			(void)sd_bus_emit_properties_changed(control->peers[i].bus,
							     VMMS_WORKER_PATH, VMMS_IFACE_WORKER,
							     "State", "Started", NULL);
	}
}

void control_emit_guest_event(struct control *control, const char *event, const char *detail)
{
	for (size_t i = 0; i < CONTROL_MAX_PEERS; i++) {
		if (control->peers[i].bus)
			(void)sd_bus_emit_signal(control->peers[i].bus, VMMS_WORKER_PATH,
						 VMMS_IFACE_WORKER, "GuestEvent", "ss", event,
						 detail);
	}
}

/* ---- what the worker asks ---------------------------------------------------------------------
 */

#define SOCKET_CALL_US 3000000u

struct question {
	struct control *control;
	uint64_t number;
	unsigned int open; /* peers that did not answer yet, and control_ask_socket */
	bool answered;
};

static void question_answer(struct question *question, int fd)
{
	if (!question->control->closing && !question->answered)
		worker_host_connected(question->control->worker, question->number, fd);
	else if (fd >= 0)
		close(fd);
	question->answered = true;
}

static void question_unref(void *userdata)
{
	struct question *question = userdata;

	if (--question->open > 0)
		return;
	if (!question->answered)
		question_answer(question, -1);
	g_free(question);
}

static int peer_on_socket(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
	int fd;

	(void)ret_error;
	if (sd_bus_message_is_method_error(reply, NULL) || sd_bus_message_read(reply, "h", &fd) < 0)
		return 0;
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 3); /* the message's own ends with it */
	if (fd >= 0)
		question_answer(userdata, fd);
	return 0;
}

/* The question is let go of with the slot: after the answer, or with the connection. */
static int peer_ask_socket(sd_bus *bus, uint32_t port, struct question *question)
{
	sd_bus_message *call = NULL;
	sd_bus_slot *slot = NULL;

	int r = sd_bus_message_new_method_call(bus, &call, NULL, VMMS_WORKER_PATH,
					       VMMS_IFACE_WORKER_HOST, "ConnectSocket");
	if (r >= 0)
		r = sd_bus_message_append(call, "u", port);
	if (r >= 0)
		r = sd_bus_call_async(bus, &slot, call, peer_on_socket, question, SOCKET_CALL_US);
	if (r >= 0) {
		question->open++;
		(void)sd_bus_slot_set_destroy_callback(slot, question_unref);
		(void)sd_bus_slot_set_floating(slot, 1);
	}
	sd_bus_slot_unref(slot);
	sd_bus_message_unref(call);
	return r;
}

void control_ask_socket(struct control *control, uint64_t number, uint32_t port)
{
	struct question *question = g_new0(struct question, 1);

	*question = (struct question){.control = control, .number = number, .open = 1};
	for (size_t i = 0; i < CONTROL_MAX_PEERS; i++) {
		if (control->peers[i].bus && !control->peers[i].gone)
			(void)peer_ask_socket(control->peers[i].bus, port, question);
	}
	question_unref(question);
}
