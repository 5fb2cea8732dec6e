# SPDX-License-Identifier: LGPL-2.1-or-later
# The synthetic network adapter: its two protocols alone, and the whole device with a guest that does
# as it likes. The seeds are what a driver says.
vmms_fuzz(fuzz_rndis SOURCES fuzz_rndis.c LIBS guest_nic)
vmms_fuzz(fuzz_nvsp SOURCES fuzz_nvsp.c LIBS guest_nic MAX_LENGTH 2048)
