# SPDX-License-Identifier: LGPL-2.1-or-later
# The real vmmsd with a worker and an unpacker that do as they are told.
vmms_program(fake-vmworker SOURCES fake_worker.c
  LIBS vmms_schemas PkgConfig::GLIB PkgConfig::SYSTEMD PkgConfig::JSONC)
vmms_program(fake-unpack SOURCES fake_unpack.c LIBS PkgConfig::GLIB)
