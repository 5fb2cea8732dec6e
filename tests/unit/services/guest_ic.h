/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest's integration driver, as Linux' hv_utils does it: it opens the channel, chooses versions
 * from lists of its own, and sends each message back in the buffer that it came in. Its structures
 * are read byte by byte here, so that they do not share a mistake with the services'.
 */
#ifndef GUEST_IC_H
#define GUEST_IC_H

#include <stdbool.h>
#include <string.h>

#include "fake_io.h"
#include "fake_vmbus.h"
#include "ic.h"

#define assert_bytes(a, size_a, b, size_b)                                  \
	do {                                                                \
		g_assert_cmpuint((size_a), ==, (size_b));                   \
		if ((size_b) > 0)                                           \
			g_assert_cmpint(memcmp((a), (b), (size_b)), ==, 0); \
	} while (0)

#define GUEST_IC_HEADERS 28u /* before a message's body */

struct guest_ic {
	struct io_thread *thread;
	struct vmbus *bus;
	struct ic_env env;
	struct ic_clock clock;
	uint64_t realtime_ns; /* at the thread's time 0 */

	struct vmbus_channel *channel;
	uint8_t message[16384]; /* the last one received */
	uint32_t size;
	uint64_t transaction;
};

/* A bus, a thread with its clocks, and nobody on it. */
void guest_ic_init(struct guest_ic *guest);
void guest_ic_clear(struct guest_ic *guest);

/* Opens the only device of the bus; chooses the first version of the list (major << 16 | minor)
 * that was offered; false: none was, and the host was told so. */
void guest_ic_open(struct guest_ic *guest);
bool guest_ic_negotiate(struct guest_ic *guest, const uint32_t *versions, unsigned int n);
void guest_ic_start(struct guest_ic *guest, uint32_t version); /* both, and must succeed */
void guest_ic_close(struct guest_ic *guest);

/* The next message into guest->message; its sizes are checked. False: there is none. */
bool guest_ic_receive(struct guest_ic *guest);
uint16_t guest_ic_type(const struct guest_ic *guest);
uint16_t guest_ic_body_size(const struct guest_ic *guest);
uint8_t *guest_ic_body(struct guest_ic *guest);
uint32_t guest_ic_u32(const struct guest_ic *guest, uint32_t offset); /* of the body */
uint64_t guest_ic_u64(const struct guest_ic *guest, uint32_t offset);
/* Sends it back. */
void guest_ic_answer(struct guest_ic *guest, uint32_t status);
/* The same, but only this many bytes of the packet, or more, with what is behind it. */
void guest_ic_answer_cut(struct guest_ic *guest, uint32_t status, uint32_t size);
/* The bytes as they are. */
void guest_ic_send(struct guest_ic *guest, const void *data, uint32_t size);

#endif
