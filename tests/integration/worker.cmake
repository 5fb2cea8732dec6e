# SPDX-License-Identifier: LGPL-2.1-or-later
# The real vmworker with the tiny guest, spoken to as vmmsd does it.
vmms_library(worker_fixture SOURCES worker_fixture.c
  PUBLIC vmms_schemas PkgConfig::GLIB PkgConfig::SYSTEMD)
target_include_directories(worker_fixture PRIVATE ../unit/vmmsd_core)
foreach(name IN ITEMS guest plug protocol confined save)
  vmms_test(test-worker-${name} SOURCES test-worker-${name}.c LIBS worker_fixture
    LABEL integration TIMEOUT 240
    ENV VMMS_WORKER=$<TARGET_FILE:vmworker> VMMS_TINY_GUEST=$<TARGET_FILE:tiny_guest>)
  add_dependencies(test-worker-${name} vmworker tiny_guest)
endforeach()

vmms_test(test-worker-translate SOURCES test-worker-translate.c LIBS worker_fixture translate
  LABEL integration TIMEOUT 240
  ENV VMMS_WORKER=$<TARGET_FILE:vmworker-translate> VMMS_TINY_GUEST=$<TARGET_FILE:tiny_guest>)
target_include_directories(test-worker-translate PRIVATE ../unit/vmmsd_core)
add_dependencies(test-worker-translate vmworker-translate tiny_guest)
