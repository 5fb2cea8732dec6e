/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a guest says of itself. Every string is valid UTF-8 without control characters, and nothing
 * else about it may be believed.
 */
#ifndef KVP_FACTS_H
#define KVP_FACTS_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "state.h"

enum kvp_pool {			       /* by their numbers on the wire */
		KVP_POOL_EXTERNAL = 0, /* the host's pairs for the guest */
		KVP_POOL_GUEST = 1,    /* the guest's for the host, made by programs in it */
		KVP_POOL_AUTO = 2,     /* the guest's for the host, made by its daemon */
};

/* OSName, FullyQualifiedDomainName, NetworkAddressIPv4, OSVersion, ProcessorArchitecture, ... */
struct kvp_pair {
	enum kvp_pool pool;
	char *key, *value;
};

struct kvp_adapter {
	char mac[18]; /* "00:15:5D:01:02:03" */
	bool dhcp;
	char *addresses, *masks, *gateways, *dns; /* lists with ';' */
};

struct kvp_facts {
	GPtrArray *pairs;    /* struct kvp_pair, in the guest's order */
	GPtrArray *adapters; /* struct kvp_adapter */
};

struct kvp_facts *kvp_facts_new(void);
void kvp_facts_free(struct kvp_facts *facts); /* NULL is fine */
struct kvp_facts *kvp_facts_copy(const struct kvp_facts *facts);
bool kvp_facts_equal(const struct kvp_facts *a, const struct kvp_facts *b);
/* NULL when the guest did not say it. */
const char *kvp_facts_find(const struct kvp_facts *facts, enum kvp_pool pool, const char *key);

/* Adds what an answer to KVP_ENUMERATE or KVP_GET_IP_INFO holds; false: it is malformed. */
bool kvp_facts_add_pair(struct kvp_facts *facts, enum kvp_pool pool, const uint8_t *body,
			size_t size);
bool kvp_facts_add_adapter(struct kvp_facts *facts, const char *mac, const uint8_t *body,
			   size_t size);

void kvp_facts_save(const struct kvp_facts *facts, struct state_writer *writer);
/* NULL, and told to the reader: no guest can have said so. */
struct kvp_facts *kvp_facts_restore(struct state_reader *reader);

#endif
