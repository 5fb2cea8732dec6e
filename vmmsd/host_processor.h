/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What /proc/cpuinfo says of the first processor. Pure. */
#ifndef HOST_PROCESSOR_H
#define HOST_PROCESSOR_H

#include <glib.h>

struct host_processor {
	char *vendor, *model; /* "" when not said */
	gboolean svm, vmx;    /* offered to this system */
	gboolean hypervisor;  /* this system is itself a guest */
};

void host_processor_parse(struct host_processor *processor, const char *cpuinfo);
void host_processor_clear(struct host_processor *processor);

/* What is known beside cpuinfo. */
struct host_obstacle {
	gboolean svm, vmx; /* the processor has it, whether or not it is switched on */
	gboolean loaded;   /* kvm_amd or kvm_intel is in the kernel */
};

/*
 * One sentence on why there is no /dev/kvm, from what the processor offers, with the remedy;
 * static.
 */
const char *host_processor_explain_no_kvm(const struct host_processor *processor,
					  const struct host_obstacle *obstacle);

#endif
