# SPDX-License-Identifier: LGPL-2.1-or-later
# Synthetic MSRs and hypercalls, and the same in saved state.
vmms_fuzz(fuzz_hyperv SOURCES fuzz_hyperv.c
  LIBS "$<LINK_GROUP:RESCAN,hv_fixture,hyperv,partition_fake>")
vmms_fuzz(fuzz_state SOURCES fuzz_state.c MAX_LENGTH 8192
  LIBS "$<LINK_GROUP:RESCAN,hv_fixture,hyperv,partition_fake>"
  COVERS hyperv/hv_state.c partition/cpuid_state.c)
