# SPDX-License-Identifier: LGPL-2.1-or-later
vmms_fuzz(fuzz_definition SOURCES fuzz_definition.c LIBS vmmsd_core)
