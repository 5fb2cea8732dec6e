/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages (TLFS, section 11.7). A SINT has one slot in the guest's page: we fill it when its type
 * is NONE, type last; the guest sets it back to NONE when it has read it, and writes EOM if the
 * pending flag was set. What does not find its slot free waits in a bounded queue.
 *
 * Nobody but the holder of the VP's lock fills a slot. The flag is set before the type is looked at
 * a second time: either the guest sees the flag after it freed the slot, or we see the slot free.
 */
#include "hv_private.h"
#include "state.h"

static bool slot_fill(struct hv_vp *vp, uint32_t sint, const struct hv_message_slot *message)
{
	struct hv_message_slot *page = hv_synic_page(vp, vp->simp);

	if (!page || vp->paused)
		return false;
	struct hv_message_slot *slot = &page[sint];
	if (__atomic_load_n(&slot->type, __ATOMIC_ACQUIRE) != HV_MESSAGE_NONE) {
		__atomic_fetch_or(&slot->flags, HV_MESSAGE_PENDING, __ATOMIC_SEQ_CST);
		if (__atomic_load_n(&slot->type, __ATOMIC_SEQ_CST) != HV_MESSAGE_NONE)
			return false;
	}
	slot->payload_size = message->payload_size;
	/* The guest may be looking at it still, for the message before. */
	__atomic_store_n(&slot->flags, 0, __ATOMIC_RELAXED);
	slot->reserved = 0;
	slot->origin = message->origin;
	memcpy(slot->payload, message->payload, message->payload_size);
	__atomic_store_n(&slot->type, message->type, __ATOMIC_SEQ_CST);
	hv_count(vp->hv, HV_COUNT_MESSAGE_DELIVERED);
	hv_synic_interrupt_sint(vp, sint);
	return true;
}

static struct hv_message_slot *queue_at(const struct hv_queue *queue, uint32_t n)
{
	return &queue->messages[(queue->first + n) % HV_QUEUE_LENGTH];
}

/* There is room. */
static void queue_add(struct hv_queue *queue, const struct hv_message_slot *message)
{
	if (!queue->messages)
		queue->messages = g_new(struct hv_message_slot, HV_QUEUE_LENGTH);
	*queue_at(queue, queue->n++) = *message;
}

static void queue_drop(struct hv_queue *queue)
{
	queue->first = (queue->first + 1) % HV_QUEUE_LENGTH;
	queue->n--;
}

/* As long as the guest keeps up, which is once, except where its page is no page. What comes after
 * the last one that was delivered marks the slot. */
void hv_message_deliver(struct hv_vp *vp, uint32_t sint)
{
	struct hv_queue *queue = &vp->queue[sint];
	struct hv_message_slot message;
	unsigned int timer;

	for (unsigned int i = 0; i < HV_STIMERS; i++) {
		if (!hv_stimer_peek(vp, sint, &message, &timer))
			break;
		if (!slot_fill(vp, sint, &message))
			return;
		hv_stimer_delivered(vp, timer);
	}
	while (queue->n > 0 && slot_fill(vp, sint, queue_at(queue, 0)))
		queue_drop(queue);
}

/* Whether a queue that refused has room again: true once. */
static bool message_take_room(struct hv_vp *vp, uint32_t sint)
{
	struct hv_queue *queue = &vp->queue[sint];

	if (!queue->refused || queue->n == HV_QUEUE_LENGTH)
		return false;
	queue->refused = false;
	return true;
}

uint32_t hv_message_deliver_all(struct hv_vp *vp)
{
	uint32_t rooms = 0; /* a bit for each SINT */

	for (uint32_t sint = 0; sint < HV_SINTS; sint++) {
		hv_message_deliver(vp, sint);
		rooms |= (uint32_t)message_take_room(vp, sint) << sint;
	}
	return rooms;
}

void hv_message_tell_rooms(struct hv_vp *vp, uint32_t rooms)
{
	for (uint32_t sint = 0; rooms != 0; sint++, rooms >>= 1) {
		const struct hv_room *room = &vp->hv->room[sint];

		if ((rooms & 1) != 0 && room->call)
			room->call(room->context, vp->index);
	}
}

/* Locked. */
static enum hv_post message_post(struct hv_vp *vp, uint32_t sint,
				 const struct hv_message_slot *message)
{
	struct hv_queue *queue = &vp->queue[sint];

	if (!vp->partition)
		return HV_POST_REFUSED;
	hv_message_deliver(vp, sint);
	if (queue->n == 0 && slot_fill(vp, sint, message))
		return HV_POST_DELIVERED;
	if (queue->n == HV_QUEUE_LENGTH) {
		queue->refused = true;
		return HV_POST_REFUSED;
	}
	queue_add(queue, message);
	return HV_POST_QUEUED;
}

enum hv_post hv_message_post(struct hv *hv, uint32_t index, uint32_t sint,
			     const struct hv_message *message)
{
	static const enum hv_counter counters[] = {
		/* slot_fill counts what it delivers */
		[HV_POST_QUEUED] = HV_COUNT_MESSAGE_QUEUED,
		[HV_POST_REFUSED] = HV_COUNT_MESSAGE_REFUSED,
	};
	struct hv_vp *vp = &hv->vps[index];
	struct hv_message_slot slot = {
		.type = message->type,
		.payload_size = (uint8_t)message->size,
		.origin = message->origin,
	};

	if (message->size > 0)
		memcpy(slot.payload, message->payload, message->size);
	pthread_mutex_lock(&vp->lock);
	enum hv_post result = message_post(vp, sint, &slot);
	pthread_mutex_unlock(&vp->lock);
	if (result != HV_POST_DELIVERED)
		hv_count(hv, counters[result]);
	return result;
}

void hv_message_on_room(struct hv *hv, uint32_t sint, void (*room)(void *context, uint32_t vp),
			void *context)
{
	hv->room[sint] = (struct hv_room){room, context};
}

void hv_message_reset(struct hv_vp *vp)
{
	for (size_t i = 0; i < HV_SINTS; i++) {
		g_free(vp->queue[i].messages);
		vp->queue[i] = (struct hv_queue){0};
	}
}

/* ---- saved state ----------------------------------------------------------------------------- */

void hv_message_save(const struct hv_vp *vp, struct state_writer *writer)
{
	for (size_t i = 0; i < HV_SINTS; i++) {
		const struct hv_queue *queue = &vp->queue[i];

		state_put_bool(writer, queue->refused);
		state_put_u32(writer, queue->n);
		for (uint32_t n = 0; n < queue->n; n++) {
			const struct hv_message_slot *message = queue_at(queue, n);

			state_put_u32(writer, message->type);
			state_put_u64(writer, message->origin);
			state_put_u32(writer, message->payload_size);
			state_put_bytes(writer, message->payload, message->payload_size);
		}
	}
}

static void queue_restore(struct hv_queue *queue, struct state_reader *reader)
{
	queue->refused = state_get_bool(reader);
	for (uint32_t n = state_get_count(reader, HV_QUEUE_LENGTH); n > 0 && state_ok(reader);
	     n--) {
		struct hv_message_slot message = {.type = state_get_u32(reader)};

		message.origin = state_get_u64(reader);
		message.payload_size = (uint8_t)state_get_count(reader, HV_MESSAGE_PAYLOAD);
		state_get_bytes(reader, message.payload, message.payload_size);
		if (message.type == HV_MESSAGE_NONE)
			state_fail(reader, "a message of no type");
		queue_add(queue, &message);
	}
}

void hv_message_restore(struct hv_vp *vp, struct state_reader *reader)
{
	hv_message_reset(vp);
	for (size_t i = 0; i < HV_SINTS; i++)
		queue_restore(&vp->queue[i], reader);
}
