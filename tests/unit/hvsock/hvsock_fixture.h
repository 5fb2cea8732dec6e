/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An hvsock on a fake bus, with programs of the host's at one side of it and a guest at the other.
 */
#ifndef HVSOCK_FIXTURE_H
#define HVSOCK_FIXTURE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "fake_vmbus.h"
#include "hvsock.h"

struct hvsock_fixture {
	struct vmbus *bus;
	struct io_thread *thread;
	sd_event *event;
	char *dir, *path;
	struct hvsock *hvsock;
	struct vmbus_device *device;
	struct vmbus_channel *channel;
	GArray *asked; /* uint64_t: numbers of the guest's wishes */
	uint32_t port; /* of the last one */
	bool late;     /* answers are the test's */
	int answer;    /* else this descriptor is duplicated, or -1 */
};

/* data: how long a guest, a program or vmmsd may be silent, in ms; 0: the defaults. */
void hvsock_set_up(struct hvsock_fixture *f, gconstpointer data);
void hvsock_tear_down(struct hvsock_fixture *f, gconstpointer data);
/* Until nobody has anything to do. */
void hvsock_settle(struct hvsock_fixture *f);

/* Programs of the host: one that connects and says the line, or nothing (NULL). */
int program_connect(struct hvsock_fixture *f, const char *line);
void program_expect(int fd, const char *text);
void program_expect_nothing(int fd);
void program_expect_end(int fd);
void program_send(struct hvsock_fixture *f, int fd, const char *text);

/* The guest: its driver looks at class, flag and the fifth byte of the user's, and opens the
 * channel. */
void guest_open(struct hvsock_fixture *f, uint32_t port, bool from_host);
void guest_send_header(struct hvsock_fixture *f, uint32_t type, uint32_t claim, const void *data,
		       uint32_t size);
void guest_send(struct hvsock_fixture *f, const char *text);
/* NULL: it has nothing. */
char *guest_receive(struct hvsock_fixture *f);
void guest_expect(struct hvsock_fixture *f, const char *expected);

#endif
