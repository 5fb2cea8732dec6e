/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Packets: receiving, the protocol around SRBs, answering. */
#include "storvsp_private.h"

#include <string.h>

/* Packets of one channel that are taken in one go; the thread serves others as well. */
#define STORVSP_BATCH 256u

/* ---- requests -------------------------------------------------------------------------------- */

struct storvsp_request *storvsp_request_take(struct storvsp_channel *channel)
{
	struct storvsp *vsp = channel->vsp;
	struct storvsp_request *request = vsp->free;

	if (request)
		vsp->free = request->next;
	else
		request = &vsp->requests[--vsp->n_fresh];
	request->next = NULL;
	request->channel = channel;
	request->lun = NULL;
	return request;
}

static void request_give_back(struct storvsp *vsp, struct storvsp_request *request)
{
	request->next = vsp->free;
	vsp->free = request;
}

static bool request_send(struct storvsp_request *request)
{
	struct storvsp_channel *channel = request->channel;
	const struct iovec payload = {&request->packet, request->packet_size};

	if (!vmbus_channel_send(channel->vmbus, VMBUS_PACKET_COMPLETION, 0, request->transaction_id,
				&payload, 1))
		return false;
	channel->dirty = true;
	request_give_back(channel->vsp, request);
	return true;
}

void storvsp_answer(struct storvsp_request *request)
{
	struct storvsp_channel *channel = request->channel;

	if (channel->closing) {
		request_give_back(channel->vsp, request);
		return;
	}
	request->packet.operation = VSTOR_COMPLETE_IO;
	request->packet.flags = 0;
	if (channel->unsent || !request_send(request))
		storvsp_queue(request);
}

void storvsp_queue(struct storvsp_request *request)
{
	struct storvsp_channel *channel = request->channel;

	request->next = NULL;
	*channel->unsent_last = request;
	channel->unsent_last = &request->next;
}

/* ---- protocol -------------------------------------------------------------------------------- */

static enum vstor_status vstor_begin(struct storvsp_request *request)
{
	struct storvsp_channel *channel = request->channel;

	if (channel->state != STORVSP_NEW && channel->state != STORVSP_BEGUN)
		return VSTOR_STATUS_INVALID_DEVICE_STATE;
	channel->state = STORVSP_BEGUN;
	return VSTOR_STATUS_SUCCESS;
}

bool storvsp_version_is_known(uint16_t version)
{
	static const uint16_t known[] = {VSTOR_VERSION_2_0, VSTOR_VERSION_4_2, VSTOR_VERSION_5_1,
					 VSTOR_VERSION_6_0, VSTOR_VERSION_6_2};

	for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
		if (version == known[i])
			return true;
	}
	return false;
}

static enum vstor_status vstor_query_version(struct storvsp_request *request)
{
	struct storvsp_channel *channel = request->channel;
	struct storvsp *vsp = channel->vsp;
	uint16_t version = request->packet.protocol.version;

	if (channel->state != STORVSP_BEGUN)
		return VSTOR_STATUS_INVALID_DEVICE_STATE;
	/* A sub-channel cannot change what was agreed on. */
	if (!storvsp_version_is_known(version) ||
	    (channel != &vsp->channels[0] && version != vsp->version))
		return VSTOR_STATUS_REVISION_MISMATCH;
	channel->state = STORVSP_VERSIONED;
	vsp->version = version;
	return VSTOR_STATUS_SUCCESS;
}

static enum vstor_status vstor_query_properties(struct storvsp_request *request)
{
	struct storvsp *vsp = request->channel->vsp;

	if (request->channel->state != STORVSP_VERSIONED)
		return VSTOR_STATUS_INVALID_DEVICE_STATE;
	request->packet.properties = (struct vstor_properties){
		.max_channels = vsp->max_sub_channels,
		.flags = vsp->max_sub_channels ? VSTOR_PROPERTY_MULTI_CHANNEL : 0,
		.max_transfer_bytes = STORVSP_MAX_TRANSFER,
	};
	return VSTOR_STATUS_SUCCESS;
}

static enum vstor_status vstor_end(struct storvsp_request *request)
{
	if (request->channel->state != STORVSP_VERSIONED)
		return VSTOR_STATUS_INVALID_DEVICE_STATE;
	request->channel->state = STORVSP_READY;
	return VSTOR_STATUS_SUCCESS;
}

static enum vstor_status vstor_create_sub_channels(struct storvsp_request *request)
{
	struct storvsp *vsp = request->channel->vsp;
	uint16_t n = request->packet.sub_channels;

	if (request->channel != &vsp->channels[0] || request->channel->state < STORVSP_VERSIONED)
		return VSTOR_STATUS_INVALID_DEVICE_STATE;
	if (n == 0 || n > vsp->max_sub_channels)
		return VSTOR_STATUS_INVALID_PARAMETER;
	return vmbus_device_offer_sub_channels(vsp->device, n) == n
		       ? VSTOR_STATUS_SUCCESS
		       : VSTOR_STATUS_INSUFFICIENT_RESOURCES;
}

static enum vstor_status (*const vstor_operations[])(struct storvsp_request *) = {
	[VSTOR_BEGIN_INITIALIZATION] = vstor_begin,
	[VSTOR_END_INITIALIZATION] = vstor_end,
	[VSTOR_QUERY_PROTOCOL_VERSION] = vstor_query_version,
	[VSTOR_QUERY_PROPERTIES] = vstor_query_properties,
	[VSTOR_CREATE_SUB_CHANNELS] = vstor_create_sub_channels,
};

static void storvsp_dispatch(struct storvsp_request *request, const struct vmbus_packet *packet)
{
	struct storvsp *vsp = request->channel->vsp;
	uint32_t operation = request->packet.operation;
	enum vstor_status status = VSTOR_STATUS_INVALID_DEVICE_REQUEST;

	if (operation >= VSTOR_EXECUTE_SRB && operation <= VSTOR_RESET_BUS) {
		if (vsp->channels[0].state == STORVSP_READY) {
			if (operation == VSTOR_EXECUTE_SRB)
				storvsp_srb_execute(request, packet);
			else
				storvsp_reset(request);
			return;
		}
		status = VSTOR_STATUS_INVALID_DEVICE_STATE;
	} else if (operation < G_N_ELEMENTS(vstor_operations) && vstor_operations[operation]) {
		status = vstor_operations[operation](request);
	}
	vsp->stats.malformed +=
		status != VSTOR_STATUS_SUCCESS && status != VSTOR_STATUS_REVISION_MISMATCH;
	request->packet.status = (uint32_t)status;
	storvsp_answer(request);
}

/* ---- receiving ------------------------------------------------------------------------------- */

static uint32_t storvsp_packet_size(const struct storvsp *vsp)
{
	return vsp->version >= VSTOR_VERSION_5_1 ? VSTOR_PACKET_SIZE : VSTOR_PACKET_SIZE_OLD;
}

/* Before a version is agreed on an answer is as long as the question. */
static uint32_t storvsp_answer_size(const struct storvsp *vsp, const struct vmbus_packet *packet)
{
	if (vsp->version)
		return storvsp_packet_size(vsp);
	return packet->size >= VSTOR_PACKET_SIZE ? VSTOR_PACKET_SIZE : VSTOR_PACKET_SIZE_OLD;
}

static bool storvsp_receive_one(struct storvsp_channel *channel)
{
	struct storvsp *vsp = channel->vsp;
	struct storvsp_request *request;
	struct vmbus_packet packet;

	if (!vmbus_channel_receive(channel->vmbus, &packet))
		return false;
	if (packet.type == VMBUS_PACKET_COMPLETION) /* nothing of ours asks for one */
		return true;
	if ((packet.type != VMBUS_PACKET_DATA_INBAND &&
	     packet.type != VMBUS_PACKET_DATA_USING_GPA_DIRECT) ||
	    packet.size < storvsp_packet_size(vsp)) {
		vsp->stats.malformed++;
		vmbus_channel_fault(channel->vmbus, "storage packet of the wrong type or size");
		return false;
	}
	request = storvsp_request_take(channel);
	request->transaction_id = packet.transaction_id;
	request->packet_size = storvsp_answer_size(vsp, &packet);
	memset(&request->packet, 0, sizeof(request->packet));
	memcpy(&request->packet, packet.payload, MIN(packet.size, sizeof(request->packet)));
	storvsp_dispatch(request, &packet);
	return true;
}

/* While a reset waits for the disks nothing new is begun. */
static bool storvsp_can_receive(const struct storvsp *vsp)
{
	return storvsp_has_request(vsp) && !vsp->resets && !vsp->held;
}

static void storvsp_receive(struct storvsp_channel *channel)
{
	struct storvsp *vsp = channel->vsp;
	unsigned int n = 0;

	channel->stalled = false;
	while (storvsp_can_receive(vsp) && n++ < STORVSP_BATCH) {
		if (!storvsp_receive_one(channel))
			return;
	}
	channel->stalled = true;
	vsp->stats.stalls += !storvsp_can_receive(vsp);
}

/* ---- sending --------------------------------------------------------------------------------- */

static void storvsp_send_unsent(struct storvsp_channel *channel)
{
	while (channel->unsent) {
		struct storvsp_request *request = channel->unsent, *next = request->next;

		if (!request_send(request))
			return;
		channel->unsent = next;
	}
	channel->unsent_last = &channel->unsent;
}

static void storvsp_send_enumerate(struct storvsp *vsp)
{
	struct storvsp_channel *channel = &vsp->channels[0];
	struct vstor_packet packet = {.operation = VSTOR_ENUMERATE_BUS};
	const struct iovec payload = {&packet, storvsp_packet_size(vsp)};

	if (!vsp->enumerate || !channel->vmbus || channel->closing ||
	    channel->state != STORVSP_READY)
		return;
	if (vmbus_channel_send(channel->vmbus, VMBUS_PACKET_DATA_INBAND, 0, 0, &payload, 1)) {
		vsp->enumerate = false;
		channel->dirty = true;
	}
}

bool storvsp_has_driver(const struct storvsp *vsp)
{
	return vsp->channels[0].vmbus && vsp->channels[0].state == STORVSP_READY;
}

void storvsp_enumerate(struct storvsp *vsp)
{
	/* A driver that is yet to come looks by itself. */
	vsp->enumerate = storvsp_has_driver(vsp);
}

static void storvsp_resume(void *context)
{
	struct storvsp *vsp = context;

	vsp->resume_posted = false;
	for (unsigned int i = 0; i <= vsp->max_sub_channels; i++) {
		struct storvsp_channel *channel = &vsp->channels[i];

		if (channel->vmbus && channel->stalled)
			storvsp_receive(channel);
	}
	storvsp_end_batch(vsp);
}

static void storvsp_commit(struct storvsp *vsp)
{
	while (vsp->touched) {
		unsigned int lun = (unsigned int)__builtin_ctzll(vsp->touched);

		vsp->touched &= vsp->touched - 1;
		if (vsp->luns[lun].block)
			block_commit(vsp->luns[lun].block);
	}
}

void storvsp_end_batch(struct storvsp *vsp)
{
	bool stalled = false;

	storvsp_commit(vsp);
	storvsp_send_enumerate(vsp);
	for (unsigned int i = 0; i <= vsp->max_sub_channels; i++) {
		struct storvsp_channel *channel = &vsp->channels[i];

		if (!channel->vmbus || channel->closing)
			continue;
		stalled |= channel->stalled;
		if (channel->dirty)
			vmbus_channel_flush(channel->vmbus);
		channel->dirty = false;
	}
	/* Not from here: the thread's other devices have their turn first. */
	if (stalled && storvsp_can_receive(vsp) && !vsp->resume_posted) {
		vsp->resume_posted = true;
		io_thread_post(vsp->thread, storvsp_resume, vsp);
	}
}

/* ---- the device's operations ----------------------------------------------------------------- */

static struct storvsp_channel *storvsp_channel_of(struct storvsp *vsp,
						  const struct vmbus_channel *vmbus)
{
	return &vsp->channels[vmbus_channel_index(vmbus)];
}

static bool storvsp_opened(void *context, struct vmbus_channel *vmbus, uint16_t index,
			   const uint8_t user_data[120])
{
	struct storvsp *vsp = context;

	(void)user_data;
	if (index > vsp->max_sub_channels || vsp->channels[index].vmbus)
		return false;
	vsp->channels[index] = (struct storvsp_channel){.vsp = vsp, .vmbus = vmbus};
	vsp->channels[index].unsent_last = &vsp->channels[index].unsent;
	if (index == 0) {
		vsp->version = 0;
		vsp->enumerate = false;
	}
	return true;
}

static void storvsp_closed(void *context, struct vmbus_channel *vmbus)
{
	struct storvsp *vsp = context;
	struct storvsp_channel *channel = storvsp_channel_of(vsp, vmbus);
	struct storvsp_request *request;

	storvsp_channel_quiesce(channel);
	while ((request = channel->unsent)) {
		channel->unsent = request->next;
		request_give_back(vsp, request);
	}
	channel->vmbus = NULL;
	if (channel == &vsp->channels[0]) {
		channel->state = STORVSP_NEW;
		vsp->version = 0;
		for (unsigned int i = 0; i < STORVSP_LUNS; i++) {
			vsp->luns[i].unit.removal_prevented = false;
			vsp->luns[i].unmissed = vsp->luns[i].veiled =
				false; /* the next one looks */
		}
	}
	storvsp_end_batch(vsp);
}

static void storvsp_ready(void *context, struct vmbus_channel *vmbus)
{
	struct storvsp *vsp = context;
	struct storvsp_channel *channel = storvsp_channel_of(vsp, vmbus);

	vsp->held = false;
	storvsp_send_unsent(channel);
	storvsp_receive(channel);
	storvsp_end_batch(vsp);
}

const struct vmbus_device_ops storvsp_device_ops = {
	.opened = storvsp_opened,
	.closed = storvsp_closed,
	.ready = storvsp_ready,
	.hold = storvsp_hold,
	.save = storvsp_save,
	.restore = storvsp_restore,
};
