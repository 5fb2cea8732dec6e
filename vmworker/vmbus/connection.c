/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The messages of a guest and what they do, on the control thread. A request whose answer a guest
 * waits for is answered whatever is wrong with it; what makes no sense is counted.
 */
#include <string.h>

#include "vmbus_private.h"

static const uint32_t versions[] = {VMBUS_VERSION_2_4, VMBUS_VERSION_3_0, VMBUS_VERSION_4_0,
				    VMBUS_VERSION_4_1, VMBUS_VERSION_5_0, VMBUS_VERSION_5_1,
				    VMBUS_VERSION_5_2, VMBUS_VERSION_5_3};

static void connection_complain(struct vmbus *bus, const char *what, uint32_t number)
{
	bus_complain(bus, &bus->malformed, "%s (%u)", what, number);
}

void connection_end(struct vmbus *bus)
{
	for (guint i = 0; i < bus->devices->len; i++)
		device_forget(bus->devices->pdata[i]);
	memset(bus->ghost, 0, sizeof(bus->ghost));
	gpadl_table_remove_of(bus->gpadls, 0);
	bus_forget_outgoing(bus);
	bus->slot_busy = false; /* who starts over may never free it; trying tells */
	bus->offers_requested = false;
	atomic_store(&bus->version, 0);
}

/* ---- contact -------------------------------------------------------------------------------- */

bool connection_version_is_known(uint32_t version)
{
	bool known = false;

	for (size_t i = 0; i < G_N_ELEMENTS(versions); i++)
		known = known || versions[i] == version;
	return known;
}

static bool contact_acceptable(const struct vmbus *bus, const struct wire_initiate_contact *m)
{
	if (!connection_version_is_known(m->version) || m->target_vp >= bus->config.vp_count)
		return false;
	/* Before 5.0 these bytes are an address that nobody needs. */
	return m->version < VMBUS_VERSION_5_0 || (m->v5.sint == VMBUS_SINT && m->v5.vtl == 0);
}

/* A guest that was not unloaded properly (kexec) starts over with this. */
static void on_initiate_contact(struct vmbus *bus, const struct message *message)
{
	const struct wire_initiate_contact *m = &message->initiate_contact;
	struct wire_version_response response = {.header.type = VMBUS_VERSION_RESPONSE};

	connection_end(bus);
	bus->message_vp = m->target_vp < bus->config.vp_count ? m->target_vp : 0;
	if (contact_acceptable(bus, m)) {
		atomic_store(&bus->version, m->version);
		response.supported = 1;
		response.connection_id = m->version >= VMBUS_VERSION_5_0
						 ? VMBUS_MESSAGE_CONNECTION
						 : VMBUS_MESSAGE_CONNECTION_OLD;
	}
	bus_send(bus, &response, sizeof(response));
}

static void on_unload(struct vmbus *bus, const struct message *message G_GNUC_UNUSED)
{
	struct wire_header response = {.type = VMBUS_UNLOAD_RESPONSE};

	connection_end(bus);
	bus_send(bus, &response, sizeof(response));
}

static void on_request_offers(struct vmbus *bus, const struct message *message G_GNUC_UNUSED)
{
	struct wire_header all = {.type = VMBUS_ALLOFFERS_DELIVERED};

	bus->offers_requested = true;
	for (guint i = 0; i < bus->devices->len; i++) {
		struct vmbus_device *device = bus->devices->pdata[i];

		if (device->slots[0].state == SLOT_IDLE)
			device_offer_slot(device, 0);
	}
	bus_send(bus, &all, sizeof(all));
}

/* ---- GPADLs --------------------------------------------------------------------------------- */

static void gpadl_answer(struct vmbus *bus, uint32_t relid, uint32_t gpadl,
			 enum gpadl_result result)
{
	struct wire_gpadl_created response = {.header.type = VMBUS_GPADL_CREATED,
					      .relid = relid,
					      .gpadl = gpadl,
					      .status = VMBUS_STATUS_SUCCESS};

	if (result == GPADL_MORE)
		return;
	if (result == GPADL_REFUSED) {
		response.status = VMBUS_STATUS_FAILURE;
		connection_complain(bus, "the guest named memory that it cannot have", gpadl);
	}
	bus_send(bus, &response, sizeof(response));
}

static void on_gpadl_header(struct vmbus *bus, const struct message *message)
{
	const struct wire_gpadl_header *m = &message->gpadl_header;
	const struct slot *slot = device_slot(bus, m->relid, NULL, NULL);
	enum gpadl_result result = GPADL_REFUSED;

	if (slot && (slot->state == SLOT_OFFERED || slot->state == SLOT_OPEN))
		result = gpadl_table_begin(bus->gpadls, m->gpadl, m->relid, m->range_bytes,
					   m->range_count, message->ranges, message->ranges_size);
	gpadl_answer(bus, m->relid, m->gpadl, result);
}

static void on_gpadl_body(struct vmbus *bus, const struct message *message)
{
	const struct wire_gpadl_body *m = &message->gpadl_body;
	uint32_t relid;
	enum gpadl_result result = gpadl_table_continue(bus->gpadls, m->gpadl, message->ranges,
							message->ranges_size, &relid);

	if (result == GPADL_UNKNOWN)
		connection_complain(bus, "the guest went on with a GPADL that it did not begin",
				    m->gpadl);
	else
		gpadl_answer(bus, relid, m->gpadl, result);
}

static void gpadl_answer_torndown(struct vmbus *bus, uint32_t gpadl)
{
	struct wire_gpadl_torndown response = {.header.type = VMBUS_GPADL_TORNDOWN, .gpadl = gpadl};

	bus_send(bus, &response, sizeof(response));
}

/* The answer gives the guest its pages back. While a channel has its rings in them, or a VSP uses
 * them, it has to wait, and nobody waits for it here: connection_answer_torn sends it. */
static void on_gpadl_teardown(struct vmbus *bus, const struct message *message)
{
	uint32_t gpadl = message->gpadl_teardown.gpadl;

	switch (gpadl_table_tear(bus->gpadls, gpadl)) {
	case GPADL_IN_USE:
		return;
	case GPADL_TORN_TWICE:
		connection_complain(bus, "the guest tore down a GPADL twice", gpadl);
		return;
	case GPADL_NONE:
		connection_complain(bus, "the guest tore down a GPADL that is none", gpadl);
		break;
	case GPADL_TORN:
		break;
	}
	gpadl_answer_torndown(bus, gpadl);
}

void connection_answer_torn(struct vmbus *bus)
{
	uint32_t gpadl;

	while (gpadl_table_next_torn(bus->gpadls, &gpadl))
		gpadl_answer_torndown(bus, gpadl);
}

/* ---- channels ------------------------------------------------------------------------------- */

struct open_call {
	struct channel_opening opening;
	struct vmbus_channel *channel;
};

static void open_on_device_thread(void *context)
{
	struct open_call *call = context;

	call->channel = channel_open(&call->opening);
}

static bool slot_open(struct vmbus *bus, const struct wire_open *m)
{
	struct open_call call = {0};
	struct vmbus_device *device;
	uint16_t index;
	struct slot *slot = device_slot(bus, m->relid, &device, &index);

	if (!slot || slot->state != SLOT_OFFERED || m->target_vp >= bus->config.vp_count)
		return false;
	if (index != 0 && device->slots[0].state != SLOT_OPEN)
		return false;
	call.opening = (struct channel_opening){.device = device,
						.index = index,
						.fd = slot->fd,
						.target_vp = m->target_vp,
						.to_guest_page = m->to_guest_page};
	memcpy(call.opening.user_data, m->user_data, sizeof(m->user_data));
	call.opening.ring = gpadl_table_find(bus->gpadls, m->ring_gpadl, m->relid, 1);
	if (!call.opening.ring)
		return false;
	io_thread_call(device->config.thread, open_on_device_thread, &call);
	if (!call.channel)
		return false;
	slot->channel = call.channel;
	slot->state = SLOT_OPEN;
	return true;
}

static void on_open_channel(struct vmbus *bus, const struct message *message)
{
	const struct wire_open *m = &message->open;
	struct wire_open_result response = {.header.type = VMBUS_OPENCHANNEL_RESULT,
					    .relid = m->relid,
					    .open_id = m->open_id,
					    .status = VMBUS_STATUS_SUCCESS};

	if (!slot_open(bus, m)) {
		response.status = VMBUS_STATUS_FAILURE;
		connection_complain(bus, "a channel could not be opened as the guest asked",
				    m->relid);
	}
	bus_send(bus, &response, sizeof(response));
}

static void on_close_channel(struct vmbus *bus, const struct message *message)
{
	uint32_t relid = message->relid.relid;
	struct vmbus_device *device;
	uint16_t index;
	const struct slot *slot = device_slot(bus, relid, &device, &index);

	if (slot && slot->state == SLOT_OPEN)
		device_close_slot(device, index);
	else if (!(slot && slot->state == SLOT_RESCINDED) &&
		 !(relid < VMBUS_RELIDS && bus->ghost[relid])) /* its close crossed our rescind */
		connection_complain(bus, "the guest closed a channel that is not open", relid);
}

static void on_relid_released(struct vmbus *bus, const struct message *message)
{
	uint32_t relid = message->relid.relid;
	struct vmbus_device *device;
	uint16_t index;
	const struct slot *slot = device_slot(bus, relid, &device, &index);

	if (relid < VMBUS_RELIDS && bus->ghost[relid]) {
		gpadl_table_remove_of(bus->gpadls, relid);
		bus->ghost[relid] = false;
	} else if (slot && slot->state == SLOT_RESCINDED) {
		gpadl_table_remove_of(bus->gpadls, relid);
		device_release_slot(device, index);
	} else {
		connection_complain(bus, "the guest released what was not taken back", relid);
	}
}

struct modify_call {
	struct vmbus_channel *channel;
	uint32_t vp;
};

static void modify_on_device_thread(void *context)
{
	const struct modify_call *call = context;

	channel_set_target_vp(call->channel, call->vp);
}

/* Once the answer (5.3) is there, the old VP gets no interrupt of the channel any more. */
static void on_modify_channel(struct vmbus *bus, const struct message *message)
{
	const struct wire_modify_channel *m = &message->modify_channel;
	struct wire_modify_channel_response response = {.header.type = VMBUS_MODIFYCHANNEL_RESPONSE,
							.relid = m->relid,
							.status = VMBUS_STATUS_FAILURE};
	struct vmbus_device *device;
	const struct slot *slot = device_slot(bus, m->relid, &device, NULL);

	if (slot && slot->state == SLOT_OPEN && m->target_vp < bus->config.vp_count) {
		struct modify_call call = {slot->channel, m->target_vp};

		io_thread_call(device->config.thread, modify_on_device_thread, &call);
		response.status = VMBUS_STATUS_SUCCESS;
	} else {
		connection_complain(bus, "a channel cannot be moved as the guest asked", m->relid);
	}
	if (atomic_load(&bus->version) >= VMBUS_VERSION_5_3)
		bus_send(bus, &response, sizeof(response));
}

void connection_tl_refuse(struct vmbus *bus, const struct vmbus_guid *endpoint,
			  const struct vmbus_guid *service)
{
	const struct wire_tl_connect_result response = {.header.type = VMBUS_TL_CONNECT_RESULT,
							.endpoint_id = *endpoint,
							.service_id = *service,
							.status = VMBUS_STATUS_FAILURE};

	bus_send(bus, &response, sizeof(response));
}

static void on_tl_connect(struct vmbus *bus, const struct message *message)
{
	const struct wire_tl_connect *m = &message->tl_connect;

	if (!bus->config.tl_connect ||
	    !bus->config.tl_connect(bus->config.context, &m->endpoint_id, &m->service_id))
		connection_tl_refuse(bus, &m->endpoint_id, &m->service_id);
}

/* ---- dispatch ------------------------------------------------------------------------------- */

static void (*const handlers[VMBUS_MESSAGE_TYPES])(struct vmbus *, const struct message *) = {
	[VMBUS_REQUESTOFFERS] = on_request_offers,
	[VMBUS_OPENCHANNEL] = on_open_channel,
	[VMBUS_CLOSECHANNEL] = on_close_channel,
	[VMBUS_GPADL_HEADER] = on_gpadl_header,
	[VMBUS_GPADL_BODY] = on_gpadl_body,
	[VMBUS_GPADL_TEARDOWN] = on_gpadl_teardown,
	[VMBUS_RELID_RELEASED] = on_relid_released,
	[VMBUS_INITIATE_CONTACT] = on_initiate_contact,
	[VMBUS_UNLOAD] = on_unload,
	[VMBUS_TL_CONNECT_REQUEST] = on_tl_connect,
	[VMBUS_MODIFYCHANNEL] = on_modify_channel,
};

void connection_receive(struct vmbus *bus, const void *data, size_t size)
{
	struct message message;
	uint32_t type;

	switch (message_parse(&message, data, size)) {
	case MESSAGE_UNDEFINED:
		bus_complain(bus, &bus->undefined, "the guest sent a message of type %u",
			     message.header.type);
		return;
	case MESSAGE_MALFORMED:
		bus_complain(bus, &bus->malformed, "the guest sent %zu bytes as a message", size);
		return;
	case MESSAGE_OK:
		break;
	}
	type = message.header.type;
	if (atomic_load(&bus->version) == 0 && type != VMBUS_INITIATE_CONTACT &&
	    type != VMBUS_UNLOAD) {
		bus_complain(bus, &bus->malformed, "the guest sent %s before any contact",
			     message_type_name(type));
		return;
	}
	handlers[type](bus, &message);
}
