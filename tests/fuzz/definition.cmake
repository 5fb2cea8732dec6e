# SPDX-License-Identifier: LGPL-2.1-or-later
# Definitions as vmmsd and as a worker read them. New finds go to the first folder, the build's.
function(definition_fuzz name)
  add_executable(${name} ${name}.c)
  target_link_libraries(${name} PRIVATE vmms_flags PkgConfig::GLIB ${ARGN})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  file(MAKE_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/${name}-corpus")
  add_test(NAME ${name} COMMAND ${name} -max_len=4096 -max_total_time=${VMMS_FUZZ_SECONDS}
    -timeout=5 -print_final_stats=1 "${CMAKE_CURRENT_BINARY_DIR}/${name}-corpus"
    "${CMAKE_CURRENT_SOURCE_DIR}/definition-seeds")
  set_tests_properties(${name} PROPERTIES LABELS fuzz TIMEOUT 3900)
  add_dependencies(fuzz ${name})
endfunction()

definition_fuzz(fuzz_definition vmmsd_core)
definition_fuzz(fuzz_worker_definition worker
  "$<LINK_GROUP:RESCAN,engine,boot,hyperv,partition_fake>" console device)
