# SPDX-License-Identifier: LGPL-2.1-or-later
# Compiler settings, the packages everything is built from, and the three functions that every
# folder uses: vmms_library(), vmms_program() and vmms_test().

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

option(VMMS_SANITIZE "Build with AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
option(VMMS_FUZZ "Build the libFuzzer targets (needs clang)" OFF)
option(VMMS_COVERAGE "Instrument for gcov" OFF)
option(VMMS_RECORD "Write what guests send to standard error, for seeds of fuzz targets" OFF)
option(VMMS_LAB_TESTS "Register the tests that boot a whole host in the lab" ON)

find_package(PkgConfig REQUIRED)
pkg_check_modules(GLIB REQUIRED IMPORTED_TARGET glib-2.0>=2.74)
pkg_check_modules(JSONC REQUIRED IMPORTED_TARGET json-c>=0.16)
pkg_check_modules(SYSTEMD REQUIRED IMPORTED_TARGET libsystemd>=252)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3>=3.40)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp>=2.5)
pkg_check_modules(URING REQUIRED IMPORTED_TARGET liburing>=2.3)

add_library(vmms_flags INTERFACE)
target_compile_definitions(vmms_flags INTERFACE _GNU_SOURCE
  VMMS_VERSION="${PROJECT_VERSION}")
target_compile_options(vmms_flags INTERFACE
  $<$<COMPILE_LANGUAGE:C>:-Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes
  -Wmissing-prototypes -Wvla -Werror -fno-common -fstack-protector-strong>)
if(CMAKE_C_COMPILER_ID MATCHES Clang)
  # KVM's own structures end in a flexible array and are meant to be followed by their entries.
  target_compile_options(vmms_flags INTERFACE
    $<$<COMPILE_LANGUAGE:C>:-Wno-gnu-variable-sized-type-not-at-end>)
endif()
target_link_options(vmms_flags INTERFACE -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
  -Wl,--as-needed)
if(VMMS_SANITIZE)
  target_compile_options(vmms_flags INTERFACE -fsanitize=address,undefined
    -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  target_link_options(vmms_flags INTERFACE -fsanitize=address,undefined)
else()
  target_compile_options(vmms_flags INTERFACE
    $<$<AND:$<COMPILE_LANGUAGE:C>,$<CONFIG:Release>>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2>)
endif()
if(VMMS_COVERAGE)
  # Atomic: threads that lose each other's counts make some negative, which gcovr refuses.
  target_compile_options(vmms_flags INTERFACE --coverage -fprofile-update=atomic)
  target_link_options(vmms_flags INTERFACE --coverage)
endif()
if(VMMS_RECORD)
  target_compile_definitions(vmms_flags INTERFACE VMMS_RECORD)
endif()
if(VMMS_FUZZ)
  # Beside the edges that guide a fuzzer, the lines that a run has reached, for its report.
  target_compile_options(vmms_flags INTERFACE -fsanitize=fuzzer-no-link,address,undefined
    -fprofile-instr-generate -fcoverage-mapping)
  target_link_options(vmms_flags INTERFACE -fsanitize=address,undefined -fprofile-instr-generate)
endif()
set(CMAKE_C_FLAGS_RELEASE "-O2 -g")

# vmms_library(NAME SOURCES f.c... [PUBLIC dep...] [PRIVATE dep...])
# One static library per folder. Its folder is the only include directory that it exports, and a
# PRIVATE dependency passes none on, so a header of the wrong layer is not found.
function(vmms_library name)
  cmake_parse_arguments(A "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${A_SOURCES})
  target_include_directories(${name} PUBLIC "${CMAKE_CURRENT_SOURCE_DIR}")
  target_link_libraries(${name} PUBLIC ${A_PUBLIC} PRIVATE vmms_flags ${A_PRIVATE})
endfunction()

# vmms_program(NAME SOURCES f.c... LIBS dep... [DESTINATION dir])
function(vmms_program name)
  cmake_parse_arguments(A "" "DESTINATION" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${A_SOURCES})
  target_link_libraries(${name} PRIVATE vmms_flags ${A_LIBS})
  target_link_options(${name} PRIVATE -pie)
  if(A_DESTINATION)
    install(TARGETS ${name} RUNTIME DESTINATION ${A_DESTINATION})
  endif()
endfunction()

# vmms_test(NAME SOURCES f.c... LIBS dep... [LABEL unit|kvm|integration] [TIMEOUT s] [ENV k=v...])
# A GLib test program. A program all of whose cases were skipped exits with 77.
function(vmms_test name)
  cmake_parse_arguments(A "" "LABEL;TIMEOUT" "SOURCES;LIBS;ENV" ${ARGN})
  if(NOT A_LABEL)
    set(A_LABEL unit)
  endif()
  if(NOT A_TIMEOUT)
    set(A_TIMEOUT 60)
  endif()
  add_executable(${name} ${A_SOURCES})
  target_link_libraries(${name} PRIVATE vmms_flags PkgConfig::GLIB ${A_LIBS})
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "${A_LABEL}" TIMEOUT ${A_TIMEOUT}
    SKIP_RETURN_CODE 77 ENVIRONMENT "${A_ENV}")
endfunction()

# vmms_embed(TARGET symbol file...): the bytes of each file as `const char SYMBOL[]` (NUL-terminated)
# and `const size_t SYMBOL_size`, assembled with .incbin.
function(vmms_embed target symbol file)
  set(out "${CMAKE_CURRENT_BINARY_DIR}/embed_${symbol}.S")
  file(CONFIGURE OUTPUT "${out}" CONTENT
".section .rodata
.global @symbol@
.balign 16
@symbol@:
.incbin \"@file@\"
.Lend_@symbol@:
.byte 0
.balign 8
.global @symbol@_size
@symbol@_size:
.quad .Lend_@symbol@ - @symbol@
.section .note.GNU-stack,\"\",@progbits
" @ONLY)
  set_source_files_properties("${out}" PROPERTIES OBJECT_DEPENDS "${file}")
  target_sources(${target} PRIVATE "${out}")
endfunction()
