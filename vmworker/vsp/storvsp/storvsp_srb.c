/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SRBs: checked, executed by the disks, ended. */
#include <errno.h>
#include <string.h>

#include "iov.h"
#include "storvsp_private.h"

/* ---- ending ---------------------------------------------------------------------------------- */

static void srb_end(struct storvsp_request *request, uint8_t srb_status, uint32_t transfer)
{
	struct vstor_srb *srb = &request->packet.srb;

	request->packet.status = VSTOR_STATUS_SUCCESS;
	srb->srb_status = srb_status;
	srb->scsi_status = SCSI_STATUS_GOOD;
	srb->sense_info_length = 0;
	srb->data_transfer_length = transfer;
	request->channel->vsp->stats.failed += srb_status != SRB_STATUS_SUCCESS;
	storvsp_answer(request);
}

static void srb_check_condition(struct storvsp_request *request, enum scsi_sense sense)
{
	struct vstor_srb *srb = &request->packet.srb;
	uint8_t data[SCSI_SENSE_SIZE];
	uint8_t n = (uint8_t)MIN(srb->sense_info_length, sizeof(data));

	scsi_sense_fill(sense, data);
	request->packet.status = VSTOR_STATUS_SUCCESS;
	srb->srb_status = SRB_STATUS_ERROR;
	srb->scsi_status = SCSI_STATUS_CHECK_CONDITION;
	srb->data_transfer_length = 0;
	memset(srb->sense_data, 0, sizeof(srb->sense_data)); /* the CDB was there */
	if (n) {
		srb->srb_status |= SRB_STATUS_AUTOSENSE_VALID;
		memcpy(srb->sense_data, data, n);
	}
	srb->sense_info_length = n;
	request->channel->vsp->stats.failed++;
	storvsp_answer(request);
}

static void srb_malformed(struct storvsp_request *request)
{
	request->channel->vsp->stats.malformed++;
	srb_end(request, SRB_STATUS_INVALID_REQUEST, 0);
}

/* ---- in the disk ----------------------------------------------------------------------------- */

static void srb_submit(struct storvsp_request *request, enum block_op op)
{
	struct storvsp_lun *lun = request->lun;

	request->block.op = op;
	lun->vsp->touched |= UINT64_C(1) << lun->number;
	block_submit(lun->block, &request->block);
}

/* The next of UNMAP's ranges. */
static void srb_unmap_next(struct storvsp_request *request)
{
	const struct scsi_range *range = &request->ranges[request->index++];

	request->block.offset = range->offset;
	request->block.length = range->length;
	srb_submit(request, BLOCK_DISCARD);
}

/* The next of WRITE SAME's pieces: the pattern as often as there are buffers for it. */
static void srb_same_next(struct storvsp_request *request)
{
	uint32_t block_size = request->lun->unit.block_size, n = 0;
	uint64_t length = 0;

	while (length < request->same.length && n + request->n_pattern <= STORVSP_IOV) {
		memcpy(request->iov + n, request->pattern,
		       request->n_pattern * sizeof(request->pattern[0]));
		n += request->n_pattern;
		length += block_size;
	}
	request->block.offset = request->same.offset;
	request->block.length = length;
	request->block.iov = request->iov;
	request->block.n_iov = n;
	request->same.offset += length;
	request->same.length -= length;
	srb_submit(request, BLOCK_WRITE);
}

static bool srb_has_more(const struct storvsp_request *request)
{
	return (request->action == SCSI_UNMAP && request->index < request->n_ranges) ||
	       (request->action == SCSI_WRITE_SAME && request->same.length > 0);
}

static void srb_answer_resets(struct storvsp *vsp)
{
	struct storvsp_request *request;

	while (vsp->in_flight == 0 && (request = vsp->resets)) {
		vsp->resets = request->next;
		request->packet.status = VSTOR_STATUS_SUCCESS;
		storvsp_answer(request);
	}
}

static void srb_done(struct block_request *block, int error)
{
	struct storvsp_request *request = (struct storvsp_request *)block;
	struct storvsp_lun *lun = request->lun;
	struct storvsp *vsp = lun->vsp;

	if (!error && !request->channel->closing && srb_has_more(request)) {
		if (request->action == SCSI_UNMAP)
			srb_unmap_next(request);
		else
			srb_same_next(request);
		return;
	}
	lun->in_flight--;
	vsp->in_flight--;
	request->channel->in_flight--;
	if (!error)
		srb_end(request, SRB_STATUS_SUCCESS, request->transfer);
	else if (error == -ECANCELED)
		/* Who asks a disk that has gone again learns it now, rather than by trying. */
		srb_end(request, lun->present ? SRB_STATUS_ABORTED : SRB_STATUS_INVALID_LUN, 0);
	else
		srb_check_condition(request, scsi_sense_of_errno(error, request->action));
	srb_answer_resets(vsp);
}

static void srb_start(struct storvsp_request *request, const struct scsi_command *command)
{
	struct storvsp_lun *lun = request->lun;
	struct block_request *block = &request->block;

	lun->in_flight++;
	lun->vsp->in_flight++;
	request->channel->in_flight++;
	block->done = srb_done;
	block->flags = (command->fua ? BLOCK_FUA : 0) | (command->may_unmap ? BLOCK_MAY_UNMAP : 0);
	block->offset = command->range.offset;
	block->length = command->range.length;
	switch (command->action) {
	case SCSI_READ:
		srb_submit(request, BLOCK_READ);
		break;
	case SCSI_WRITE:
		srb_submit(request, BLOCK_WRITE);
		break;
	case SCSI_WRITE_ZEROES:
		srb_submit(request, BLOCK_WRITE_ZEROES);
		break;
	case SCSI_WRITE_SAME:
		srb_same_next(request);
		break;
	case SCSI_UNMAP:
		srb_unmap_next(request);
		break;
	default:
		block->offset = block->length = 0;
		srb_submit(request, BLOCK_FLUSH);
		break;
	}
}

/* ---- from the guest -------------------------------------------------------------------------- */

/* The guest's buffer for a READ or WRITE, cut to the length. False: it is too small, or in more
 * pieces than a buffer of that size can have. */
static bool srb_take_data(struct storvsp_request *request, const struct vmbus_packet *packet,
			  uint64_t length)
{
	uint32_t n;

	if (packet->n_buffer == 0 || packet->n_buffer > STORVSP_IOV)
		return false;
	memcpy(request->iov, packet->buffer, packet->n_buffer * sizeof(request->iov[0]));
	n = iov_cut(request->iov, packet->n_buffer, length);
	if (n == UINT32_MAX)
		return false;
	request->block.iov = request->iov;
	request->block.n_iov = n;
	request->transfer = (uint32_t)length;
	return true;
}

static bool srb_take_pattern(struct storvsp_request *request, const struct vmbus_packet *packet,
			     const struct scsi_command *command)
{
	uint32_t n = MIN(packet->n_buffer, G_N_ELEMENTS(request->pattern));

	if (n == 0)
		return false;
	memcpy(request->pattern, packet->buffer, n * sizeof(request->pattern[0]));
	n = iov_cut(request->pattern, n, request->lun->unit.block_size);
	if (n == UINT32_MAX)
		return false;
	request->n_pattern = n;
	request->same = command->range;
	request->transfer = request->lun->unit.block_size;
	return true;
}

/* Whether what the CDB says fits the buffer that came with it, and its direction. */
static bool srb_take(struct storvsp_request *request, const struct vmbus_packet *packet,
		     const struct scsi_command *command)
{
	const struct vstor_srb *srb = &request->packet.srb;

	switch (command->action) {
	case SCSI_READ:
		return srb->data_in == SRB_DATA_IN &&
		       command->range.length <= srb->data_transfer_length &&
		       srb_take_data(request, packet, command->range.length);
	case SCSI_WRITE:
		return srb->data_in == SRB_DATA_OUT &&
		       command->range.length <= srb->data_transfer_length &&
		       srb_take_data(request, packet, command->range.length);
	case SCSI_WRITE_SAME:
		return srb_take_pattern(request, packet, command);
	case SCSI_UNMAP:
		request->index = 0;
		request->n_ranges = command->n_ranges;
		request->transfer = srb->data_transfer_length;
		memcpy(request->ranges, command->ranges,
		       command->n_ranges * sizeof(command->ranges[0]));
		return true;
	default:
		request->transfer = srb->data_transfer_length;
		return true;
	}
}

/* An answer goes to the guest as far as its buffer reaches. */
static void srb_reply(struct storvsp_request *request, const struct vmbus_packet *packet,
		      const struct scsi_command *command)
{
	const struct vstor_srb *srb = &request->packet.srb;
	uint32_t n = MIN(command->reply_size, srb->data_transfer_length);

	if (n && srb->data_in != SRB_DATA_IN) {
		srb_malformed(request);
		return;
	}
	n = (uint32_t)iov_scatter(packet->buffer, packet->n_buffer, command->reply, n);
	srb_end(request, SRB_STATUS_SUCCESS, n);
}

static struct storvsp_lun *srb_lun(struct storvsp *vsp, const struct vstor_srb *srb)
{
	struct storvsp_lun *lun;

	if (srb->path_id != 0 || srb->target_id != 0 || srb->lun >= STORVSP_LUNS)
		return NULL;
	lun = &vsp->luns[srb->lun];
	return storvsp_lun_is_shown(lun) ? lun : NULL;
}

/* The guest learns that there is no such disk, and can now be shown another. */
static void srb_miss(struct storvsp_request *request)
{
	const struct vstor_srb *srb = &request->packet.srb;
	struct storvsp *vsp = request->channel->vsp;

	if (srb->path_id == 0 && srb->target_id == 0 && srb->lun < STORVSP_LUNS) {
		struct storvsp_lun *lun = &vsp->luns[srb->lun];

		lun->unmissed = false;
		if (lun->veiled)
			storvsp_enumerate(vsp);
		lun->veiled = false;
	}
	srb_end(request, SRB_STATUS_INVALID_LUN, 0);
}

/* Whether the guest asks for the size, or whether all is as it was: the moment to look. */
static bool srb_asks_size(const uint8_t *cdb)
{
	return cdb[0] == 0x00 || cdb[0] == 0x25 || cdb[0] == 0x9e;
}

static void srb_scsi(struct storvsp_request *request, const struct vmbus_packet *packet,
		     struct scsi_command *command)
{
	const struct vstor_srb *srb = &request->packet.srb;
	struct storvsp *vsp = request->channel->vsp;
	struct scsi_unit *unit = request->lun ? &request->lun->unit : NULL;
	uint8_t parameters[SCSI_PARAMETERS_MAX];
	struct scsi_input input = {
		.cdb = srb->cdb, .cdb_size = srb->cdb_length, .parameters = parameters};

	if (request->lun && request->lun->block && srb_asks_size(srb->cdb))
		block_refresh(request->lun->block);
	/* Other targets than ours have no LUNs to report. */
	if (srb->path_id == 0 && srb->target_id == 0)
		input.luns = storvsp_lun_mask(vsp);
	if (srb->data_in == SRB_DATA_OUT) {
		uint32_t size = scsi_parameters_size(unit, srb->cdb);

		size = MIN(size, srb->data_transfer_length);
		input.parameters_size =
			(uint32_t)iov_gather(packet->buffer, packet->n_buffer, parameters, size);
	}
	scsi_execute(unit, &input, command);
}

void storvsp_srb_execute(struct storvsp_request *request, const struct vmbus_packet *packet)
{
	const struct vstor_srb *srb = &request->packet.srb;
	struct storvsp *vsp = request->channel->vsp;
	struct scsi_command command;

	vsp->stats.requests++;
	if (srb->cdb_length == 0 || srb->cdb_length > SCSI_CDB_MAX ||
	    srb->data_in > SRB_DATA_NONE || srb->data_transfer_length > packet->buffer_size) {
		srb_malformed(request);
		return;
	}
	request->lun = srb_lun(vsp, srb);
	srb_scsi(request, packet, &command);
	request->action = command.action;
	if (command.action == SCSI_REPLY)
		srb_reply(request, packet, &command);
	else if (command.action == SCSI_FAIL && !request->lun)
		srb_miss(request);
	else if (command.action == SCSI_FAIL)
		srb_check_condition(request, command.sense);
	else if (!srb_take(request, packet, &command))
		srb_malformed(request);
	else
		srb_start(request, &command);
}

/* ---- quiescing ------------------------------------------------------------------------------- */

static bool srb_is_of_channel(const struct block_request *block, void *context)
{
	return ((const struct storvsp_request *)block)->channel == context;
}

void storvsp_channel_quiesce(struct storvsp_channel *channel)
{
	struct storvsp *vsp = channel->vsp;
	struct storvsp_request **at = &vsp->resets;

	channel->closing = true;
	while (*at) {
		struct storvsp_request *request = *at;

		if (request->channel == channel) {
			*at = request->next;
			storvsp_answer(request); /* to nobody: it goes back to the pool */
		} else {
			at = &request->next;
		}
	}
	/* A disk that stops on errors holds back what fails while it is waited for. */
	while (channel->in_flight) {
		for (unsigned int i = 0; i < STORVSP_LUNS; i++) {
			struct storvsp_lun *lun = &vsp->luns[i];

			if (!lun->block || !lun->in_flight)
				continue;
			block_cancel(lun->block, srb_is_of_channel, channel);
			block_drain(lun->block);
		}
	}
}

void storvsp_lun_quiesce(struct storvsp_lun *lun)
{
	while (lun->in_flight) {
		block_cancel(lun->block, NULL, NULL);
		block_drain(lun->block);
	}
}

void storvsp_reset(struct storvsp_request *request)
{
	struct storvsp *vsp = request->channel->vsp;

	request->next = vsp->resets;
	vsp->resets = request;
	for (unsigned int i = 0; i < STORVSP_LUNS; i++) {
		struct storvsp_lun *lun = &vsp->luns[i];

		if (!storvsp_lun_is_shown(lun))
			continue;
		if (lun->block)
			block_cancel(lun->block, NULL, NULL);
		scsi_unit_reset(&lun->unit);
	}
	srb_answer_resets(vsp);
}
