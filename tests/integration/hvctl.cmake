# SPDX-License-Identifier: LGPL-2.1-or-later
# Tests of hvctl and libhvctl against a service that speaks the contract and runs nothing.
set(here "${CMAKE_CURRENT_LIST_DIR}")
add_executable(hvctl_fake_service ${here}/hvctl_fake_service.c ${here}/hvctl_fake_bus.c
  ${here}/hvctl_fake_console.c ${here}/hvctl_fake_guest.c)
target_link_libraries(hvctl_fake_service PRIVATE vmms_flags vmms_schemas PkgConfig::GLIB
  PkgConfig::SYSTEMD PkgConfig::JSONC)

add_library(hvctl_fixture STATIC ${here}/hvctl_fixture.c ${here}/hvctl_session.c)
target_include_directories(hvctl_fixture PUBLIC "${here}")
target_link_libraries(hvctl_fixture PUBLIC PkgConfig::GLIB PRIVATE vmms_flags)
target_compile_definitions(hvctl_fixture PUBLIC HVCTL="$<TARGET_FILE:hvctl>"
  FAKE_SERVICE="$<TARGET_FILE:hvctl_fake_service>")

vmms_test(test-hvctl-verbs SOURCES ${here}/hvctl_verbs_test.c
  LIBS hvctl_fixture PkgConfig::JSONC LABEL integration)
add_dependencies(test-hvctl-verbs hvctl hvctl_fake_service)

vmms_test(test-hvctl-guest SOURCES ${here}/hvctl_guest_test.c LIBS hvctl_fixture
  LABEL integration)
add_dependencies(test-hvctl-guest hvctl hvctl_fake_service)

vmms_test(test-hvctl-libvirt SOURCES ${here}/hvctl_libvirt_test.c LIBS hvctl_fixture
  LABEL integration)
add_dependencies(test-hvctl-libvirt hvctl hvctl_fake_service vmms-libvirt)

vmms_test(test-hvctl-metrics SOURCES ${here}/hvctl_metrics_test.c LIBS hvctl_fixture
  LABEL integration)
add_dependencies(test-hvctl-metrics hvctl hvctl_fake_service)

vmms_test(test-hvctl-activation SOURCES ${here}/hvctl_activation_test.c LIBS hvctl_fixture
  LABEL integration)
add_dependencies(test-hvctl-activation hvctl)

vmms_test(test-hvctl-console SOURCES ${here}/hvctl_console_test.c LIBS hvctl_fixture util
  LABEL integration)
add_dependencies(test-hvctl-console hvctl hvctl_fake_service)

vmms_test(test-hvctl-top SOURCES ${here}/hvctl_top_test.c LIBS hvctl_fixture util
  LABEL integration)
add_dependencies(test-hvctl-top hvctl hvctl_fake_service)

get_filename_component(source_root "${here}/../.." ABSOLUTE)
add_executable(hvctl_example "${source_root}/docs/examples/list-vms.c")
target_link_libraries(hvctl_example PRIVATE vmms_flags libhvctl)
vmms_test(test-hvctl-help SOURCES ${here}/hvctl_help_test.c LIBS hvctl_fixture LABEL integration)
target_compile_definitions(test-hvctl-help PRIVATE SOURCE_DIR="${source_root}"
  HVCTL_DIR="$<TARGET_FILE_DIR:hvctl>" EXAMPLE="$<TARGET_FILE:hvctl_example>")
add_dependencies(test-hvctl-help hvctl hvctl_fake_service hvctl_example)
