# SPDX-License-Identifier: LGPL-2.1-or-later
# What a guest can answer to the integration services, the keyboard and hv_sock. Each service is a
# target of its own.
set(covers_kvp vsp/services/kvp_facts.c vsp/services/utf16.c)
foreach(service IN ITEMS shutdown heartbeat timesync kvp vss fcopy)
  vmms_fuzz(fuzz_ic_${service} GUEST SOURCES fuzz_ic.c fuzz_ic_${service}.c
    LIBS services vmbus_fake io_fake MAX_LENGTH 9000
    COVERS vsp/services/ic.c vsp/services/ic_${service}.c ${covers_${service}})
endforeach()
vmms_fuzz(fuzz_keyboard GUEST SOURCES fuzz_keyboard.c LIBS input vmbus_fake io_fake MAX_LENGTH 1024
  COVERS vsp/input/keyboard.c)
vmms_fuzz(fuzz_hvsock GUEST SOURCES fuzz_hvsock.c LIBS hvsock vmbus_fake io_fake MAX_LENGTH 20000
  COVERS vsp/hvsock/hvsock_pipe.c)
vmms_fuzz(fuzz_hvsock_wish GUEST SOURCES fuzz_hvsock_wish.c LIBS hvsock vmbus_fake io_fake
  MAX_LENGTH 1024 COVERS vsp/hvsock/hvsock.c)
