/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connections that a guest wishes for: to services as the input says, with answers that come at
 * once, late, twice, or not at all. Each wish has one end: an offer, or a refusal. */
#include <sys/socket.h>
#include <unistd.h>

#include "fake_io.h"
#include "fake_vmbus.h"
#include "fuzz_input.h"
#include "hvsock.h"
#include "hvsock_guid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ASKED_MAX 64u

struct fuzz {
	struct hvsock *hvsock;
	uint64_t asked[ASKED_MAX];
	unsigned int n_asked;
	uint8_t answer; /* 0: at once, and nobody; 1: at once; else later */
};

static int program(void)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		g_error("no sockets");
	close(fds[0]);
	return fds[1];
}

static void on_connect(void *context, uint64_t number, uint32_t port)
{
	struct fuzz *fuzz = context;

	if (port > HVSOCK_PORT_MAX)
		g_error("a port too high");
	if (fuzz->n_asked < ASKED_MAX)
		fuzz->asked[fuzz->n_asked++] = number;
	if (fuzz->answer < 2)
		hvsock_connected(fuzz->hvsock, number, fuzz->answer ? program() : -1);
}

static void wish(struct fuzz *fuzz, struct fuzz_input *in, uint8_t what)
{
	struct vmbus_guid service = hvsock_guid_of_port(fuzz_u32(in));
	struct vmbus_guid endpoint = hvsock_guid_of_port(fuzz_u32(in));

	if (what & 8)
		service.bytes[fuzz_u8(in) % 16] ^= fuzz_u8(in);
	if (what & 16)
		endpoint.bytes[fuzz_u8(in) % 16] ^= fuzz_u8(in);
	(void)hvsock_tl_connect(fuzz->hvsock, &endpoint, &service);
}

static void step(struct fuzz *fuzz, struct vmbus *bus, struct fuzz_input *in, uint8_t what)
{
	switch (what & 7) {
	case 0:
	case 1:
		wish(fuzz, in, what);
		break;
	case 2:
		fuzz->answer = fuzz_u8(in) % 3;
		break;
	case 3:
		if (fuzz->n_asked > 0)
			hvsock_connected(fuzz->hvsock, fuzz->asked[fuzz_u8(in) % fuzz->n_asked],
					 what & 8 ? program() : -1);
		break;
	case 4:
		hvsock_connected(fuzz->hvsock, fuzz_u32(in), what & 8 ? program() : -1);
		break;
	case 5:
		fake_vmbus_fail_offers(bus, fuzz_u8(in) % 4);
		break;
	default:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	struct vmbus *bus = fake_vmbus_new();
	struct io_thread *thread = io_thread_new("fuzz", NULL);
	struct fuzz fuzz = {0};
	sd_event *event = NULL;

	if (sd_event_new(&event) < 0)
		g_error("no event loop");
	fuzz.hvsock = hvsock_new(&(struct hvsock_config){.bus = bus,
							 .thread = thread,
							 .event = event,
							 .listen_fd = -1,
							 .connect = on_connect,
							 .context = &fuzz},
				 NULL);
	while (in.size > 0) {
		step(&fuzz, bus, &in, fuzz_u8(&in));
		do
			fake_io_settle(thread);
		while (sd_event_run(event, 0) > 0);
	}
	hvsock_free(fuzz.hvsock);
	fake_vmbus_free(bus);
	io_thread_free(thread);
	sd_event_unref(event);
	return 0;
}
