# SPDX-License-Identifier: LGPL-2.1-or-later
# Messages, GPADLs and rings: the pure parts alone, and the whole bus.
vmms_fuzz(fuzz_vmbus_ring GUEST SOURCES fuzz_vmbus_ring.c LIBS vmbus COVERS vmbus/ring.c)
vmms_fuzz(fuzz_vmbus_gpadl GUEST SOURCES fuzz_vmbus_gpadl.c LIBS vmbus partition_fake
  COVERS vmbus/gpadl.c vmbus/gpa_list.c)
vmms_fuzz(fuzz_vmbus GUEST SOURCES fuzz_vmbus.c LIBS vmbus partition_fake MAX_LENGTH 1024
  COVERS vmbus/message.c vmbus/connection.c vmbus/bus.c vmbus/device.c vmbus/channel.c)
# A saved state of the bus and of what is on it, which is a file's and not a guest's.
vmms_fuzz(fuzz_vmbus_state SOURCES fuzz_vmbus_state.c LIBS guest_bus services input storvsp
  MAX_LENGTH 8192
  COVERS vmbus/vmbus_restore.c vmbus/channel_saved.c vsp/storvsp/storvsp_saved.c)
