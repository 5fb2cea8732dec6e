/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What writer and reader share: how a section begins. */
#ifndef STATE_PRIVATE_H
#define STATE_PRIVATE_H

#include "state.h"

struct state_head {
	char tag[STATE_TAG_MAX + 1];
	uint32_t version;
	uint32_t size; /* of what follows */
};
_Static_assert(sizeof(struct state_head) == 32, "a section's head is 32 bytes");

#endif
