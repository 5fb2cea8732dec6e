/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sets of CPUs and of memory nodes as libvirt writes them. */
#ifndef CPU_SET_H
#define CPU_SET_H

#include "host_cpu_list.h"

#define CPU_SET_MAX HOST_CPU_MAX

/* "3,0-2,^1" -> "0,2-3"; g_free. NULL: it is none, it is empty, or has numbers from CPU_SET_MAX. */
char *cpu_set_canonical(const char *text);

#endif
