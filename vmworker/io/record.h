/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a guest sent, as lines on standard error, for the corpora of the fuzz targets (see
 * CONTRIBUTING.md). Only in builds with -D VMMS_RECORD=ON; nothing in any other.
 *
 *   vmms-record KIND TYPE FLAGS PAYLOAD LENGTHS BUFFER
 *
 * KIND is `message`, `rndis`, or the name of a VMBus device; bytes are in hex, as many as there is
 * room for; LENGTHS are those of the buffer's pieces; what there is none of is `-`.
 */
#ifndef RECORD_H
#define RECORD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#ifdef VMMS_RECORD
/* Any thread. Allocates nothing; one write, so that lines stay whole. */
void record_traffic(const char *kind, unsigned int type, unsigned int flags,
		    const struct iovec *payload, const struct iovec *buffer, unsigned int n_buffer);
#else
static inline void record_traffic(const char *kind, unsigned int type, unsigned int flags,
				  const struct iovec *payload, const struct iovec *buffer,
				  unsigned int n_buffer)
{
	(void)kind;
	(void)type;
	(void)flags;
	(void)payload;
	(void)buffer;
	(void)n_buffer;
}
#endif

#endif
