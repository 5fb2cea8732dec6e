/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "frame_iov.h"
#include "netvsp_private.h"

typedef void (*netvsp_handler)(struct netvsp_channel *channel, const struct vmbus_packet *packet,
			       const struct nvsp_message *message);

/* Completions of control messages are as long as any message, see NVSP_MESSAGE_SIZE. */
static void netvsp_reply(struct netvsp_channel *channel, const struct vmbus_packet *packet,
			 const void *message, size_t size)
{
	struct netvsp *netvsp = channel->netvsp;
	uint8_t padded[NVSP_MESSAGE_SIZE] = {0};

	if (!(packet->flags & VMBUS_PACKET_WANTS_COMPLETION))
		return;
	if (netvsp_outbox_full(netvsp)) {
		netvsp_fault(channel, "more requests than answers taken");
		return;
	}
	memcpy(padded, message, size);
	netvsp_outbox_put(netvsp, VMBUS_PACKET_COMPLETION, packet->transaction_id, padded,
			  sizeof(padded));
}

void netvsp_control_agreed(struct netvsp *netvsp)
{
	const struct nvsp *nvsp = &netvsp->nvsp;

	netvsp->rndis.mtu = nvsp->version ? nvsp->mtu : NVSP_MTU_DEFAULT;
	netvsp->rndis.can_large_receive =
		nvsp->version >= NVSP_VERSION_61 && nvsp->capabilities & NVSP_CAPABILITY_RSC;
}

static void netvsp_init(struct netvsp_channel *channel, const struct vmbus_packet *packet,
			const struct nvsp_message *message)
{
	struct netvsp *netvsp = channel->netvsp;
	struct nvsp_init_complete complete = {.type = NVSP_INIT_COMPLETE, .max_mdl_chain = 34};

	complete.status = nvsp_negotiate(&netvsp->nvsp, &message->init);
	complete.version = netvsp->nvsp.version;
	netvsp_control_agreed(netvsp);
	netvsp_reply(channel, packet, &complete, sizeof(complete));
}

static void netvsp_ndis_version(struct netvsp_channel *channel, const struct vmbus_packet *packet,
				const struct nvsp_message *message)
{
	(void)packet;
	channel->netvsp->nvsp.ndis_major = message->ndis_version.major;
	channel->netvsp->nvsp.ndis_minor = message->ndis_version.minor;
}

static void netvsp_ndis_config(struct netvsp_channel *channel, const struct vmbus_packet *packet,
			       const struct nvsp_message *message)
{
	struct netvsp *netvsp = channel->netvsp;

	(void)packet;
	nvsp_configure(&netvsp->nvsp, &message->ndis_config);
	netvsp_control_agreed(netvsp);
}

bool netvsp_control_is_lent(const struct netvsp *netvsp, uint32_t gpadl,
			    const struct net_buffer *buffer)
{
	uint64_t size;
	uint32_t n;

	return vmbus_channel_gpadl(netvsp->channels[0].vmbus, gpadl, &n, &size) &&
	       size == buffer->size;
}

/* The pages are the guest's again, unless it lends them as its other buffer, too. */
static void netvsp_give_back(struct netvsp *netvsp, uint32_t gpadl)
{
	if ((netvsp->sections.n > 0 && netvsp->sections.gpadl == gpadl) ||
	    (netvsp->n_send_sections > 0 && netvsp->send_gpadl == gpadl))
		return;
	vmbus_channel_gpadl_release(netvsp->channels[0].vmbus, gpadl);
}

bool netvsp_control_lend_receive(struct netvsp *netvsp, uint32_t gpadl, uint16_t id,
				 uint32_t section)
{
	const struct iovec *pages;
	uint64_t size;
	uint32_t n;

	pages = vmbus_channel_gpadl(netvsp->channels[0].vmbus, gpadl, &n, &size);
	if (!pages)
		return false;
	netvsp_receive_set_buffer(netvsp, pages, n, section);
	netvsp->sections.gpadl = gpadl;
	netvsp->sections.id = id;
	if (netvsp->sections.n > 0)
		return true;
	netvsp_give_back(netvsp, gpadl);
	return false;
}

bool netvsp_control_lend_send(struct netvsp *netvsp, uint32_t gpadl)
{
	const struct iovec *pages;
	uint64_t size;
	uint32_t n;

	pages = vmbus_channel_gpadl(netvsp->channels[0].vmbus, gpadl, &n, &size);
	if (!pages)
		return false;
	if (size < NETVSP_SEND_SECTION) {
		netvsp_give_back(netvsp, gpadl);
		return false;
	}
	net_buffer_set(&netvsp->send_buffer, pages, n);
	netvsp->send_gpadl = gpadl;
	netvsp->n_send_sections =
		(uint32_t)MIN(netvsp->send_buffer.size / NETVSP_SEND_SECTION, UINT32_MAX - 1);
	return true;
}

static void netvsp_receive_buffer(struct netvsp_channel *channel, const struct vmbus_packet *packet,
				  const struct nvsp_message *message)
{
	struct netvsp *netvsp = channel->netvsp;
	struct netvsp_sections *sections = &netvsp->sections;
	struct nvsp_receive_buffer_complete complete = {.type = NVSP_SEND_RECEIVE_BUFFER_COMPLETE,
							.status = NVSP_STATUS_FAILURE};

	if (sections->n == 0 &&
	    netvsp_control_lend_receive(netvsp, message->buffer.gpadl, message->buffer.id, 0)) {
		complete.status = NVSP_STATUS_SUCCESS;
		complete.n_sections = 1;
		complete.piece_size = sections->size;
		complete.n_pieces = sections->n;
		complete.end = sections->size * sections->n;
	}
	netvsp_reply(channel, packet, &complete, sizeof(complete));
}

static void netvsp_revoke_receive(struct netvsp_channel *channel, const struct vmbus_packet *packet,
				  const struct nvsp_message *message)
{
	(void)packet;
	(void)message;
	netvsp_receive_clear(channel->netvsp);
	netvsp_give_back(channel->netvsp, channel->netvsp->sections.gpadl);
}

static void netvsp_send_buffer(struct netvsp_channel *channel, const struct vmbus_packet *packet,
			       const struct nvsp_message *message)
{
	struct netvsp *netvsp = channel->netvsp;
	struct nvsp_send_buffer_complete complete = {.type = NVSP_SEND_SEND_BUFFER_COMPLETE,
						     .status = NVSP_STATUS_FAILURE};

	if (netvsp->n_send_sections == 0 &&
	    netvsp_control_lend_send(netvsp, message->buffer.gpadl)) {
		complete.status = NVSP_STATUS_SUCCESS;
		complete.section_size = NETVSP_SEND_SECTION;
	}
	netvsp_reply(channel, packet, &complete, sizeof(complete));
}

/* A packet in work may lie in the buffer: it is over then, as the guest wants it to be. */
static void netvsp_revoke_send(struct netvsp_channel *channel, const struct vmbus_packet *packet,
			       const struct nvsp_message *message)
{
	struct netvsp *netvsp = channel->netvsp;

	(void)packet;
	(void)message;
	for (unsigned int i = 0; i < netvsp->n_channels; i++) {
		struct netvsp_channel *other = &netvsp->channels[i];

		if (other->busy)
			other->done = other->size;
		other->n_pieces = 0;
	}
	net_buffer_clear(&netvsp->send_buffer);
	netvsp->n_send_sections = 0;
	netvsp_give_back(netvsp, netvsp->send_gpadl);
}

/* There is never a VF, so the data path stays where it is; the guest waits for an answer. */
static void netvsp_switch_data_path(struct netvsp_channel *channel,
				    const struct vmbus_packet *packet,
				    const struct nvsp_message *message)
{
	(void)message;
	if (netvsp_outbox_full(channel->netvsp))
		netvsp_fault(channel, "more requests than answers taken");
	else if (packet->flags & VMBUS_PACKET_WANTS_COMPLETION)
		netvsp_outbox_put(channel->netvsp, VMBUS_PACKET_COMPLETION, packet->transaction_id,
				  "", 0);
}

static void netvsp_subchannel(struct netvsp_channel *channel, const struct vmbus_packet *packet,
			      const struct nvsp_message *message)
{
	struct netvsp *netvsp = channel->netvsp;
	struct nvsp_subchannel_complete complete = {.type = NVSP_SUBCHANNEL,
						    .status = NVSP_STATUS_FAILURE};
	uint32_t n = message->subchannel.n;
	uint32_t most = netvsp->n_channels - 1 - netvsp->sub_channels;

	if (message->subchannel.operation == NVSP_SUBCHANNEL_ALLOCATE) {
		complete.status = NVSP_STATUS_SUCCESS;
		complete.n =
			vmbus_device_offer_sub_channels(netvsp->device, (uint16_t)MIN(n, most));
		netvsp->sub_channels = (uint16_t)(netvsp->sub_channels + complete.n);
	}
	netvsp_reply(channel, packet, &complete, sizeof(complete));
}

static const struct {
	enum nvsp_type type;
	netvsp_handler handle;
} handlers[] = {
	{NVSP_INIT, netvsp_init},
	{NVSP_SEND_NDIS_VERSION, netvsp_ndis_version},
	{NVSP_SEND_NDIS_CONFIG, netvsp_ndis_config},
	{NVSP_SEND_RECEIVE_BUFFER, netvsp_receive_buffer},
	{NVSP_REVOKE_RECEIVE_BUFFER, netvsp_revoke_receive},
	{NVSP_SEND_SEND_BUFFER, netvsp_send_buffer},
	{NVSP_REVOKE_SEND_BUFFER, netvsp_revoke_send},
	{NVSP_SWITCH_DATA_PATH, netvsp_switch_data_path},
	{NVSP_SUBCHANNEL, netvsp_subchannel},
};

void netvsp_control(struct netvsp_channel *channel, const struct vmbus_packet *packet,
		    const struct nvsp_message *message)
{
	if (channel->index != 0) {
		netvsp_fault(channel, "an NVSP control message on a sub-channel");
		return;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(handlers); i++)
		if (handlers[i].type == message->type)
			handlers[i].handle(channel, packet, message);
}

static void netvsp_control_initialized(struct netvsp *netvsp)
{
	struct nvsp_vf_association association = {.type = NVSP_SEND_VF_ASSOCIATION};

	if (netvsp->nvsp.version >= NVSP_VERSION_4 &&
	    netvsp->nvsp.capabilities & NVSP_CAPABILITY_SRIOV)
		netvsp_outbox_put(netvsp, VMBUS_PACKET_DATA_INBAND, 0, &association,
				  sizeof(association));
}

void netvsp_control_rndis(struct netvsp_channel *channel)
{
	struct netvsp *netvsp = channel->netvsp;
	uint8_t message[RNDIS_CONTROL_MAX], answer[RNDIS_CONTROL_MAX];
	bool before = netvsp->rndis.initialized;
	struct rndis_header header;
	const char *wrong;
	size_t n;

	channel->done = channel->size;
	channel->status = NVSP_STATUS_INVALID_RNDIS_PACKET;
	n = frame_iov_read(channel->pieces, channel->n_pieces, 0, message, sizeof(message));
	memcpy(&header, message, sizeof(header));
	/* A guest that has not lent a receive buffer could not be answered. */
	if (channel->index != 0 || netvsp->sections.n == 0 || header.size > n) {
		netvsp->counters.send_invalid++;
		return;
	}
	if (netvsp_outbox_full(netvsp)) {
		channel->status = NVSP_STATUS_BUSY;
		return;
	}
	netvsp->rndis.sent = netvsp->counters.sent;
	netvsp->rndis.received = netvsp->counters.received;
	netvsp->rndis.send_errors = netvsp->counters.send_dropped + netvsp->counters.send_invalid;
	netvsp->rndis.no_buffer = netvsp->counters.receive_dropped;
	n = rndis_adapter_control(&netvsp->rndis, message, header.size, answer, &wrong);
	if (wrong) {
		netvsp->counters.send_invalid++;
		return;
	}
	channel->status = NVSP_STATUS_SUCCESS;
	if (n > 0)
		netvsp_outbox_put(netvsp, VMBUS_PACKET_DATA_USING_XFER_PAGES, 0, answer, n);
	if (netvsp->rndis.initialized && !before)
		netvsp_control_initialized(netvsp);
}

void netvsp_control_link(struct netvsp *netvsp)
{
	bool up = netvsp->link_wanted && netvsp->link_backend;
	uint8_t message[RNDIS_INDICATE_MAX];
	size_t n;

	if (up == netvsp->rndis.link_up)
		return;
	netvsp->rndis.link_up = up;
	if (!netvsp->rndis.initialized)
		return;
	n = rndis_build_indicate(up ? RNDIS_STATUS_MEDIA_CONNECT : RNDIS_STATUS_MEDIA_DISCONNECT,
				 NULL, message);
	netvsp_outbox_put(netvsp, VMBUS_PACKET_DATA_USING_XFER_PAGES, 0, message, n);
}

void netvsp_control_reset(struct netvsp *netvsp)
{
	netvsp_outbox_clear(netvsp);
	netvsp_receive_clear(netvsp);
	net_buffer_clear(&netvsp->send_buffer);
	netvsp->n_send_sections = 0;
	netvsp->sub_channels = 0;
	netvsp->spread = netvsp->moved = false;
	netvsp->nvsp = (struct nvsp){0};
	netvsp_control_agreed(netvsp);
	rndis_adapter_reset(&netvsp->rndis);
}
