/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "netvsp_private.h"

void netvsp_outbox_put(struct netvsp *netvsp, enum vmbus_packet_type type, uint64_t transaction,
		       const void *data, size_t size)
{
	struct netvsp_letter *letter;

	if (size > sizeof(letter->data) || netvsp_outbox_full(netvsp))
		return;
	letter = g_new0(struct netvsp_letter, 1);
	letter->type = type;
	letter->transaction = transaction;
	letter->size = size;
	memcpy(letter->data, data, size);
	g_queue_push_tail(&netvsp->outbox, letter);
}

static bool netvsp_outbox_send(struct netvsp_channel *primary, const struct netvsp_letter *letter)
{
	struct iovec iov = {(void *)letter->data, letter->size};

	if (letter->type == VMBUS_PACKET_DATA_USING_XFER_PAGES)
		return netvsp_receive_control(primary, letter->data, letter->size);
	return vmbus_channel_send(primary->vmbus, letter->type, 0, letter->transaction, &iov,
				  letter->size ? 1 : 0);
}

void netvsp_outbox_flush(struct netvsp *netvsp)
{
	struct netvsp_channel *primary = &netvsp->channels[0];
	struct netvsp_letter *letter;

	while (netvsp_channel_is_live(primary) && (letter = g_queue_peek_head(&netvsp->outbox))) {
		if (!netvsp_outbox_send(primary, letter))
			return;
		primary->dirty = true;
		g_free(g_queue_pop_head(&netvsp->outbox));
	}
}

void netvsp_outbox_clear(struct netvsp *netvsp)
{
	g_queue_clear_full(&netvsp->outbox, g_free);
}

bool netvsp_outbox_full(struct netvsp *netvsp)
{
	return netvsp->outbox.length >= NETVSP_OUTBOX_MAX;
}
