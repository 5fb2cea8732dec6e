# SPDX-License-Identifier: LGPL-2.1-or-later
# Kernel files. The seeds are small kernels, made by the builder of the unit tests.
set(boot_seeds "${CMAKE_CURRENT_BINARY_DIR}/boot-seeds")
add_custom_command(OUTPUT "${boot_seeds}/elf"
  COMMAND ${CMAKE_COMMAND} -E make_directory "${boot_seeds}"
  COMMAND make-kernels "${boot_seeds}" VERBATIM)
add_custom_target(boot_seeds DEPENDS "${boot_seeds}/elf")

vmms_fuzz(fuzz_boot_elf SOURCES fuzz_boot_elf.c LIBS boot partition_fake
  MAX_LENGTH 16384 SEEDS "${boot_seeds}")
vmms_fuzz(fuzz_boot_unpack SOURCES fuzz_boot_unpack.c LIBS boot_unpack
  MAX_LENGTH 16384 SEEDS "${boot_seeds}")
add_dependencies(fuzz_boot_elf boot_seeds)
add_dependencies(fuzz_boot_unpack boot_seeds)
