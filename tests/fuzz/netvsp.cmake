# SPDX-License-Identifier: LGPL-2.1-or-later
# The synthetic network adapter: its two protocols alone, and the whole device with a guest that does
# as it likes.
set(netvsp vsp/netvsp)
vmms_fuzz(fuzz_rndis GUEST SOURCES fuzz_rndis.c LIBS guest_nic
  COVERS ${netvsp}/rndis.c ${netvsp}/rndis_adapter.c ${netvsp}/rndis_query.c ${netvsp}/rndis_set.c
    ${netvsp}/offload.c ${netvsp}/segment.c ${netvsp}/frame.c ${netvsp}/frame_iov.c)
vmms_fuzz(fuzz_nvsp GUEST SOURCES fuzz_nvsp.c LIBS guest_nic MAX_LENGTH 2048
  COVERS ${netvsp}/nvsp.c ${netvsp}/netvsp.c ${netvsp}/netvsp_control.c ${netvsp}/netvsp_outbox.c
    ${netvsp}/netvsp_send.c ${netvsp}/netvsp_receive.c)
vmms_fuzz(fuzz_netvsp_state SOURCES fuzz_netvsp_state.c LIBS guest_nic
  COVERS ${netvsp}/netvsp_saved.c ${netvsp}/rndis_saved.c ${netvsp}/nvsp.c ${netvsp}/rss.c)
