# SPDX-License-Identifier: LGPL-2.1-or-later
# vmmsd_service: jobs, operations, workers and the D-Bus edge; vmmsd: the program.
vmms_library(vmmsd_service
  SOURCES
    adopt.c
    authz.c
    autostart.c
    bus.c
    bus_console.c
    bus_error.c
    bus_ask.c
    bus_group.c
    bus_guest.c
    bus_host.c
    bus_job.c
    bus_manager.c
    bus_property.c
    bus_server.c
    bus_signal.c
    bus_stats.c
    bus_vm.c
    console_log.c
    cpu_watch.c
    disk_image.c
    events.c
    guest_info.c
    image_chain.c
    image_server.c
    job.c
    kernel_image.c
    launch.c
    libvirt_network.c
    log.c
    options.c
    passt.c
    process.c
    sched_service.c
    sched_split.c
    sched_stats.c
    sched_apply.c
    sched_core.c
    host_confine.c sched_exclude.c
    sched_gone.c
    sched_hierarchy.c
    sched_unit.c
    saved_state.c
    service.c
    socket_at.c
    stop_all.c
    subprocess.c
    switch_port.c
    systemd_unit.c
    tap.c
    translate_speed.c
    vm_copy.c
    vm_disks.c
    vm_end.c
    vm_freeze.c
    vm_nics.c
    vm_plug.c
    vm_plug_check.c
    vm_resize.c
    vm_serve.c
    vm_pause.c
    vm_reboot.c
    vm_restart.c
    vm_save.c
    vm_shutdown.c
    vm_start.c
    vm_stop.c
    worker.c
    tree_remove.c worker_dir.c
    worker_host.c
    worker_link.c
    worker_probe.c
    worker_result.c
    worker_spawn.c
  PUBLIC vmmsd_core PkgConfig::SYSTEMD
  PRIVATE PkgConfig::JSONC)
target_compile_definitions(vmmsd_service PRIVATE
  VMMS_LIBEXECDIR="${CMAKE_INSTALL_FULL_LIBEXECDIR}/vmms")

vmms_program(vmmsd SOURCES main.c LIBS vmmsd_service DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/vmms)
