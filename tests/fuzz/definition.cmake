# SPDX-License-Identifier: LGPL-2.1-or-later
# Definitions as vmmsd and as a worker read them, and libvirt's XML.
set(definition_seeds "${CMAKE_CURRENT_SOURCE_DIR}/definition-seeds")
vmms_fuzz(fuzz_definition SOURCES fuzz_definition.c LIBS vmmsd_core SEEDS "${definition_seeds}")
vmms_fuzz(fuzz_domain_import SOURCES fuzz_domain_import.c LIBS domain_map
  SEEDS "${CMAKE_CURRENT_SOURCE_DIR}/domain-seeds")
vmms_fuzz(fuzz_worker_definition SOURCES fuzz_worker_definition.c
  LIBS worker "$<LINK_GROUP:RESCAN,engine,boot,hyperv,partition_fake>" console device
  SEEDS "${definition_seeds}")
