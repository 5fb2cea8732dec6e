/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether another user may open a device, judged from its mode and access control list: this
 * service cannot become that user to try, and what it may open itself (CAP_DAC_OVERRIDE) says
 * nothing.
 */
#ifndef DEVICE_ACCESS_H
#define DEVICE_ACCESS_H

#include <glib.h>
#include <sys/types.h>

struct device_user {
	char *name;
	uid_t uid;
	GArray *groups; /* of gid_t */
};
typedef struct device_user device_user_t;

/* With the groups that the host's database has now, and one more (NULL, or unknown: none). NULL:
 * there is no such user. */
struct device_user *device_user_find(const char *name, const char *group);
void device_user_free(struct device_user *user); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(device_user_t, device_user_free)

/*
 * NULL when the user, without any capability, may read and write it, or when there is nothing at
 * path; else the fault and the remedy, g_free. group: whose the device should be (as above).
 */
char *device_access_explain(const char *path, const struct device_user *user, const char *group);

#endif
