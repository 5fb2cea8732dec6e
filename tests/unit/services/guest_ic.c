/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest_ic.h"

#include <string.h>

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) | (uint32_t)get16(p + 2) << 16;
}

static uint64_t get64(const uint8_t *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

static void put16(uint8_t *p, uint16_t value)
{
	p[0] = (uint8_t)value;
	p[1] = (uint8_t)(value >> 8);
}

static void put32(uint8_t *p, uint32_t value)
{
	put16(p, (uint16_t)value);
	put16(p + 2, (uint16_t)(value >> 16));
}

/* ---- the world ------------------------------------------------------------------------------- */

static uint64_t guest_monotonic(void *context)
{
	return fake_io_now(((struct guest_ic *)context)->thread);
}

static uint64_t guest_realtime(void *context)
{
	struct guest_ic *guest = context;

	return guest->realtime_ns + fake_io_now(guest->thread);
}

static uint64_t guest_reference(void *context)
{
	return fake_io_now(((struct guest_ic *)context)->thread) / 100 + 7;
}

void guest_ic_init(struct guest_ic *guest)
{
	memset(guest, 0, sizeof(*guest));
	guest->thread = io_thread_new("services", NULL);
	guest->bus = fake_vmbus_new();
	guest->realtime_ns = UINT64_C(1700000000000000000);
	guest->clock = (struct ic_clock){
		.monotonic_ns = guest_monotonic,
		.realtime_ns = guest_realtime,
		.reference_100ns = guest_reference,
		.context = guest,
	};
	guest->env =
		(struct ic_env){guest->bus, guest->thread, &guest->clock, guest_monotonic(guest)};
}

void guest_ic_clear(struct guest_ic *guest)
{
	fake_vmbus_free(guest->bus);
	io_thread_free(guest->thread);
}

/* ---- the driver ------------------------------------------------------------------------------ */

void guest_ic_open(struct guest_ic *guest)
{
	guest->channel = fake_channel_open(fake_vmbus_nth(guest->bus, 0), 0, NULL);
	g_assert_nonnull(guest->channel);
	fake_io_settle(guest->thread);
}

void guest_ic_close(struct guest_ic *guest)
{
	if (guest->channel && fake_channel_is_open(guest->channel))
		fake_channel_close(guest->channel);
	guest->channel = NULL;
}

bool guest_ic_receive(struct guest_ic *guest)
{
	struct fake_sent sent;

	fake_io_settle(guest->thread);
	if (!guest->channel || !fake_channel_pull(guest->channel, &sent))
		return false;
	g_assert_cmpint(sent.type, ==, VMBUS_PACKET_DATA_INBAND);
	g_assert_cmpuint(sent.size, <=, sizeof(guest->message));
	memset(guest->message, 0, sizeof(guest->message));
	memcpy(guest->message, sent.payload, sent.size);
	guest->size = sent.size;
	guest->transaction = sent.transaction_id;
	fake_sent_clear(&sent);
	g_assert_cmpuint(guest->size, >=, GUEST_IC_HEADERS);
	/* the pipe: data, of all that follows */
	g_assert_cmpuint(get32(guest->message), ==, 1);
	g_assert_cmpuint(get32(guest->message + 4), ==, guest->size - 8);
	g_assert_cmpuint(guest_ic_body_size(guest), ==, guest->size - GUEST_IC_HEADERS);
	/* a request with a transaction */
	g_assert_cmphex(guest->message[25], ==, 0x03);
	return true;
}

uint16_t guest_ic_type(const struct guest_ic *guest)
{
	return get16(guest->message + 12);
}

uint16_t guest_ic_body_size(const struct guest_ic *guest)
{
	return get16(guest->message + 18);
}

uint8_t *guest_ic_body(struct guest_ic *guest)
{
	return guest->message + GUEST_IC_HEADERS;
}

uint32_t guest_ic_u32(const struct guest_ic *guest, uint32_t offset)
{
	return get32(guest->message + GUEST_IC_HEADERS + offset);
}

uint64_t guest_ic_u64(const struct guest_ic *guest, uint32_t offset)
{
	return get64(guest->message + GUEST_IC_HEADERS + offset);
}

void guest_ic_send(struct guest_ic *guest, const void *data, uint32_t size)
{
	fake_channel_send(guest->channel, &(struct fake_packet){
						  .payload = data,
						  .size = size,
						  .transaction_id = guest->transaction,
					  });
	fake_io_settle(guest->thread);
}

void guest_ic_answer_cut(struct guest_ic *guest, uint32_t status, uint32_t size)
{
	put32(guest->message + 20, status);
	guest->message[25] = 0x05; /* a response with a transaction */
	guest_ic_send(guest, guest->message, size);
}

void guest_ic_answer(struct guest_ic *guest, uint32_t status)
{
	guest_ic_answer_cut(guest, status, guest->size);
}

/* The place in the list of versions on offer, or -1. */
static int guest_ic_find(const uint8_t *offered, unsigned int n, uint32_t version)
{
	for (unsigned int i = 0; i < n; i++) {
		if (get16(offered + (size_t)4 * i) == version >> 16 &&
		    get16(offered + (size_t)4 * i + 2) == (version & 0xffff))
			return (int)i;
	}
	return -1;
}

static void guest_ic_choose(struct guest_ic *guest, uint32_t framework, uint32_t version)
{
	uint8_t *body = guest_ic_body(guest);
	bool ok = framework != 0 && version != 0;

	put16(body, ok ? 1 : 0);
	put16(body + 2, ok ? 1 : 0);
	put16(body + 8, (uint16_t)(framework >> 16));
	put16(body + 10, (uint16_t)framework);
	put16(body + 12, (uint16_t)(version >> 16));
	put16(body + 14, (uint16_t)version);
	put16(guest->message + 18, 0x10);
	guest_ic_answer(guest, 0);
}

bool guest_ic_negotiate(struct guest_ic *guest, const uint32_t *versions, unsigned int n)
{
	static const uint32_t frameworks[] = {3u << 16, 1u << 16};
	uint32_t framework = 0, version = 0;
	const uint8_t *body = guest_ic_body(guest);
	unsigned int n_framework, n_service;

	g_assert_true(guest_ic_receive(guest));
	g_assert_cmpuint(guest_ic_type(guest), ==, 0);
	n_framework = get16(body);
	n_service = get16(body + 2);
	g_assert_cmpuint(guest_ic_body_size(guest), ==, 8 + 4 * (n_framework + n_service));
	for (unsigned int i = 0; i < 2 && framework == 0; i++) {
		if (guest_ic_find(body + 8, n_framework, frameworks[i]) >= 0)
			framework = frameworks[i];
	}
	for (unsigned int i = 0; i < n && version == 0; i++) {
		if (guest_ic_find(body + 8 + 4 * (size_t)n_framework, n_service, versions[i]) >= 0)
			version = versions[i];
	}
	guest_ic_choose(guest, framework, version);
	return framework != 0 && version != 0;
}

void guest_ic_start(struct guest_ic *guest, uint32_t version)
{
	guest_ic_open(guest);
	g_assert_true(guest_ic_negotiate(guest, &version, 1));
}
