/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Spans of time, in the microseconds that sd-event and GLib count in. */
#ifndef DURATION_H
#define DURATION_H

#include <stdint.h>

#define SECONDS(n) (UINT64_C(1000000) * (n))

#endif
