/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The adapter in a saved state. The device is written with its primary channel; each channel adds
 * the sections that the guest has from it. Frames on their way may be lost, as on any network: what
 * is in a batch, and what is left of a packet of the guest, which is completed all the same. What
 * answers a question of the guest may not.
 */
#include <string.h>

#include "netvsp_private.h"

#define NETVSP_SAVED_VERSION 1u

void netvsp_hold(void *context, struct vmbus_channel *vmbus)
{
	struct netvsp_channel *channel = netvsp_channel(context, vmbus);

	netvsp_channel_flush(channel);
	channel->held = true;
}

void netvsp_release(struct netvsp_channel *channel)
{
	struct netvsp *netvsp = channel->netvsp;

	channel->held = false;
	if (channel->index != 0 || !netvsp->moved)
		return;
	netvsp->moved = false;
	if (netvsp->rndis.initialized && netvsp->rndis.link_up)
		net_backend_announce(netvsp->backend, netvsp->rndis.mac);
}

/* ---- buffers --------------------------------------------------------------------------------- */

static bool netvsp_has_receive(const struct netvsp *netvsp)
{
	const struct netvsp_sections *s = &netvsp->sections;

	return s->n > 0 && netvsp_control_is_lent(netvsp, s->gpadl, &s->buffer);
}

/* A guest that tore down the pages without a word has revoked the buffer. */
static void netvsp_save_buffers(const struct netvsp *netvsp, struct state_writer *writer)
{
	const struct netvsp_sections *s = &netvsp->sections;
	bool receive = netvsp_has_receive(netvsp);
	bool send = netvsp->n_send_sections > 0 &&
		    netvsp_control_is_lent(netvsp, netvsp->send_gpadl, &netvsp->send_buffer);

	state_put_u32(writer, s->n > 0 && !receive ? s->generation + 1 : s->generation);
	state_put_bool(writer, receive);
	if (receive) {
		state_put_u32(writer, s->gpadl);
		state_put_u16(writer, s->id);
		state_put_u32(writer, s->size);
		state_put_u32(writer, s->n);
	}
	state_put_bool(writer, send);
	if (send)
		state_put_u32(writer, netvsp->send_gpadl);
}

static void netvsp_restore_receive(struct netvsp *netvsp, struct state_reader *reader)
{
	uint32_t gpadl = state_get_u32(reader);
	uint16_t id = state_get_u16(reader);
	uint32_t size = state_get_u32(reader), n = state_get_u32(reader);

	if (size % NETVSP_SECTION_ALIGN != 0 || size < netvsp_receive_section(0) ||
	    size > netvsp_receive_section(NVSP_MTU_MAX))
		state_fail(reader, "a receive buffer with sections of impossible size");
	else if (!netvsp_control_lend_receive(netvsp, gpadl, id, size) || netvsp->sections.n != n)
		state_fail(reader, "a receive buffer that the guest does not lend");
}

static void netvsp_restore_buffers(struct netvsp *netvsp, struct state_reader *reader)
{
	uint32_t generation = state_get_u32(reader);

	if (state_get_bool(reader))
		netvsp_restore_receive(netvsp, reader);
	netvsp->sections.generation = generation;
	if (state_get_bool(reader) && !netvsp_control_lend_send(netvsp, state_get_u32(reader)))
		state_fail(reader, "a send buffer that the guest does not lend");
}

/* ---- messages -------------------------------------------------------------------------------- */

static void netvsp_save_outbox(const struct netvsp *netvsp, struct state_writer *writer)
{
	state_put_u32(writer, netvsp->outbox.length);
	for (const GList *at = netvsp->outbox.head; at; at = at->next) {
		const struct netvsp_letter *letter = at->data;

		state_put_u16(writer, (uint16_t)letter->type);
		state_put_u64(writer, letter->transaction);
		state_put_u32(writer, (uint32_t)letter->size);
		state_put_bytes(writer, letter->data, letter->size);
	}
}

static bool netvsp_letter_has_type(uint16_t type)
{
	return type == VMBUS_PACKET_DATA_INBAND || type == VMBUS_PACKET_COMPLETION ||
	       type == VMBUS_PACKET_DATA_USING_XFER_PAGES;
}

static void netvsp_restore_outbox(struct netvsp *netvsp, struct state_reader *reader)
{
	uint32_t n = state_get_count(reader, NETVSP_OUTBOX_MAX);

	for (uint32_t i = 0; i < n && state_ok(reader); i++) {
		uint16_t type = state_get_u16(reader);
		uint64_t transaction = state_get_u64(reader);
		uint32_t size = state_get_count(reader, RNDIS_CONTROL_MAX);
		const uint8_t *data = state_get_view(reader, size);

		if (!netvsp_letter_has_type(type))
			state_fail(reader, "a message of a type that guests do not get");
		else if (data)
			netvsp_outbox_put(netvsp, type, transaction, data, size);
	}
}

/* ---- the device ------------------------------------------------------------------------------ */

static void netvsp_save_device(const struct netvsp *netvsp, struct state_writer *writer)
{
	state_begin(writer, "netvsp", NETVSP_SAVED_VERSION);
	nvsp_save(&netvsp->nvsp, writer);
	state_put_u16(writer, netvsp->sub_channels);
	state_put_bool(writer, netvsp->spread);
	netvsp_save_buffers(netvsp, writer);
	rndis_adapter_save(&netvsp->rndis, writer);
	netvsp_save_outbox(netvsp, writer);
	state_end(writer);
}

static void netvsp_restore_device(struct netvsp *netvsp, struct state_reader *reader)
{
	if (state_enter(reader, "netvsp", NETVSP_SAVED_VERSION) == 0)
		return;
	nvsp_restore(&netvsp->nvsp, reader);
	netvsp_control_agreed(netvsp);
	netvsp->sub_channels = state_get_u16(reader);
	if (netvsp->sub_channels >= netvsp->n_channels) {
		state_fail(reader, "more sub-channels than the adapter has");
		netvsp->sub_channels = 0;
	}
	netvsp->spread = state_get_bool(reader);
	netvsp_restore_buffers(netvsp, reader);
	rndis_adapter_restore(&netvsp->rndis, reader);
	netvsp_restore_outbox(netvsp, reader);
	state_leave(reader);
}

/* ---- channels -------------------------------------------------------------------------------- */

static void netvsp_save_flight(const struct netvsp_sections *s, uint32_t index,
			       struct state_writer *writer)
{
	uint32_t first = s->flights[index].first, n = 0;

	for (uint32_t section = first; section != NETVSP_NONE; section = s->next[section])
		n++;
	state_put_u32(writer, index);
	state_put_u32(writer, n);
	for (uint32_t section = first; section != NETVSP_NONE; section = s->next[section])
		state_put_u32(writer, section);
}

static void netvsp_save_channel(const struct netvsp_channel *channel, struct state_writer *writer)
{
	const struct netvsp_sections *s = &channel->netvsp->sections;
	uint32_t end = netvsp_has_receive(channel->netvsp) ? s->n : 0, n = 0;

	state_begin(writer, "netvsp.channel", NETVSP_SAVED_VERSION);
	state_put_bool(writer, channel->busy && (channel->owed || channel->wants_completion));
	state_put_u64(writer, channel->transaction);
	state_put_u32(writer, channel->status);
	for (uint32_t i = 0; i < end; i++)
		n += s->flights[i].used && s->flights[i].channel == channel->index;
	state_put_u32(writer, n);
	for (uint32_t i = 0; i < end; i++)
		if (s->flights[i].used && s->flights[i].channel == channel->index)
			netvsp_save_flight(s, i, writer);
	state_end(writer);
}

/* taken: of each section, whether the guest has it already. */
static void netvsp_restore_flight(struct netvsp_channel *channel, bool *taken,
				  struct state_reader *reader)
{
	struct netvsp_sections *s = &channel->netvsp->sections;
	uint32_t index = state_get_u32(reader), n = state_get_count(reader, NETVSP_RANGES);
	uint32_t first = NETVSP_NONE;

	if (index >= s->n || s->flights[index].used || n == 0) {
		state_fail(reader, "a packet that the guest cannot have");
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t section = state_get_u32(reader);

		if (section >= s->n || taken[section]) {
			state_fail(reader, "a section that the guest cannot have");
			return;
		}
		taken[section] = true;
		s->next[section] = first;
		first = section;
	}
	if (state_ok(reader))
		s->flights[index] = (struct netvsp_flight){
			.used = true, .channel = channel->index, .first = first};
}

/* What no flight has is free; the lowest ones are used first, as in a new buffer. */
static void netvsp_restore_free(struct netvsp_sections *s, const bool *taken)
{
	s->n_free = s->n_free_flights = 0;
	for (uint32_t i = s->n; i-- > 0;) {
		if (!taken[i])
			s->free[s->n_free++] = i;
		if (!s->flights[i].used)
			s->free_flights[s->n_free_flights++] = i;
	}
}

static void netvsp_restore_flights(struct netvsp_channel *channel, struct state_reader *reader)
{
	struct netvsp_sections *s = &channel->netvsp->sections;
	uint32_t n = state_get_count(reader, s->n);
	bool *taken = g_new(bool, MAX(s->n, 1));

	memset(taken, true, s->n);
	for (uint32_t i = 0; i < s->n_free; i++)
		taken[s->free[i]] = false;
	for (uint32_t i = 0; i < n && state_ok(reader); i++)
		netvsp_restore_flight(channel, taken, reader);
	netvsp_restore_free(s, taken);
	g_free(taken);
}

static void netvsp_restore_channel(struct netvsp_channel *channel, struct state_reader *reader)
{
	if (state_enter(reader, "netvsp.channel", NETVSP_SAVED_VERSION) == 0)
		return;
	channel->busy = channel->owed = state_get_bool(reader);
	channel->transaction = state_get_u64(reader);
	channel->status = state_get_u32(reader);
	netvsp_restore_flights(channel, reader);
	state_leave(reader);
}

void netvsp_save(void *context, struct vmbus_channel *vmbus, struct state_writer *writer)
{
	const struct netvsp_channel *channel = netvsp_channel(context, vmbus);

	if (channel->index == 0)
		netvsp_save_device(channel->netvsp, writer);
	netvsp_save_channel(channel, writer);
}

void netvsp_restore(void *context, struct vmbus_channel *vmbus, struct state_reader *reader)
{
	struct netvsp *netvsp = context;
	struct netvsp_channel *channel = netvsp_channel(netvsp, vmbus);

	channel->held = true;
	if (channel->index == 0)
		netvsp_restore_device(netvsp, reader);
	netvsp_restore_channel(channel, reader);
	if (!state_ok(reader)) {
		channel->busy = channel->owed = false;
		netvsp_control_reset(netvsp);
		return;
	}
	if (channel->index != 0)
		return;
	netvsp->moved = true;
	/* The cable may have been pulled since, or plugged in. */
	netvsp_control_link(netvsp);
}
