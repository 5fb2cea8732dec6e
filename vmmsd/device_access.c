/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "device_access.h"

#include <endian.h>
#include <grp.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define WANTED	    (ACL_READ | ACL_WRITE)
#define ENTRIES_MAX 64u /* more than anybody gives a device; then the mode alone is looked at */
#define GROUPS_MAX  65536
#define NAMES_BYTES 16384u

struct entry {
	uint16_t tag;
	unsigned permissions;
	uint32_t id;
};

struct device {
	const char *path;
	struct stat st;
	struct entry entries[ENTRIES_MAX]; /* in the order in which the kernel asks them */
	size_t n;
	bool has_list;
};

/* ---- the user -------------------------------------------------------------------------------- */

/* FALSE: there is none of that name. */
static bool find_group(const char *name, gid_t *gid)
{
	char buffer[NAMES_BYTES];
	struct group group, *found = NULL;

	if (!name || getgrnam_r(name, &group, buffer, sizeof(buffer), &found) != 0 || !found)
		return false;
	*gid = found->gr_gid;
	return true;
}

static GArray *groups_of(const char *name, gid_t primary)
{
	GArray *groups = g_array_new(FALSE, TRUE, sizeof(gid_t));
	int n = 32, held;

	do {
		held = n;
		g_array_set_size(groups, (guint)held);
	} while (getgrouplist(name, primary, (gid_t *)(void *)groups->data, &n) < 0 && n > held &&
		 n <= GROUPS_MAX);
	g_array_set_size(groups, (guint)MIN(n, held));
	return groups;
}

struct device_user *device_user_find(const char *name, const char *group)
{
	char buffer[NAMES_BYTES];
	struct passwd passwd, *found = NULL;
	struct device_user *user;
	gid_t gid;

	if (getpwnam_r(name, &passwd, buffer, sizeof(buffer), &found) != 0 || !found)
		return NULL;
	user = g_new0(struct device_user, 1);
	user->name = g_strdup(name);
	user->uid = found->pw_uid;
	user->groups = groups_of(name, found->pw_gid);
	if (find_group(group, &gid))
		g_array_append_val(user->groups, gid);
	return user;
}

void device_user_free(struct device_user *user)
{
	if (!user)
		return;
	g_free(user->name);
	g_array_unref(user->groups);
	g_free(user);
}

static bool is_member(const struct device_user *user, gid_t gid)
{
	for (guint i = 0; i < user->groups->len; i++) {
		if (g_array_index(user->groups, gid_t, i) == gid)
			return true;
	}
	return false;
}

/* ---- the device ------------------------------------------------------------------------------ */

static void add_entry(struct device *device, uint16_t tag, unsigned permissions, uint32_t id)
{
	device->entries[device->n++] =
		(struct entry){.tag = tag, .permissions = permissions, .id = id};
}

/* A file without a list, and one whose list cannot be read, has what its mode says. */
static void read_mode(struct device *device)
{
	mode_t mode = device->st.st_mode;

	device->n = 0;
	add_entry(device, ACL_USER_OBJ, mode >> 6 & 7, 0);
	add_entry(device, ACL_GROUP_OBJ, mode >> 3 & 7, 0);
	add_entry(device, ACL_OTHER, mode & 7, 0);
}

static bool read_list(struct device *device)
{
	struct {
		struct posix_acl_xattr_header header;
		struct posix_acl_xattr_entry entries[ENTRIES_MAX];
	} list;
	ssize_t size = getxattr(device->path, "system.posix_acl_access", &list, sizeof(list));

	if (size < (ssize_t)sizeof(list.header) ||
	    le32toh(list.header.a_version) != POSIX_ACL_XATTR_VERSION)
		return false;
	for (size_t i = 0; i < ((size_t)size - sizeof(list.header)) / sizeof(list.entries[0]); i++)
		add_entry(device, le16toh(list.entries[i].e_tag), le16toh(list.entries[i].e_perm),
			  le32toh(list.entries[i].e_id));
	return true;
}

static bool device_read(struct device *device, const char *path)
{
	*device = (struct device){.path = path};
	if (stat(path, &device->st) < 0)
		return false;
	device->has_list = read_list(device);
	/* With a list the bits of the group are its mask, and Linux asks no list whose mask is
	 * empty. */
	if (!device->has_list || (device->st.st_mode & S_IRWXG) == 0)
		read_mode(device);
	return true;
}

static unsigned find_mask(const struct device *device)
{
	for (size_t i = 0; i < device->n; i++) {
		if (device->entries[i].tag == ACL_MASK)
			return device->entries[i].permissions;
	}
	return WANTED;
}

/* acl(5), ACCESS CHECK ALGORITHM: the first entry of the user counts, or any of his groups'. */
static bool allows(const struct device *device, const struct device_user *user)
{
	unsigned mask = find_mask(device);
	bool in_group = false;

	for (size_t i = 0; i < device->n; i++) {
		const struct entry *entry = &device->entries[i];
		bool all = (entry->permissions & WANTED) == WANTED;
		bool masked = all && (mask & WANTED) == WANTED;
		gid_t gid = entry->tag == ACL_GROUP_OBJ ? device->st.st_gid : entry->id;

		if (entry->tag == ACL_USER_OBJ && device->st.st_uid == user->uid)
			return all;
		if (entry->tag == ACL_USER && entry->id == user->uid)
			return masked;
		if ((entry->tag == ACL_GROUP_OBJ || entry->tag == ACL_GROUP) &&
		    is_member(user, gid)) {
			if (masked)
				return true;
			in_group = true;
		}
		if (entry->tag == ACL_OTHER)
			return !in_group && all;
	}
	return false;
}

/* ---- what is said ---------------------------------------------------------------------------- */

static char *user_name(uid_t uid)
{
	char buffer[NAMES_BYTES];
	struct passwd passwd, *found = NULL;

	if (getpwuid_r(uid, &passwd, buffer, sizeof(buffer), &found) != 0 || !found)
		return g_strdup_printf("%u", uid);
	return g_strdup(found->pw_name);
}

static char *group_name(gid_t gid)
{
	char buffer[NAMES_BYTES];
	struct group group, *found = NULL;

	if (getgrgid_r(gid, &group, buffer, sizeof(buffer), &found) != 0 || !found)
		return g_strdup_printf("%u", gid);
	return g_strdup(found->gr_name);
}

/* Nobody is asked to join the group of root. */
static char *find_remedy(const struct device *device, const struct device_user *user,
			 const char *group)
{
	gid_t gid = device->st.st_gid, wanted;
	bool open_to_group = (device->st.st_mode >> 3 & WANTED) == WANTED;
	g_autofree char *owner = group_name(gid);

	if (user->uid == device->st.st_uid)
		return g_strdup_printf("chmod u+rw %s", device->path);
	if (!device->has_list && is_member(user, gid))
		return g_strdup_printf("chmod g+rw %s", device->path);
	if (!device->has_list && open_to_group && gid != 0)
		return g_strdup_printf("usermod -aG %s %s", owner, user->name);
	if (!device->has_list && find_group(group, &wanted))
		return g_strdup_printf("chgrp %s %s && chmod g+rw %s", group, device->path,
				       device->path);
	return g_strdup_printf("setfacl -m u:%s:rw %s", user->name, device->path);
}

char *device_access_explain(const char *path, const struct device_user *user, const char *group)
{
	struct device device;

	if (!device_read(&device, path) || allows(&device, user))
		return NULL;
	g_autofree char *owner = user_name(device.st.st_uid);
	g_autofree char *its_group = group_name(device.st.st_gid);
	g_autofree char *remedy = find_remedy(&device, user, group);
	return g_strdup_printf("%s is not open to %s, the user of the workers (it is %s:%s, mode "
			       "%04o%s): run \"%s\"",
			       path, user->name, owner, its_group, device.st.st_mode & 07777u,
			       device.has_list ? ", with an access control list" : "", remedy);
}
