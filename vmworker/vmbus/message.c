/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "message.h"

#include <string.h>

/* size: bytes of the fixed part; 0 for what only the host sends. */
static const struct {
	const char *name;
	size_t size;
} message_types[VMBUS_MESSAGE_TYPES] = {
	[VMBUS_OFFERCHANNEL] = {"OFFERCHANNEL", 0},
	[VMBUS_RESCIND] = {"RESCIND", 0},
	[VMBUS_REQUESTOFFERS] = {"REQUESTOFFERS", sizeof(struct wire_header)},
	[VMBUS_ALLOFFERS_DELIVERED] = {"ALLOFFERS_DELIVERED", 0},
	[VMBUS_OPENCHANNEL] = {"OPENCHANNEL", sizeof(struct wire_open)},
	[VMBUS_OPENCHANNEL_RESULT] = {"OPENCHANNEL_RESULT", 0},
	[VMBUS_CLOSECHANNEL] = {"CLOSECHANNEL", sizeof(struct wire_relid)},
	[VMBUS_GPADL_HEADER] = {"GPADL_HEADER", sizeof(struct wire_gpadl_header)},
	[VMBUS_GPADL_BODY] = {"GPADL_BODY", sizeof(struct wire_gpadl_body)},
	[VMBUS_GPADL_CREATED] = {"GPADL_CREATED", 0},
	[VMBUS_GPADL_TEARDOWN] = {"GPADL_TEARDOWN", sizeof(struct wire_gpadl_teardown)},
	[VMBUS_GPADL_TORNDOWN] = {"GPADL_TORNDOWN", 0},
	[VMBUS_RELID_RELEASED] = {"RELID_RELEASED", sizeof(struct wire_relid)},
	[VMBUS_INITIATE_CONTACT] = {"INITIATE_CONTACT", sizeof(struct wire_initiate_contact)},
	[VMBUS_VERSION_RESPONSE] = {"VERSION_RESPONSE", 0},
	[VMBUS_UNLOAD] = {"UNLOAD", sizeof(struct wire_header)},
	[VMBUS_UNLOAD_RESPONSE] = {"UNLOAD_RESPONSE", 0},
	[VMBUS_TL_CONNECT_REQUEST] = {"TL_CONNECT_REQUEST", sizeof(struct wire_tl_connect)},
	[VMBUS_MODIFYCHANNEL] = {"MODIFYCHANNEL", sizeof(struct wire_modify_channel)},
	[VMBUS_TL_CONNECT_RESULT] = {"TL_CONNECT_RESULT", 0},
	[VMBUS_MODIFYCHANNEL_RESPONSE] = {"MODIFYCHANNEL_RESPONSE", 0},
};

const char *message_type_name(uint32_t type)
{
	return type < VMBUS_MESSAGE_TYPES && message_types[type].name ? message_types[type].name
								      : "?";
}

enum message_result message_parse(struct message *message, const void *data, size_t size)
{
	size_t fixed;

	memset(message, 0, sizeof(*message));
	if (size < sizeof(message->header) || size > sizeof(message->bytes))
		return MESSAGE_MALFORMED;
	memcpy(message->bytes, data, size);
	if (message->header.type >= VMBUS_MESSAGE_TYPES)
		return MESSAGE_UNDEFINED;
	fixed = message_types[message->header.type].size;
	if (fixed == 0)
		return MESSAGE_UNDEFINED;
	if (size < fixed)
		return MESSAGE_MALFORMED;
	message->ranges = message->bytes + fixed;
	message->ranges_size = size - fixed;
	return MESSAGE_OK;
}
