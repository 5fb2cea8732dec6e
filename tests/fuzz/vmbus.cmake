# SPDX-License-Identifier: LGPL-2.1-or-later
vmms_fuzz(fuzz_vmbus_ring SOURCES fuzz_vmbus_ring.c LIBS vmbus)
vmms_fuzz(fuzz_vmbus_gpadl SOURCES fuzz_vmbus_gpadl.c LIBS vmbus partition_fake)
vmms_fuzz(fuzz_vmbus SOURCES fuzz_vmbus.c LIBS vmbus partition_fake MAX_LENGTH 1024)
