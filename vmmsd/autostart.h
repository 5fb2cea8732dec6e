/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Autostart: the member `autostart` of a definition, and in system mode the unit
 * vmms-vm@NAME.service that is enabled in step with it.
 */
#ifndef AUTOSTART_H
#define AUTOSTART_H

#include "service.h"

/* done is called once, perhaps from within this call; error is borrowed, NULL when it is stored
 * (and enabled). */
void autostart_set(struct service *service, struct vm *vm, gboolean enabled,
		   void (*done)(void *context, const GError *error), void *context);

/*
 * The unit follows a definition that was added, edited, renamed or deleted: from the old name and
 * setting (NULL, FALSE: it was not there) to the new one (NULL, FALSE: it is not there any more).
 */
void autostart_follow(struct service *service, const char *old_name, gboolean old_enabled,
		      const char *new_name, gboolean new_enabled);

/*
 * In system mode definitions follow the units, now and whenever somebody uses systemctl enable or
 * disable: the links in multi-user.target.wants are the truth.
 */
void autostart_watch(struct service *service);

/* Starts every VM whose definition says so: where no systemd does it, after the host's boot. */
void autostart_all(struct service *service);

#endif
