# SPDX-License-Identifier: LGPL-2.1-or-later
# Kernel files. The seeds are small kernels, made by the builder of the unit tests.
set(boot_seeds "${CMAKE_CURRENT_BINARY_DIR}/boot-seeds")
add_custom_command(OUTPUT "${boot_seeds}/elf"
  COMMAND ${CMAKE_COMMAND} -E make_directory "${boot_seeds}"
  COMMAND make-kernels "${boot_seeds}" VERBATIM)
add_custom_target(boot_seeds DEPENDS "${boot_seeds}/elf")

function(boot_fuzz name)
  add_executable(${name} ${name}.c)
  target_link_libraries(${name} PRIVATE vmms_flags PkgConfig::GLIB ${ARGN})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  add_dependencies(${name} boot_seeds)
  # New finds go to the first folder, which is the build's.
  file(MAKE_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/${name}-corpus")
  add_test(NAME ${name} COMMAND ${name} -max_len=16384 -max_total_time=${VMMS_FUZZ_SECONDS} -timeout=10
    -rss_limit_mb=2048 -print_final_stats=1 "${CMAKE_CURRENT_BINARY_DIR}/${name}-corpus"
    "${boot_seeds}")
  set_tests_properties(${name} PROPERTIES LABELS fuzz TIMEOUT 3900)
  add_dependencies(fuzz ${name})
endfunction()

boot_fuzz(fuzz_boot_elf boot partition_fake)
boot_fuzz(fuzz_boot_unpack boot_unpack)
