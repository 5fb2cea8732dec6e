/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's KVP driver with its daemon: pools of pairs, and one network adapter. */
#ifndef GUEST_KVP_H
#define GUEST_KVP_H

#include "guest_ic.h"

enum { KVP_GET, KVP_SET, KVP_DELETE, KVP_ENUMERATE, KVP_GET_IP_INFO };

struct guest_kvp {
	struct guest_ic ic;
	bool daemon;	       /* runs */
	bool endless;	       /* every index has a pair */
	const char *raw_value; /* what OSName is, as bytes */
	uint32_t raw_size;
	GPtrArray *keys[3], *values[3]; /* by pool */
	uint8_t last_operation;
};

void guest_kvp_init(struct guest_kvp *guest);
void guest_kvp_clear(struct guest_kvp *guest);
void guest_kvp_put(struct guest_kvp *guest, unsigned int pool, const char *key, const char *value);
const char *guest_kvp_get(struct guest_kvp *guest, unsigned int pool, const char *key);
/* Answers a request; false: there is none. */
bool guest_kvp_serve_one(struct guest_kvp *guest);
/* Answers all, and what comes of them; returns how many there were. */
unsigned int guest_kvp_serve(struct guest_kvp *guest);

#endif
