/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Units of systemd through its D-Bus API (org.freedesktop.systemd1.Manager), asynchronously. Used
 * in system mode only. Main thread.
 */
#ifndef SYSTEMD_UNIT_H
#define SYSTEMD_UNIT_H

#include <glib.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>

struct systemd_units;
struct unit_job;

/* error is borrowed; NULL when the job of systemd ended well. */
typedef void unit_done(void *context, const GError *error);

/* bus is borrowed and outlives it. NULL and FAILED when systemd cannot be listened to. */
struct systemd_units *systemd_units_new(sd_bus *bus, GError **error);
void systemd_units_free(struct systemd_units *units); /* NULL is fine */

/* changed is called whenever unit files were enabled or disabled, by whomever. Once, after new. */
int systemd_units_watch_files(struct systemd_units *units, void (*changed)(void *context),
			      void *context);

/* done is called once, later, unless the job is forgotten before. NULL: it cannot be asked. */
struct unit_job *systemd_unit_start(struct systemd_units *units, const char *unit, unit_done *done,
				    void *context);
struct unit_job *systemd_unit_stop(struct systemd_units *units, const char *unit, unit_done *done,
				   void *context);
/* A new scope in slice, into which processes (pid_t) move, wherever they were; what holds a worker
 * back as long as it is in its service's cgroup holds there, too. */
struct unit_job *systemd_scope_start(struct systemd_units *units, const char *scope,
				     const char *slice, const GArray *pids, unit_done *done,
				     void *context);
/* Enables or disables a unit file and lets systemd read it again. */
struct unit_job *systemd_unit_enable(struct systemd_units *units, const char *unit, gboolean enable,
				     unit_done *done, void *context);
/* done is not called any more. NULL is fine. */
void unit_job_forget(struct unit_job *job);

#endif
