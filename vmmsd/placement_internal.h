/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between placement.c (a choice), placement_measure.c (how good all of them are together) and
 * placement_settle.c (which of them are made anew). */
#ifndef PLACEMENT_INTERNAL_H
#define PLACEMENT_INTERNAL_H

#include "placement.h"

struct place {
	uint32_t cpu;
	guint core, socket; /* indexes, dense */
	double load;	    /* processors of VMs on it */
	double reserved;    /* percent */
	gboolean taken;	    /* by the choice that is being made */
};

struct placement {
	guint n, n_cores, n_sockets;
	struct place *places; /* ascending by cpu */
	double *core_load, *socket_load;
	guint *core_taken, *socket_taken; /* of the choice that is being made */
};

/* With the loads and without a choice that is being made; placement_free. */
struct placement *placement_copy(const struct placement *placement);

/* NULL: no such CPU. */
struct place *placement_find(const struct placement *placement, uint32_t cpu);

/* What is looked at first comes first; the lesser the better. How much is on the sockets that are
 * spread over is no reason to move: memory stays where it is. */
enum {
	MEASURE_RESERVED, /* percent that is reserved beyond what may be, of all CPUs */
	MEASURE_SHARED,	  /* processors that have no CPU of their own */
	MEASURE_UNEVEN,	  /* squares of the loads of CPUs */
	MEASURE_SIBLINGS, /* threads in use beside one that is spread; not those of who is packed */
	MEASURE_CORES,	  /* that have somebody who is packed */
	MEASURE_SOCKETS,  /* that have somebody who is packed */
	MEASURE_N,
};

struct measure {
	double values[MEASURE_N];
};

/* fixed: the host and those who are not placed. */
struct measure placement_measure(const struct placement *fixed, const struct placement_wish *wishes,
				 guint n);

/* Whether a is better than b, by more than rounding. */
gboolean placement_is_better(const struct measure *a, const struct measure *b);

#endif
