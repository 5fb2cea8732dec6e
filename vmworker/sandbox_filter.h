/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What sandbox.c and the program that makes its filter have in common. */
#ifndef SANDBOX_FILTER_H
#define SANDBOX_FILTER_H

/* Stands in the filter for the worker's own process id: no pid, no flag and no call number. */
#define SANDBOX_FILTER_SELF 0x7e1f7e1fu

#endif
