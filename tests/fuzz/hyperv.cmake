# SPDX-License-Identifier: LGPL-2.1-or-later
# Synthetic MSRs and hypercalls.
vmms_fuzz(fuzz_hyperv SOURCES fuzz_hyperv.c
  LIBS "$<LINK_GROUP:RESCAN,hv_fixture,hyperv,partition_fake>")
