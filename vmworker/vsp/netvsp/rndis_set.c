/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* OIDs that a guest may set. */
#include <string.h>

#include "rndis_adapter.h"

static uint32_t rndis_set_filter(struct rndis_adapter *adapter, const uint8_t *value, size_t size)
{
	uint32_t filter;

	if (size < sizeof(filter))
		return RNDIS_STATUS_INVALID_LENGTH;
	memcpy(&filter, value, sizeof(filter));
	adapter->filter = filter;
	return RNDIS_STATUS_SUCCESS;
}

static uint32_t rndis_set_multicast(struct rndis_adapter *adapter, const uint8_t *value,
				    size_t size)
{
	if (size % 6 != 0 || size > sizeof(adapter->multicast))
		return RNDIS_STATUS_INVALID_LENGTH;
	memcpy(adapter->multicast, value, size);
	adapter->n_multicast = (uint32_t)(size / 6);
	return RNDIS_STATUS_SUCCESS;
}

static uint32_t rndis_set_ignored(struct rndis_adapter *adapter, const uint8_t *value, size_t size)
{
	(void)adapter;
	(void)value;
	return size >= 4 ? RNDIS_STATUS_SUCCESS : RNDIS_STATUS_INVALID_LENGTH;
}

static uint32_t rndis_set_rss(struct rndis_adapter *adapter, const uint8_t *value, size_t size)
{
	if (adapter->n_channels < 2)
		return RNDIS_STATUS_NOT_SUPPORTED;
	return rss_configure(&adapter->rss, value, size, adapter->n_channels);
}

static void rndis_set_switch(uint8_t value, bool *on)
{
	if (value != NDIS_PARAMETER_UNCHANGED)
		*on = value == NDIS_PARAMETER_ENABLED;
}

/* Checksums of sends and large sends need no switch: each packet names what it wants. */
static uint32_t rndis_set_offload(struct rndis_adapter *adapter, const uint8_t *value, size_t size)
{
	struct ndis_offload_parameters parameters = {0};
	bool rsc4 = adapter->offloads.large_receive, rsc6 = adapter->offloads.large_receive;

	if (size < NDIS_OFFLOAD_PARAMETERS_SIZE_60)
		return RNDIS_STATUS_INVALID_LENGTH;
	memcpy(&parameters, value, size < sizeof(parameters) ? size : sizeof(parameters));
	if (parameters.header.type != NDIS_OBJECT_DEFAULT)
		return RNDIS_STATUS_INVALID_DATA;
	if (parameters.tcp4 > NDIS_CHECKSUM_TX_RX || parameters.tcp6 > NDIS_CHECKSUM_TX_RX ||
	    parameters.rsc4 > NDIS_PARAMETER_ENABLED || parameters.rsc6 > NDIS_PARAMETER_ENABLED)
		return RNDIS_STATUS_INVALID_DATA;
	if (parameters.tcp4 != NDIS_PARAMETER_UNCHANGED)
		adapter->offloads.rx = parameters.tcp4 >= NDIS_CHECKSUM_RX;
	rndis_set_switch(parameters.rsc4, &rsc4);
	rndis_set_switch(parameters.rsc6, &rsc6);
	adapter->offloads.large_receive = adapter->can_large_receive && rsc4 && rsc6;
	return RNDIS_STATUS_SUCCESS;
}

/* UTF-16 text that must be ASCII. */
static bool rndis_text(const uint8_t *value, size_t size, uint32_t offset, uint32_t bytes,
		       char *text, size_t length)
{
	if (bytes != 2 * length || offset > size || bytes > size - offset)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (value[offset + 2 * i + 1] != 0)
			return false;
		text[i] = (char)value[offset + 2 * i];
	}
	return true;
}

static int rndis_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

static bool rndis_is_unicast(const uint8_t mac[6])
{
	return !(mac[0] & 1) && memcmp(mac, "\0\0\0\0\0", 6) != 0;
}

bool rndis_adapter_may_have(const struct rndis_adapter *adapter, const uint8_t mac[6])
{
	return rndis_is_unicast(mac) &&
	       (!adapter->fixed_mac || memcmp(mac, adapter->permanent_mac, 6) == 0);
}

/* The only parameter there is: NetworkAddress, twelve hexadecimal digits. */
static uint32_t rndis_set_config(struct rndis_adapter *adapter, const uint8_t *value, size_t size)
{
	static const char wanted[] = "NetworkAddress";
	struct rndis_config_parameter parameter;
	char name[sizeof(wanted) - 1], digits[12];
	uint8_t mac[6];

	if (size < sizeof(parameter))
		return RNDIS_STATUS_INVALID_LENGTH;
	memcpy(&parameter, value, sizeof(parameter));
	if (!rndis_text(value, size, parameter.name_offset, parameter.name_size, name,
			sizeof(name)) ||
	    memcmp(name, wanted, sizeof(name)) != 0)
		return RNDIS_STATUS_NOT_SUPPORTED;
	if (parameter.type != RNDIS_CONFIG_STRING ||
	    !rndis_text(value, size, parameter.value_offset, parameter.value_size, digits,
			sizeof(digits)))
		return RNDIS_STATUS_INVALID_DATA;
	for (size_t i = 0; i < 6; i++) {
		int high = rndis_digit(digits[2 * i]), low = rndis_digit(digits[2 * i + 1]);

		if (high < 0 || low < 0)
			return RNDIS_STATUS_INVALID_DATA;
		mac[i] = (uint8_t)(high << 4 | low);
	}
	if (!rndis_is_unicast(mac))
		return RNDIS_STATUS_INVALID_DATA;
	if (!rndis_adapter_may_have(adapter, mac))
		return RNDIS_STATUS_FAILURE;
	memcpy(adapter->mac, mac, 6);
	return RNDIS_STATUS_SUCCESS;
}

static const struct {
	uint32_t oid;
	uint32_t (*set)(struct rndis_adapter *adapter, const uint8_t *value, size_t size);
} sets[] = {
	{OID_GEN_CURRENT_PACKET_FILTER, rndis_set_filter},
	{OID_GEN_CURRENT_LOOKAHEAD, rndis_set_ignored},
	{OID_802_3_MULTICAST_LIST, rndis_set_multicast},
	{OID_GEN_RECEIVE_SCALE_PARAMETERS, rndis_set_rss},
	{OID_TCP_OFFLOAD_PARAMETERS, rndis_set_offload},
	{OID_GEN_RNDIS_CONFIG_PARAMETER, rndis_set_config},
};

uint32_t rndis_adapter_set(struct rndis_adapter *adapter, uint32_t oid, const uint8_t *value,
			   size_t size)
{
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		if (sets[i].oid == oid)
			return sets[i].set(adapter, value, size);
	return RNDIS_STATUS_NOT_SUPPORTED;
}
