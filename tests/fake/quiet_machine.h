/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The callbacks of a machine that nobody listens to. */
#ifndef QUIET_MACHINE_H
#define QUIET_MACHINE_H

#include "machine.h"

static inline void quiet_line(void *context, uint32_t gsi, bool level)
{
	(void)context;
	(void)gsi;
	(void)level;
}

static inline void quiet_request(void *context, enum machine_request request, const char *how)
{
	(void)context;
	(void)request;
	(void)how;
}

static inline void quiet_panic(void *context, const char *line, size_t size)
{
	(void)context;
	(void)line;
	(void)size;
}

static const struct machine_callbacks quiet_callbacks = {
	.line = quiet_line, .request = quiet_request, .panic = quiet_panic};

#endif
