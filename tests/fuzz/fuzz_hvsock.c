/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A stream between a guest that sends what the input says and a program that reads, writes and goes
 * when it says so; and the first line of a program. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake_io.h"
#include "fake_vmbus.h"
#include "hvsock_client.h"
#include "hvsock_guid.h"
#include "hvsock_pipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
	struct io_thread *thread;
	struct vmbus_channel *channel;
	int program;
	unsigned int opened, finished;
};

static void on_opened(void *context)
{
	if (((struct fuzz *)context)->opened++)
		g_error("opened twice");
}

static void on_finished(void *context)
{
	if (((struct fuzz *)context)->finished++)
		g_error("finished twice");
}

static void fuzz_guest(struct fuzz *fuzz, uint8_t what, const uint8_t *data, size_t size)
{
	g_autofree uint8_t *packet = g_malloc0(8 + size);
	const uint32_t header[2] = {1, (uint32_t)size - (what >> 6 & 1)};
	bool raw = what & 128;

	if (!fake_channel_is_open(fuzz->channel))
		return;
	memcpy(packet, header, sizeof(header));
	memcpy(packet + (raw ? 0 : 8), data, size);
	fake_channel_send(fuzz->channel, &(struct fake_packet){
						 .payload = packet,
						 .size = (uint32_t)(raw ? size : 8 + size),
					 });
}

static void fuzz_step(struct fuzz *fuzz, uint8_t what, const uint8_t *data, size_t size)
{
	char buffer[4096];

	switch (what & 7) {
	case 0:
	case 1:
		fuzz_guest(fuzz, what, data, size);
		break;
	case 2:
		(void)!send(fuzz->program, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	case 3:
		(void)!recv(fuzz->program, buffer, sizeof(buffer), MSG_DONTWAIT);
		break;
	case 4:
		shutdown(fuzz->program, what & 8 ? SHUT_WR : what & 16 ? SHUT_RD : SHUT_RDWR);
		break;
	case 5:
		if (fake_channel_is_open(fuzz->channel))
			fake_channel_limit(fuzz->channel, what & 8 ? UINT32_MAX : what * 16);
		break;
	case 6:
		fake_io_advance(fuzz->thread, (uint64_t)what << 24);
		break;
	case 7:
		if (what == 0xff && fake_channel_is_open(fuzz->channel))
			fake_channel_close(fuzz->channel);
		break;
	}
	fake_io_settle(fuzz->thread);
}

static void fuzz_line(const uint8_t *data, size_t size)
{
	g_autofree char *line = g_memdup2(data, size);
	uint32_t port = 0;
	int used = size > 0 ? hvsock_client_parse(line, size, &port) : 0;

	if (used > (int)size || used > (int)HVSOCK_LINE_MAX || port > HVSOCK_PORT_MAX)
		g_error("a line that is too long, or a port too high");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vmbus *bus = fake_vmbus_new();
	struct fuzz fuzz = {.thread = io_thread_new("fuzz", NULL)};
	struct hvsock_pipe *pipe;
	int fds[2];

	fuzz_line(data, MIN(size, HVSOCK_LINE_MAX));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		g_error("no sockets");
	fuzz.program = fds[0];
	pipe = hvsock_pipe_new(&(struct hvsock_pipe_config){.bus = bus,
							    .thread = fuzz.thread,
							    .service = hvsock_guid_of_port(1),
							    .greeting = "OK 1\n",
							    .opened = on_opened,
							    .finished = on_finished,
							    .context = &fuzz},
			       fds[1], NULL);
	fuzz.channel = fake_channel_open(fake_vmbus_nth(bus, 0), 0, NULL);
	fake_io_settle(fuzz.thread);
	while (size >= 3) {
		size_t n = MIN(data[1] | (size_t)data[2] << 8, size - 3);

		fuzz_step(&fuzz, data[0], data + 3, n);
		data += 3 + n;
		size -= 3 + n;
	}
	close(fds[0]);
	hvsock_pipe_free(pipe);
	fake_vmbus_free(bus);
	io_thread_free(fuzz.thread);
	return 0;
}
