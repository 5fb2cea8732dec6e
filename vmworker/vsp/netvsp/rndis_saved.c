/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a guest has set of its adapter, in a saved state. */
#include <string.h>

#include "rndis_adapter.h"

#define RNDIS_SAVED_VERSION 1u

void rndis_adapter_save(const struct rndis_adapter *adapter, struct state_writer *writer)
{
	state_begin(writer, "netvsp.rndis", RNDIS_SAVED_VERSION);
	state_put_bool(writer, adapter->link_up);
	state_put_bool(writer, adapter->initialized);
	state_put_bytes(writer, adapter->mac, sizeof(adapter->mac));
	state_put_u32(writer, adapter->filter);
	state_put_u32(writer, adapter->n_multicast);
	state_put_bytes(writer, adapter->multicast,
			adapter->n_multicast * sizeof(*adapter->multicast));
	state_put_bool(writer, adapter->offloads.rx);
	/* The guest may have taken back what it needs for them. */
	state_put_bool(writer, adapter->offloads.large_receive && adapter->can_large_receive);
	rss_save(&adapter->rss, writer);
	state_end(writer);
}

static void rndis_restore_mac(struct rndis_adapter *adapter, struct state_reader *reader)
{
	uint8_t mac[6];

	state_get_bytes(reader, mac, sizeof(mac));
	if (!rndis_adapter_may_have(adapter, mac))
		state_fail(reader, "an address that the adapter may not have");
	memcpy(adapter->mac, mac, sizeof(mac));
}

void rndis_adapter_restore(struct rndis_adapter *adapter, struct state_reader *reader)
{
	rndis_adapter_reset(adapter);
	if (state_enter(reader, "netvsp.rndis", RNDIS_SAVED_VERSION) == 0)
		return;
	adapter->link_up = state_get_bool(reader);
	adapter->initialized = state_get_bool(reader);
	rndis_restore_mac(adapter, reader);
	adapter->filter = state_get_u32(reader);
	adapter->n_multicast = state_get_count(reader, RNDIS_MULTICAST_MAX);
	state_get_bytes(reader, adapter->multicast,
			adapter->n_multicast * sizeof(*adapter->multicast));
	adapter->offloads.rx = state_get_bool(reader);
	adapter->offloads.large_receive = state_get_bool(reader);
	if (adapter->offloads.large_receive && !adapter->can_large_receive)
		state_fail(reader, "large frames for a guest that did not ask for them");
	rss_restore(&adapter->rss, reader, adapter->n_channels);
	state_leave(reader);
	if (!state_ok(reader))
		rndis_adapter_reset(adapter);
}
