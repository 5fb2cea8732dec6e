/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest that answers an integration service as the input says: a step is a byte of what to do and
 * two of length, then bytes. Some answers are sound but for their bodies, so that the services'
 * own checks are reached, and some are bytes and nothing else.
 */
#include "fuzz_ic.h"

#include <string.h>

#include "fake_io.h"
#include "fake_vmbus.h"
#include "ic_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
	struct vmbus *bus;
	struct io_thread *thread;
	struct vmbus_channel *channel;
	void *service;
	uint8_t message[16384]; /* the last one from the host */
	uint32_t size;
};

static uint64_t fuzz_now(void *context)
{
	return fake_io_now(context);
}

static bool fuzz_is_open(const struct fuzz *fuzz)
{
	return fuzz->channel && fake_channel_is_open(fuzz->channel);
}

static bool fuzz_receive(struct fuzz *fuzz)
{
	struct fake_sent sent;

	if (!fuzz->channel || !fake_channel_pull(fuzz->channel, &sent))
		return false;
	g_assert(sent.size >= IC_WIRE_HEADERS && sent.size <= sizeof(fuzz->message));
	memcpy(fuzz->message, sent.payload, sent.size);
	fuzz->size = sent.size;
	fake_sent_clear(&sent);
	return true;
}

static void fuzz_send(struct fuzz *fuzz, const void *data, uint32_t size)
{
	if (fuzz_is_open(fuzz))
		fake_channel_send(fuzz->channel,
				  &(struct fake_packet){.payload = data, .size = size});
	fake_io_settle(fuzz->thread);
}

static void fuzz_open(struct fuzz *fuzz)
{
	if (fuzz_is_open(fuzz))
		fake_channel_close(fuzz->channel);
	fuzz->channel = fake_channel_open(fake_vmbus_nth(fuzz->bus, 0), 0, NULL);
	fake_io_settle(fuzz->thread);
	fuzz_receive(fuzz);
}

static void fuzz_negotiate(struct fuzz *fuzz)
{
	const uint16_t body[] = {1, 1, 0, 0, 3, 0, fuzz_service.major, fuzz_service.minor};
	uint16_t size = sizeof(body);

	fuzz_open(fuzz);
	memcpy(fuzz->message + IC_WIRE_HEADERS, body, sizeof(body));
	memcpy(fuzz->message + 18, &size, sizeof(size));
	fuzz->message[25] = IC_FLAG_TRANSACTION | IC_FLAG_RESPONSE;
	fuzz_send(fuzz, fuzz->message, fuzz->size);
	fuzz_receive(fuzz);
}

/* The last message, with these bytes over its body, or over its status and body. */
static void fuzz_answer(struct fuzz *fuzz, const uint8_t *data, size_t size, bool with_status)
{
	uint32_t at = with_status ? 20 : IC_WIRE_HEADERS;

	if (!with_status)
		memset(fuzz->message + 20, 0, 4);
	for (size_t i = 0; i < size && at < fuzz->size; i++, at++) {
		if (at < 24 || at >= IC_WIRE_HEADERS)
			fuzz->message[at] = data[i];
	}
	fuzz->message[25] = IC_FLAG_TRANSACTION | IC_FLAG_RESPONSE;
	fuzz_send(fuzz, fuzz->message, fuzz->size);
	fuzz_receive(fuzz);
}

static void fuzz_step(struct fuzz *fuzz, uint8_t what, const uint8_t *data, size_t size)
{
	switch (what & 7) {
	case 0:
		fuzz_negotiate(fuzz);
		break;
	case 1:
		fuzz_answer(fuzz, data, size, false);
		break;
	case 2:
		fuzz_answer(fuzz, data, size, true);
		break;
	case 3: /* headers too */
		memcpy(fuzz->message, data, MIN(size, fuzz->size));
		fuzz_send(fuzz, fuzz->message, fuzz->size);
		break;
	case 4:
		fuzz_send(fuzz, data, (uint32_t)size);
		break;
	case 5:
		fake_io_advance(fuzz->thread, (what >> 3) * IC_SECOND);
		fuzz_receive(fuzz);
		break;
	case 6:
		fuzz_service.poke(fuzz->service, what >> 3);
		fake_io_settle(fuzz->thread);
		fuzz_receive(fuzz);
		break;
	case 7:
		if (what & 8)
			fuzz_open(fuzz);
		else if (fuzz_is_open(fuzz))
			fake_channel_limit(fuzz->channel, what & 16 ? UINT32_MAX : what);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz fuzz = {.bus = fake_vmbus_new(), .thread = io_thread_new("fuzz", NULL)};
	const struct ic_clock clock = {fuzz_now, fuzz_now, fuzz_now, fuzz.thread};
	const struct ic_env env = {fuzz.bus, fuzz.thread, &clock, fake_io_now(fuzz.thread)};
	unsigned int steps = 0;

	fuzz.service = fuzz_service.make(&env);
	fuzz_negotiate(&fuzz);
	while (size >= 3 && steps++ < 64) {
		size_t n = MIN(data[1] | (size_t)data[2] << 8, size - 3);

		fuzz_step(&fuzz, data[0], data + 3, n);
		data += 3 + n;
		size -= 3 + n;
	}
	fuzz_service.free(fuzz.service);
	fake_vmbus_free(fuzz.bus);
	io_thread_free(fuzz.thread);
	return 0;
}
