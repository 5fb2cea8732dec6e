# SPDX-License-Identifier: LGPL-2.1-or-later
vmms_fuzz(fuzz_scsi SOURCES fuzz_scsi.c LIBS scsi)
vmms_fuzz(fuzz_qcow2 SOURCES fuzz_qcow2.c LIBS vmmsd_core)
vmms_fuzz(fuzz_storvsp SOURCES fuzz_storvsp.c LIBS storvsp_guest)
