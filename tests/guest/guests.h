/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guests as bytes, to be copied to GUEST_LOAD_ADDRESS; tiny.elf as the file that it is. */
#ifndef GUESTS_H
#define GUESTS_H

#include <stddef.h>

#define GUEST_LOAD_ADDRESS 0x1000

#define GUEST(name)                       \
	extern const char guest_##name[]; \
	extern const size_t guest_##name##_size
GUEST(cpuid);
GUEST(port_io);
GUEST(string_io);
GUEST(mmio);
GUEST(triple_fault);
GUEST(loop);
GUEST(event);
GUEST(smp);
GUEST(long_mode);
GUEST(hyperv);
GUEST(hypercall_32);
GUEST(user_calls);
GUEST(user_work);
GUEST(state);
GUEST(tiny);
#undef GUEST

#endif
