# SPDX-License-Identifier: LGPL-2.1-or-later
# Synthetic MSRs and hypercalls, and the same in saved state.
vmms_fuzz(fuzz_hyperv GUEST SOURCES fuzz_hyperv.c
  LIBS "$<LINK_GROUP:RESCAN,hv_fixture,hyperv,partition_fake>"
  COVERS hyperv/hv.c hyperv/hv_auto_eoi.c hyperv/hv_connection.c hyperv/hv_crash.c hyperv/hv_hypercall.c
    hyperv/hv_message.c hyperv/hv_msr.c hyperv/hv_reftime.c hyperv/hv_stimer.c hyperv/hv_synic.c)
vmms_fuzz(fuzz_state SOURCES fuzz_state.c MAX_LENGTH 8192
  LIBS "$<LINK_GROUP:RESCAN,hv_fixture,hyperv,partition_fake>"
  COVERS hyperv/hv_state.c partition/cpuid_state.c)
