/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a guest posts, taken apart. Pure. */
#ifndef MESSAGE_H
#define MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "vmbus_wire.h"

enum message_result {
	MESSAGE_OK,
	MESSAGE_UNDEFINED, /* of a type that no guest sends, or none that we know */
	MESSAGE_MALFORMED, /* too short for its type, or too long for any message */
};

struct message {
	union {
		struct wire_header header;
		struct wire_relid relid; /* CLOSECHANNEL, RELID_RELEASED */
		struct wire_open open;
		struct wire_gpadl_header gpadl_header;
		struct wire_gpadl_body gpadl_body;
		struct wire_gpadl_teardown gpadl_teardown;
		struct wire_initiate_contact initiate_contact;
		struct wire_modify_channel modify_channel;
		struct wire_tl_connect tl_connect;
		uint8_t bytes[VMBUS_MESSAGE_SIZE_MAX];
	};
	/* GPADL_HEADER and GPADL_BODY: the range bytes, in this very message. */
	const uint8_t *ranges;
	size_t ranges_size;
};

/*
 * Copies the message, of any size. Its fixed part is there in full when the answer is OK; more
 * bytes than that are taken, as later versions of the protocol append fields.
 */
enum message_result message_parse(struct message *message, const void *data, size_t size);

/* Static, "OPENCHANNEL"; "?" for what is no type. */
const char *message_type_name(uint32_t type);

#endif
