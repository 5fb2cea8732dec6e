/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The files of a cgroup (v2), and the sub-groups that set a VM's processors apart from the threads
 * that serve its devices, so that a limited VM's disk does not starve and each side has a weight.
 * That takes threaded cgroups: threads move to DIR/vcpu and DIR/devices, the process stays in DIR.
 * Blocking, briefly.
 */
#ifndef CGROUP_DIR_H
#define CGROUP_DIR_H

#include <glib.h>
#include <stdint.h>
#include <sys/types.h>

#define CGROUP_ROOT    "/sys/fs/cgroup"
#define CGROUP_VCPU    "vcpu"
#define CGROUP_DEVICES "devices"

/* The directory below root that a process is in, by PROC/<pid>/cgroup. NULL and FAILED when the
 * host does not use cgroup v2 alone; g_free. */
char *cgroup_find(const char *root, const char *proc_root, pid_t pid, GError **error);

/* FAILED with the file and the kernel's reason. */
gboolean cgroup_write(const char *dir, const char *file, const char *text, GError **error);
gboolean cgroup_write_number(const char *dir, const char *file, uint32_t number, GError **error);
/* cpu.max, in percent of one CPU; 0: none. */
gboolean cgroup_write_quota(const char *dir, uint32_t percent, GError **error);
/* NULL when it cannot be read; g_free. */
char *cgroup_read(const char *dir, const char *file);
/* Whether the controller can be used in dir's children. */
gboolean cgroup_has_controller(const char *dir, const char *controller);

/*
 * Where vmmsd may make cgroups of its own: the cgroup that it is in, when that was delegated to it
 * (or the host has no systemd to ask) and can be written, with the controller cpu for its children.
 * vmmsd itself moves to BASE/vmmsd, since a cgroup with children may hold no process. NULL and
 * FAILED with the reason; g_free.
 */
char *cgroup_base_take(const char *root, const char *proc_root, gboolean booted_by_systemd,
		       GError **error);

/* Makes dir, whose parent shares out the controllers, for cgroups within it: with the controller
 * cpu for them, and cpuset. Does nothing to one that is there. */
gboolean cgroup_make_branch(const char *dir, gboolean cpuset, GError **error);

/* Makes DIR/vcpu and DIR/devices; does nothing when they are there. */
gboolean cgroup_split(const char *dir, GError **error);
/* Removes both and DIR; a cgroup with processes stays. */
void cgroup_remove(const char *dir);

#endif
