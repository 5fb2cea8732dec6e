/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FUZZ_IC_H
#define FUZZ_IC_H

#include "ic.h"

/* One service, for the common driver in fuzz_ic.c. */
struct fuzz_service {
	uint16_t major, minor; /* the version that a good guest agrees on */
	void *(*make)(const struct ic_env *env);
	void (*free)(void *service);
	/* Something that the host may ask, chosen by the input. */
	void (*poke)(void *service, uint8_t choice);
};

extern const struct fuzz_service fuzz_service;

#endif
