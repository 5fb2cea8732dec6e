# SPDX-License-Identifier: LGPL-2.1-or-later
# What a guest can answer to the integration services, the keyboard and hv_sock. Each service is a
# target of its own; its first inputs are a guest's sound answers, which the target makes itself.
foreach(service IN ITEMS shutdown heartbeat timesync kvp vss fcopy)
  vmms_fuzz(fuzz_ic_${service} SOURCES fuzz_ic.c fuzz_ic_${service}.c
    LIBS services vmbus_fake io_fake MAX_LENGTH 9000)
endforeach()
vmms_fuzz(fuzz_keyboard SOURCES fuzz_keyboard.c LIBS input vmbus_fake io_fake MAX_LENGTH 1024)
vmms_fuzz(fuzz_hvsock SOURCES fuzz_hvsock.c LIBS hvsock vmbus_fake io_fake MAX_LENGTH 20000)
vmms_fuzz(fuzz_hvsock_wish SOURCES fuzz_hvsock_wish.c LIBS hvsock vmbus_fake io_fake MAX_LENGTH 1024)
