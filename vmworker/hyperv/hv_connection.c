/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connections: who gets the messages that a guest posts, and the events that it signals. */
#include <unistd.h>

#include "hv_private.h"

#define SIGNAL_SIZE 4u

static gpointer key(uint32_t connection_id)
{
	return GUINT_TO_POINTER(connection_id);
}

/* ---- messages -------------------------------------------------------------------------------- */

void hv_message_handle(struct hv *hv, uint32_t connection_id, hv_message_handler call,
		       void *context)
{
	if (!call) {
		g_hash_table_remove(hv->handlers, key(connection_id));
		return;
	}
	struct hv_handler *handler = g_new(struct hv_handler, 1);
	*handler = (struct hv_handler){call, context};
	g_hash_table_insert(hv->handlers, key(connection_id), handler);
}

hv_status hv_connection_post(struct hv_vp *vp, const struct hv_input_post_message *input)
{
	const struct hv_handler *handler =
		g_hash_table_lookup(vp->hv->handlers, key(input->connection_id));

	if (!handler)
		return HV_STATUS_INVALID_CONNECTION_ID;
	if (input->payload_size > sizeof(input->payload) ||
	    input->message_type == HV_MESSAGE_NONE ||
	    (input->message_type & HV_MESSAGE_HYPERVISOR) != 0)
		return HV_STATUS_INVALID_PARAMETER;
	return handler->call(handler->context, vp->index, input->message_type, input->payload,
			     input->payload_size);
}

/* ---- signals --------------------------------------------------------------------------------- */

/* The descriptor of a connection, -1 when none is bound. Locked. */
static int signal_fd(const struct hv *hv, uint32_t connection_id)
{
	gpointer fd;

	return g_hash_table_lookup_extended(hv->signals, key(connection_id), NULL, &fd)
		       ? GPOINTER_TO_INT(fd)
		       : -1;
}

hv_status hv_signal_bind(struct hv *hv, uint32_t connection_id, int fd)
{
	hv_status status = HV_STATUS_SUCCESS;

	pthread_mutex_lock(&hv->lock);
	if (signal_fd(hv, connection_id) >= 0)
		status = HV_STATUS_NO_RESOURCES;
	else if (hv->partition)
		status = partition_bind_port_eventfd(hv->partition, HV_PORT_SIGNAL, SIGNAL_SIZE,
						     connection_id, fd);
	if (status == HV_STATUS_SUCCESS)
		g_hash_table_insert(hv->signals, key(connection_id), GINT_TO_POINTER(fd));
	pthread_mutex_unlock(&hv->lock);
	return status;
}

void hv_signal_unbind(struct hv *hv, uint32_t connection_id)
{
	pthread_mutex_lock(&hv->lock);
	int fd = signal_fd(hv, connection_id);
	if (fd >= 0) {
		if (hv->partition)
			(void)partition_unbind_port_eventfd(hv->partition, HV_PORT_SIGNAL,
							    SIGNAL_SIZE, connection_id, fd);
		g_hash_table_remove(hv->signals, key(connection_id));
	}
	pthread_mutex_unlock(&hv->lock);
}

hv_status hv_connections_attach(struct hv *hv)
{
	hv_status status = HV_STATUS_SUCCESS;
	GHashTableIter iter;
	gpointer id, fd;

	g_hash_table_iter_init(&iter, hv->signals);
	while (status == HV_STATUS_SUCCESS && g_hash_table_iter_next(&iter, &id, &fd))
		status = partition_bind_port_eventfd(hv->partition, HV_PORT_SIGNAL, SIGNAL_SIZE,
						     GPOINTER_TO_UINT(id), GPOINTER_TO_INT(fd));
	return status;
}

/* Our connections have one flag each. */
hv_status hv_connection_signal(struct hv *hv, uint32_t connection_id, uint16_t flag)
{
	const uint64_t one = 1;

	pthread_mutex_lock(&hv->lock);
	int fd = signal_fd(hv, connection_id);
	/* Fails only when 2^64 - 2 signals wait, and then one is not missed. */
	if (fd >= 0 && flag == 0)
		(void)!write(fd, &one, sizeof(one));
	pthread_mutex_unlock(&hv->lock);
	if (fd < 0)
		return HV_STATUS_INVALID_CONNECTION_ID;
	if (flag != 0)
		return HV_STATUS_INVALID_PARAMETER;
	hv_count(hv, HV_COUNT_SIGNAL_EXIT);
	return HV_STATUS_SUCCESS;
}
