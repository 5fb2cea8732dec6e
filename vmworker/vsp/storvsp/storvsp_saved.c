/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The controller in a saved state, with its primary channel; each channel adds the answers that the
 * guest has not taken. Requests in flight are waited for, so that none has to be begun again.
 */
#include <string.h>

#include "storvsp_private.h"

#define STORVSP_SAVED_VERSION 1u
#define SCSI_PENDING_ALL \
	(SCSI_PENDING_RESET | SCSI_PENDING_MEDIUM | SCSI_PENDING_CAPACITY | SCSI_PENDING_LUNS)
#define SCSI_MEDIA_EVENT_MAX 3u

/* What a stop holds back stays in flight: who saves looks whether a disk has stopped. */
void storvsp_hold(void *context, struct vmbus_channel *vmbus)
{
	struct storvsp *vsp = context;

	(void)vmbus;
	vsp->held = true;
	for (unsigned int i = 0; i < STORVSP_LUNS; i++) {
		struct storvsp_lun *lun = &vsp->luns[i];

		while (lun->in_flight && block_settle(lun->block))
			;
	}
	storvsp_end_batch(vsp);
}

/* ---- disks ----------------------------------------------------------------------------------- */

static void lun_save(const struct storvsp_lun *lun, struct state_writer *writer)
{
	const struct scsi_unit *unit = &lun->unit;

	state_put_u8(writer, lun->number);
	state_put_bool(writer, lun->present);
	state_put_bool(writer, lun->unmissed);
	state_put_bool(writer, lun->veiled);
	state_put_bytes(writer, unit->id, sizeof(unit->id));
	state_put_u64(writer, unit->n_blocks);
	state_put_u8(writer, unit->pending);
	state_put_bool(writer, unit->tray_open);
	state_put_bool(writer, unit->removal_prevented);
	state_put_u8(writer, unit->media_event);
}

static void luns_save(const struct storvsp *vsp, struct state_writer *writer)
{
	uint32_t n = 0;

	for (unsigned int i = 0; i < STORVSP_LUNS; i++)
		n += vsp->luns[i].present || vsp->luns[i].unmissed;
	state_put_u32(writer, n);
	for (unsigned int i = 0; i < STORVSP_LUNS; i++)
		if (vsp->luns[i].present || vsp->luns[i].unmissed)
			lun_save(&vsp->luns[i], writer);
}

struct lun_saved {
	struct storvsp_lun *lun;
	bool present, unmissed, veiled;
	struct scsi_unit unit; /* of which only what is saved is there */
};

static bool lun_read(struct storvsp *vsp, struct lun_saved *saved, struct state_reader *reader)
{
	uint8_t number = state_get_u8(reader);

	saved->present = state_get_bool(reader);
	saved->unmissed = state_get_bool(reader);
	saved->veiled = state_get_bool(reader);
	state_get_bytes(reader, saved->unit.id, sizeof(saved->unit.id));
	saved->unit.n_blocks = state_get_u64(reader);
	saved->unit.pending = state_get_u8(reader);
	saved->unit.tray_open = state_get_bool(reader);
	saved->unit.removal_prevented = state_get_bool(reader);
	saved->unit.media_event = state_get_u8(reader);
	if (number >= STORVSP_LUNS || saved->unit.pending & ~SCSI_PENDING_ALL ||
	    saved->unit.media_event > SCSI_MEDIA_EVENT_MAX)
		state_fail(reader, "a disk in a state that cannot be");
	saved->lun = &vsp->luns[number % STORVSP_LUNS];
	return state_ok(reader);
}

/* The same disk, perhaps of another size. */
static void lun_take_up(const struct lun_saved *saved)
{
	struct storvsp_lun *lun = saved->lun;
	struct scsi_unit *unit = &lun->unit;
	uint64_t size = unit->n_blocks * unit->block_size;

	lun->unmissed = saved->unmissed;
	lun->veiled = saved->veiled;
	unit->pending = saved->unit.pending;
	unit->tray_open = unit->kind == SCSI_DVD && saved->unit.tray_open;
	unit->removal_prevented = saved->unit.removal_prevented;
	unit->media_event = saved->unit.media_event;
	unit->n_blocks = saved->unit.n_blocks;
	scsi_unit_set_size(unit, size);
}

/* What comes to the place of a disk that has gone is out of sight until the guest has missed that.
 */
static void lun_replace(const struct lun_saved *saved)
{
	struct storvsp_lun *lun = saved->lun;

	lun->unmissed = saved->unmissed || (saved->present && !saved->veiled);
	lun->veiled = lun->present && lun->unmissed;
}

/* Whether the guest has to look for disks. */
static bool luns_restore(struct storvsp *vsp, struct state_reader *reader)
{
	uint32_t n = state_get_count(reader, STORVSP_LUNS);
	uint64_t before = 0, known = 0;
	bool resized = false;

	for (uint32_t i = 0; i < n && state_ok(reader); i++) {
		struct lun_saved saved;
		const struct storvsp_lun *lun;

		if (!lun_read(vsp, &saved, reader))
			return false;
		lun = saved.lun;
		before |= (uint64_t)saved.present << lun->number;
		if (saved.present && lun->present &&
		    memcmp(lun->unit.id, saved.unit.id, sizeof(saved.unit.id)) == 0) {
			known |= UINT64_C(1) << lun->number;
			lun_take_up(&saved);
			resized |= lun->unit.n_blocks != saved.unit.n_blocks;
		} else {
			lun_replace(&saved);
		}
	}
	for (unsigned int i = 0; i < STORVSP_LUNS; i++)
		if (vsp->luns[i].present && !(known & UINT64_C(1) << i))
			return true;
	return resized || before != known;
}

/* ---- the controller -------------------------------------------------------------------------- */

static void controller_save(const struct storvsp *vsp, struct state_writer *writer)
{
	state_begin(writer, "storvsp", STORVSP_SAVED_VERSION);
	state_put_u16(writer, vsp->version);
	state_put_bool(writer, vsp->enumerate);
	luns_save(vsp, writer);
	state_end(writer);
}

static void controller_restore(struct storvsp *vsp, struct state_reader *reader)
{
	uint16_t version;
	bool changed;

	if (state_enter(reader, "storvsp", STORVSP_SAVED_VERSION) == 0)
		return;
	version = state_get_u16(reader);
	if (version != 0 && !storvsp_version_is_known(version))
		state_fail(reader, "a version of the protocol that is not known here");
	else
		vsp->version = version;
	vsp->enumerate = state_get_bool(reader);
	changed = luns_restore(vsp, reader);
	state_leave(reader);
	if (!changed)
		return;
	vsp->enumerate = true;
	for (unsigned int i = 0; i < STORVSP_LUNS; i++)
		if (storvsp_lun_is_shown(&vsp->luns[i]))
			scsi_unit_luns_changed(&vsp->luns[i].unit);
}

/* ---- channels -------------------------------------------------------------------------------- */

static void answers_save(const struct storvsp_channel *channel, struct state_writer *writer)
{
	const struct storvsp_request *request;
	uint32_t n = 0;

	for (request = channel->unsent; request; request = request->next)
		n++;
	state_put_u32(writer, n);
	for (request = channel->unsent; request; request = request->next) {
		state_put_u64(writer, request->transaction_id);
		state_put_u32(writer, request->packet_size);
		state_put_bytes(writer, &request->packet, request->packet_size);
	}
}

static void answer_restore(struct storvsp_channel *channel, struct state_reader *reader)
{
	uint64_t transaction = state_get_u64(reader);
	uint32_t size = state_get_u32(reader);
	struct storvsp_request *request;

	if ((size != VSTOR_PACKET_SIZE && size != VSTOR_PACKET_SIZE_OLD) ||
	    !storvsp_has_request(channel->vsp)) {
		state_fail(reader, "an answer that there cannot be");
		return;
	}
	request = storvsp_request_take(channel);
	request->transaction_id = transaction;
	request->packet_size = size;
	state_get_bytes(reader, &request->packet, size);
	storvsp_queue(request);
}

void storvsp_save(void *context, struct vmbus_channel *vmbus, struct state_writer *writer)
{
	const struct storvsp *vsp = context;
	const struct storvsp_channel *channel = &vsp->channels[vmbus_channel_index(vmbus)];

	if (channel == &vsp->channels[0])
		controller_save(vsp, writer);
	state_begin(writer, "storvsp.channel", STORVSP_SAVED_VERSION);
	state_put_u8(writer, (uint8_t)channel->state);
	answers_save(channel, writer);
	state_end(writer);
}

void storvsp_restore(void *context, struct vmbus_channel *vmbus, struct state_reader *reader)
{
	struct storvsp *vsp = context;
	struct storvsp_channel *channel = &vsp->channels[vmbus_channel_index(vmbus)];
	uint8_t state;
	uint32_t n;

	vsp->held = true;
	if (channel == &vsp->channels[0])
		controller_restore(vsp, reader);
	if (state_enter(reader, "storvsp.channel", STORVSP_SAVED_VERSION) == 0)
		return;
	state = state_get_u8(reader);
	if (state > STORVSP_READY || (state > STORVSP_BEGUN && vsp->version == 0))
		state_fail(reader, "a channel in a state that cannot be");
	else
		channel->state = state;
	n = state_get_u32(reader);
	for (uint32_t i = 0; i < n && state_ok(reader); i++)
		answer_restore(channel, reader);
	state_leave(reader);
}
