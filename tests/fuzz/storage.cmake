# SPDX-License-Identifier: LGPL-2.1-or-later
set(storvsp vsp/storvsp)
vmms_fuzz(fuzz_scsi GUEST SOURCES fuzz_scsi.c LIBS scsi
  COVERS ${storvsp}/scsi.c ${storvsp}/scsi_data.c ${storvsp}/scsi_dvd.c ${storvsp}/scsi_inquiry.c
    ${storvsp}/scsi_mode.c ${storvsp}/scsi_unit.c)
vmms_fuzz(fuzz_storvsp GUEST SOURCES fuzz_storvsp.c LIBS storvsp_guest
  COVERS ${storvsp}/storvsp_channel.c ${storvsp}/storvsp_srb.c)
vmms_fuzz(fuzz_qcow2 SOURCES fuzz_qcow2.c LIBS vmmsd_core)
