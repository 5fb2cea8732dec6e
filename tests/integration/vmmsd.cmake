# SPDX-License-Identifier: LGPL-2.1-or-later
# The real vmmsd with a worker and an unpacker that do as they are told.
vmms_program(fake-vmworker SOURCES fake_worker.c fake_worker_guest.c fake_worker_host.c
  fake_worker_plug.c fake_worker_save.c
  LIBS vmms_schemas PkgConfig::GLIB PkgConfig::SYSTEMD PkgConfig::JSONC)
vmms_program(fake-unpack SOURCES fake_unpack.c LIBS PkgConfig::GLIB)

add_library(vmmsd_fixture STATIC vmmsd_fixture.c)
target_include_directories(vmmsd_fixture PUBLIC "${CMAKE_CURRENT_SOURCE_DIR}")
target_link_libraries(vmmsd_fixture PUBLIC vmms_schemas PkgConfig::GLIB PkgConfig::SYSTEMD
  PRIVATE vmms_flags)
target_compile_definitions(vmmsd_fixture PRIVATE VMMSD="$<TARGET_FILE:vmmsd>"
  FAKE_WORKER="$<TARGET_FILE:fake-vmworker>" FAKE_UNPACK="$<TARGET_FILE:fake-unpack>"
  HVCTL="$<TARGET_FILE:hvctl>")
add_dependencies(vmmsd_fixture vmmsd hvctl fake-vmworker fake-unpack)

# Programs and images beside them.
add_library(vmmsd_tools STATIC vmmsd_tools.c)
target_link_libraries(vmmsd_tools PUBLIC vmmsd_fixture PRIVATE vmms_flags)
target_compile_definitions(vmmsd_tools PRIVATE
  VMWORKER="$<TARGET_FILE:vmworker>" TINY_GUEST="$<TARGET_FILE:tiny_guest>")
add_dependencies(vmmsd_tools vmms-nbd vmworker vmms-unpack tiny_guest)

foreach(name IN ITEMS clients failures groups guest host json lifecycle nics restart save scheduling)
  vmms_test(test-vmmsd-${name} SOURCES vmmsd_${name}_test.c LIBS vmmsd_fixture
    LABEL integration TIMEOUT 240)
endforeach()
foreach(name IN ITEMS disks images plug served)
  vmms_test(test-vmmsd-${name} SOURCES vmmsd_${name}_test.c LIBS vmmsd_tools
    LABEL integration TIMEOUT 240)
endforeach()
add_dependencies(test-vmmsd-plug vmms-switch vmms-libvirt)
add_dependencies(test-vmmsd-nics vmms-switch vmms-libvirt)
target_link_libraries(test-vmmsd-scheduling PRIVATE PkgConfig::JSONC)
target_link_libraries(test-vmmsd-json PRIVATE PkgConfig::JSONC)
target_compile_definitions(test-vmmsd-json PRIVATE JSON_MD="${CMAKE_SOURCE_DIR}/docs/json.md"
  HVCTL="$<TARGET_FILE:hvctl>")
target_compile_definitions(test-vmmsd-clients PRIVATE SCHEMAS="${CMAKE_SOURCE_DIR}/schemas/dbus")

vmms_test(test-vmmsd-session SOURCES vmmsd_session_test.c LIBS vmms_schemas PkgConfig::SYSTEMD
  LABEL integration)
target_compile_definitions(test-vmmsd-session PRIVATE VMMSD="$<TARGET_FILE:vmmsd>"
  FAKE_WORKER="$<TARGET_FILE:fake-vmworker>" FAKE_UNPACK="$<TARGET_FILE:fake-unpack>")
add_dependencies(test-vmmsd-session vmmsd fake-vmworker fake-unpack)

vmms_test(test-vmmsd-translate SOURCES vmmsd_translate_test.c LIBS vmmsd_tools
  LABEL integration TIMEOUT 240
  ENV VMMS_TRANSLATOR=$<TARGET_FILE:vmworker-translate> VMMS_TINY_GUEST=$<TARGET_FILE:tiny_guest>)
target_link_libraries(test-vmmsd-translate PRIVATE PkgConfig::JSONC)
add_dependencies(test-vmmsd-translate vmworker vmworker-translate vmms-nbd vmms-unpack tiny_guest)
