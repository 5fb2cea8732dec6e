/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nvsp.h"

#include <string.h>

static const uint32_t versions[] = {NVSP_VERSION_61, NVSP_VERSION_6, NVSP_VERSION_5,
				    NVSP_VERSION_4,  NVSP_VERSION_2, NVSP_VERSION_1};

/* What a guest may send: since which version, and its least size. */
static const struct nvsp_rule {
	uint32_t type, since, size;
} rules[] = {
	{NVSP_INIT, 0, sizeof(struct nvsp_init)},
	{NVSP_SEND_NDIS_VERSION, NVSP_VERSION_1, sizeof(struct nvsp_ndis_version)},
	{NVSP_SEND_RECEIVE_BUFFER, NVSP_VERSION_1, sizeof(struct nvsp_buffer)},
	{NVSP_REVOKE_RECEIVE_BUFFER, NVSP_VERSION_1, sizeof(struct nvsp_revoke)},
	{NVSP_SEND_SEND_BUFFER, NVSP_VERSION_1, sizeof(struct nvsp_buffer)},
	{NVSP_REVOKE_SEND_BUFFER, NVSP_VERSION_1, sizeof(struct nvsp_revoke)},
	{NVSP_SEND_RNDIS_PACKET, NVSP_VERSION_1, sizeof(struct nvsp_rndis_packet)},
	{NVSP_SEND_NDIS_CONFIG, NVSP_VERSION_2, sizeof(struct nvsp_ndis_config)},
	{NVSP_SWITCH_DATA_PATH, NVSP_VERSION_4, sizeof(struct nvsp_switch_data_path)},
	{NVSP_SUBCHANNEL, NVSP_VERSION_5, sizeof(struct nvsp_subchannel)},
};

static const struct nvsp_rule *nvsp_rule(uint32_t type)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].type == type)
			return &rules[i];
	return NULL;
}

const char *nvsp_parse(const struct nvsp *nvsp, const void *payload, size_t size,
		       struct nvsp_message *message)
{
	const struct nvsp_rule *rule;
	uint32_t type;

	if (size < sizeof(type))
		return "an NVSP message without a type";
	memcpy(&type, payload, sizeof(type));
	rule = nvsp_rule(type);
	if (!rule)
		return "an NVSP message of unknown type";
	if (size < rule->size)
		return "an NVSP message shorter than its type needs";
	if (rule->since != 0 && (nvsp->version == 0 || nvsp->version < rule->since))
		return "an NVSP message that the agreed version does not have";
	if (rule->since == 0 && nvsp->version != 0)
		return "a second NVSP negotiation";
	*message = (struct nvsp_message){.type = (enum nvsp_type)type};
	memcpy(&message->init, payload, rule->size);
	return NULL;
}

enum nvsp_status nvsp_negotiate(struct nvsp *nvsp, const struct nvsp_init *init)
{
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		if (versions[i] < init->min_version || versions[i] > init->max_version)
			continue;
		*nvsp = (struct nvsp){.version = versions[i], .mtu = NVSP_MTU_DEFAULT};
		return NVSP_STATUS_SUCCESS;
	}
	return init->min_version > NVSP_VERSION_61  ? NVSP_STATUS_TOO_NEW
	       : init->max_version < NVSP_VERSION_1 ? NVSP_STATUS_TOO_OLD
						    : NVSP_STATUS_UNSUPPORTED;
}

void nvsp_configure(struct nvsp *nvsp, const struct nvsp_ndis_config *config)
{
	uint32_t mtu = config->mtu < 14 ? 0 : config->mtu - 14;

	nvsp->mtu = mtu < NVSP_MTU_MIN ? NVSP_MTU_MIN : mtu > NVSP_MTU_MAX ? NVSP_MTU_MAX : mtu;
	nvsp->capabilities = config->capabilities;
}

void nvsp_indirection_table(struct nvsp_indirection_table *table, unsigned int n)
{
	*table = (struct nvsp_indirection_table){
		.type = NVSP_SEND_INDIRECTION_TABLE,
		.count = NVSP_INDIRECTION_ENTRIES,
		.offset = offsetof(struct nvsp_indirection_table, channels),
	};
	for (unsigned int i = 0; i < NVSP_INDIRECTION_ENTRIES; i++)
		table->channels[i] = n > 0 ? i % n : 0;
}

void nvsp_save(const struct nvsp *nvsp, struct state_writer *writer)
{
	state_put_u32(writer, nvsp->version);
	state_put_u32(writer, nvsp->ndis_major);
	state_put_u32(writer, nvsp->ndis_minor);
	state_put_u32(writer, nvsp->mtu);
	state_put_u64(writer, nvsp->capabilities);
}

static bool nvsp_is_possible(const struct nvsp *nvsp)
{
	if (nvsp->version == 0)
		return nvsp->mtu == 0;
	if (nvsp->mtu < NVSP_MTU_MIN || nvsp->mtu > NVSP_MTU_MAX)
		return false;
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if (versions[i] == nvsp->version)
			return true;
	return false;
}

void nvsp_restore(struct nvsp *nvsp, struct state_reader *reader)
{
	struct nvsp saved = {0};

	saved.version = state_get_u32(reader);
	saved.ndis_major = state_get_u32(reader);
	saved.ndis_minor = state_get_u32(reader);
	saved.mtu = state_get_u32(reader);
	saved.capabilities = state_get_u64(reader);
	if (!nvsp_is_possible(&saved))
		state_fail(reader, "an agreement on NVSP that cannot be");
	*nvsp = state_ok(reader) ? saved : (struct nvsp){0};
}
