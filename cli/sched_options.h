/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The options of create and edit on processors: what the guest sees of them and gets of the host.
 */
#ifndef SCHED_OPTIONS_H
#define SCHED_OPTIONS_H

#include <json-c/json.h>

#include "options.h"

struct sched_options {
	struct number weight, device_weight, limit, reserve;
	const char *affinity, *vcpu_affinity, *numa_node, *placement, *topology, *core, *group,
		*latency;
	bool exclusive, no_exclusive, background, no_background;
};

/* Rows of an option table; `base` is the offset of the struct sched_options. */
#define SCHED_OPTION(base, name_, kind_, value_, help_, member)                                 \
	{                                                                                       \
		name_, 0, kind_, value_, help_, (base) + offsetof(struct sched_options, member) \
	}
#define SCHED_OPTIONS(b)                                                                           \
	SCHED_OPTION(b, "weight", OPTION_NUMBER, "N", "share against other VMs, 1 to 10000",       \
		     weight),                                                                      \
		SCHED_OPTION(b, "device-weight", OPTION_NUMBER, "N",                               \
			     "of what serves its devices, against a processor's", device_weight),  \
		SCHED_OPTION(b, "limit", OPTION_NUMBER, "PCT",                                     \
			     "at most this much of a CPU; 0: any", limit),                         \
		SCHED_OPTION(b, "reserve", OPTION_NUMBER, "PCT", "at least this much of a CPU",    \
			     reserve),                                                             \
		SCHED_OPTION(b, "affinity", OPTION_TEXT, "LIST",                                   \
			     "host CPUs that it may use: 0-3,8 or all", affinity),                 \
		SCHED_OPTION(b, "vcpu-affinity", OPTION_TEXT, "LIST:LIST...",                      \
			     "the same for each processor, or all", vcpu_affinity),                \
		SCHED_OPTION(b, "exclusive", OPTION_FLAG, NULL, "nothing else runs on these CPUs", \
			     exclusive),                                                           \
		SCHED_OPTION(b, "no-exclusive", OPTION_FLAG, NULL, "others may", no_exclusive),    \
		SCHED_OPTION(b, "background", OPTION_FLAG, NULL, "only time that nobody wants",    \
			     background),                                                          \
		SCHED_OPTION(b, "no-background", OPTION_FLAG, NULL, "time by weight",              \
			     no_background),                                                       \
		SCHED_OPTION(b, "numa-node", OPTION_TEXT, "N",                                     \
			     "where its memory is: a node or any", numa_node),                     \
		SCHED_OPTION(b, "placement", OPTION_CHOICE, "none|spread|pack",                    \
			     "let vmmsd choose the CPUs", placement),                              \
		SCHED_OPTION(b, "core-scheduling", OPTION_CHOICE, "off|vm|vcpu",                   \
			     "vm: share no core with others", core),                               \
		SCHED_OPTION(b, "group", OPTION_TEXT, "NAME",                                      \
			     "the CPU group that it is in, or none", group),                       \
		SCHED_OPTION(b, "latency", OPTION_TEXT, "US",                                      \
			     "to wake idle CPUs: low, normal or microseconds", latency),           \
		SCHED_OPTION(b, "topology", OPTION_TEXT, "SPEC",                                   \
			     "sockets=N,cores=N,threads=N or host or none", topology)

bool sched_options_given(const struct sched_options *options);
/* Puts the given ones into `cpus`, a member of a definition or of a merge patch. Returns -1, or the
 * exit code after reporting. */
int sched_options_apply(const struct command *command, const struct sched_options *options,
			struct json_object *cpus);

#endif
