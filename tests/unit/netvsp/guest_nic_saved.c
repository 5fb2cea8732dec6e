/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The same guest with one adapter and then with another. */
#include "guest_nic.h"

void guest_nic_save(struct guest_nic *nic, struct state_writer *writer)
{
	fake_device_hold(nic->device);
	fake_device_save(nic->device, writer);
}

void guest_nic_release(struct guest_nic *nic)
{
	fake_device_release(nic->device);
}

#define EXCHANGE(member)                                   \
	do {                                               \
		__typeof__(nic->member) own = nic->member; \
		nic->member = other->member;               \
		other->member = own;                       \
	} while (0)

/* What is not the guest's. */
static void guest_nic_exchange_host(struct guest_nic *nic, struct guest_nic *other)
{
	EXCHANGE(bus);
	EXCHANGE(thread);
	EXCHANGE(backend);
	EXCHANGE(netvsp);
	EXCHANGE(device);
	EXCHANGE(network);
	for (unsigned int i = 0; i < GUEST_NIC_CHANNELS; i++)
		EXCHANGE(channels[i]);
}

bool guest_nic_restore(struct guest_nic *nic, const struct guest_nic_options *options,
		       struct state_reader *reader)
{
	struct guest_nic next;
	bool restored;

	guest_nic_build(&next, options);
	restored = fake_device_restore(next.device, nic->device, reader, next.channels,
				       GUEST_NIC_CHANNELS);
	if (restored)
		guest_nic_exchange_host(nic, &next);
	guest_nic_free(&next);
	return restored;
}

void guest_nic_move(struct guest_nic *nic, const struct guest_nic_options *options)
{
	struct state_writer *writer = state_writer_new();
	struct state_reader reader;
	const uint8_t *state;
	size_t size;

	guest_nic_save(nic, writer);
	state = state_writer_data(writer, &size);
	state_reader_init(&reader, state, size);
	if (!guest_nic_restore(nic, options, &reader))
		g_error("%s", reader.fault);
	g_assert_true(reader.at == reader.end);
	state_writer_free(writer);
	guest_nic_release(nic);
}
