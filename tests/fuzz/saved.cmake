# SPDX-License-Identifier: LGPL-2.1-or-later
# Saved machines. The seed is one whose guest has printed a word.
vmms_fuzz(fuzz_saved SOURCES fuzz_saved.c
  LIBS worker "$<LINK_GROUP:RESCAN,engine,boot,hyperv,vmbus,partition_fake>" console device
  COVERS engine/state_file.c)
