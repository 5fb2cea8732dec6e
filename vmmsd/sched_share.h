/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From what VMs ask for to what the kernel understands.
 *
 * A VM asks for a weight and perhaps a reservation; cgroup v2 has only relative weights of 1 to
 * 10000. sched_share_compute chooses them so that under full contention each VM gets in proportion
 * to weight x vCPUs, but never less than its reservation. A reservation alone is a promise, which
 * sched_admit.h keeps from being given away twice. Pure; percentages are of one logical CPU.
 */
#ifndef SCHED_SHARE_H
#define SCHED_SHARE_H

#include <glib.h>
#include <stdint.h>

#define SCHED_WEIGHT_MIN     1u
#define SCHED_WEIGHT_MAX     10000u
#define SCHED_WEIGHT_DEFAULT 100u

struct sched_share {
	const char *name;    /* for the message */
	uint32_t vcpus;	     /* 1 or more */
	uint32_t weight;     /* SCHED_WEIGHT_MIN to _MAX, per vCPU */
	uint32_t reserve;    /* percent; 0: none */
	const GArray *cpus;  /* where it may run (sched_cpus.h); not empty */
	uint32_t cpu_weight; /* the result */
	double part;	     /* and what it is worth under full contention, percent of one CPU */
};

/*
 * Sets cpu_weight of all n. VMs compete where their sets of CPUs overlap, directly or through
 * others; each such cluster is weighed on its own. A reservation holds against the whole weight of
 * everybody who may run on the same CPUs; where that is too much to ask, against the part of it
 * that is there when threads are spread; where that is, too, they get less (sched_judge.h).
 *
 * FALSE and NO_CPU when no weights in the range can do it: the reservations of a cluster are more
 * than its CPUs, or so many other VMs run that even the smallest weight takes too much.
 */
gboolean sched_share_compute(struct sched_share *shares, guint n, GError **error);
/* The same where all of them together are sure of `capacity` percent of one CPU and no more. */
gboolean sched_share_compute_within(struct sched_share *shares, guint n, double capacity,
				    GError **error);

/*
 * Within one VM: the weights of a cgroup of its processors and of one of the threads that serve its
 * devices. weight and device_weight are SCHED_WEIGHT_MIN to _MAX, a processor's and all of the
 * threads'; device_weight 0: as much as the processors together.
 */
void sched_share_split(uint32_t weight, uint32_t vcpus, uint32_t device_weight, uint32_t *vcpu,
		       uint32_t *devices);

#endif
