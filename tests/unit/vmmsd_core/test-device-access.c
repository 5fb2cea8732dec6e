/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whom a file's mode and access control list let in, for a user that this program is not. */
#include "device_access.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <grp.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fake_file.h"
#include "temporary_directory.h"

/* Nobody's numbers. */
#define UID 3999991u
#define GID 3999992u

#define NO_ID ((unsigned)ACL_UNDEFINED_ID)

struct fixture {
	char *directory, *path;
	struct device_user user;
	gid_t gid; /* of the file */
};

static void set_up(struct fixture *f, gconstpointer data)
{
	gid_t gid = GID;
	struct stat st;

	(void)data;
	f->directory = temporary_directory_new();
	f->path = g_build_filename(f->directory, "kvm", NULL);
	fake_put(f->directory, "kvm", "x");
	/* Who is not root has a group of his own for this. */
	(void)!chown(f->path, (uid_t)-1, GID + 1);
	g_assert_cmpint(stat(f->path, &st), ==, 0);
	f->gid = st.st_gid;
	f->user.name = (char *)"guest";
	f->user.uid = UID;
	f->user.groups = g_array_new(FALSE, FALSE, sizeof(gid_t));
	g_array_append_val(f->user.groups, gid);
}

static void tear_down(struct fixture *f, gconstpointer data)
{
	(void)data;
	temporary_directory_free(f->directory);
	g_free(f->path);
	g_array_unref(f->user.groups);
}

static void expect_open(const struct fixture *f)
{
	g_autofree char *why = device_access_explain(f->path, &f->user, NULL);

	g_assert_cmpstr(why, ==, NULL);
}

/* remedy has %s for the path. */
static void expect_closed(const struct fixture *f, const char *remedy)
{
	g_autofree char *why = device_access_explain(f->path, &f->user, "root");
	g_autofree char *begin = g_strdup_printf(
		"%s is not open to guest, the user of the workers (it is ", f->path);
	g_autofree char *end = g_strdup_printf("): run \"%s\"", remedy);

	g_assert_nonnull(why);
	g_assert_true(g_str_has_prefix(why, begin));
	if (!g_str_has_suffix(why, end))
		g_error("%s does not end with %s", why, end);
}

static void test_others(struct fixture *f, gconstpointer data)
{
	g_autofree char *chgrp =
		g_strdup_printf("chgrp root %s && chmod g+rw %s", f->path, f->path);
	g_autofree char *join = g_strdup_printf("usermod -aG %u guest", f->gid);

	(void)data;
	g_assert_cmpint(g_chmod(f->path, 0666), ==, 0);
	expect_open(f);
	g_assert_cmpint(g_chmod(f->path, 0604), ==, 0);
	expect_closed(f, chgrp);
	g_assert_cmpint(g_chmod(f->path, 0600), ==, 0);
	expect_closed(f, chgrp);
	if (f->gid < 1000) /* it has a name */
		return;
	g_assert_cmpint(g_chmod(f->path, 0660), ==, 0);
	expect_closed(f, join);
}

static void test_group(struct fixture *f, gconstpointer data)
{
	g_autofree char *chmod_group = g_strdup_printf("chmod g+rw %s", f->path);

	(void)data;
	g_array_append_val(f->user.groups, f->gid);
	g_assert_cmpint(g_chmod(f->path, 0660), ==, 0);
	expect_open(f);
	/* Whom the group shuts out others cannot let in. */
	g_assert_cmpint(g_chmod(f->path, 0646), ==, 0);
	expect_closed(f, chmod_group);
}

static void test_owner(struct fixture *f, gconstpointer data)
{
	g_autofree char *chmod_user = g_strdup_printf("chmod u+rw %s", f->path);

	(void)data;
	f->user.uid = geteuid();
	g_assert_cmpint(g_chmod(f->path, 0600), ==, 0);
	expect_open(f);
	g_assert_cmpint(g_chmod(f->path, 0466), ==, 0);
	expect_closed(f, chmod_user);
}

/* FALSE: this file system has no such lists, and the test is skipped. */
static gboolean put_list(const struct fixture *f, unsigned user, unsigned group, unsigned mask)
{
	const unsigned entries[][3] = {{ACL_USER_OBJ, 6, NO_ID},  {ACL_USER, user, UID},
				       {ACL_GROUP_OBJ, 0, NO_ID}, {ACL_GROUP, group, GID},
				       {ACL_MASK, mask, NO_ID},	  {ACL_OTHER, 0, NO_ID}};
	struct {
		struct posix_acl_xattr_header header;
		struct posix_acl_xattr_entry entries[G_N_ELEMENTS(entries)];
	} list = {.header.a_version = htole32(POSIX_ACL_XATTR_VERSION)};

	for (size_t i = 0; i < G_N_ELEMENTS(entries); i++)
		list.entries[i] =
			(struct posix_acl_xattr_entry){.e_tag = htole16((uint16_t)entries[i][0]),
						       .e_perm = htole16((uint16_t)entries[i][1]),
						       .e_id = htole32(entries[i][2])};
	if (setxattr(f->path, "system.posix_acl_access", &list, sizeof(list), 0) == 0)
		return TRUE;
	g_assert_cmpint(errno, ==, EOPNOTSUPP);
	g_test_skip("the file system has no access control lists");
	return FALSE;
}

static void test_list(struct fixture *f, gconstpointer data)
{
	g_autofree char *setfacl = g_strdup_printf("setfacl -m u:guest:rw %s", f->path);

	(void)data;
	if (!put_list(f, 6, 0, 6))
		return;
	expect_open(f);
	g_assert_true(put_list(f, 6, 0, 4)); /* the mask */
	expect_closed(f, setfacl);
	g_assert_true(put_list(f, 4, 6, 6)); /* his own entry counts, not his group's */
	expect_closed(f, setfacl);
	f->user.uid++;
	expect_open(f);
	g_assert_true(put_list(f, 6, 4, 6));
	expect_closed(f, setfacl);
}

/* What the kernel says to a process that is the user. */
static gboolean kernel_allows(const struct fixture *f)
{
	const GArray *groups = f->user.groups;
	pid_t child = fork();
	int status = 0;

	g_assert_cmpint(child, >=, 0);
	if (child == 0) {
		gid_t gid = g_array_index(groups, gid_t, 0);

		if (setgroups(groups->len, (const gid_t *)(const void *)groups->data) < 0 ||
		    setresgid(gid, gid, gid) < 0 ||
		    setresuid(f->user.uid, f->user.uid, f->user.uid) < 0)
			_exit(2);
		_exit(access(f->path, R_OK | W_OK) == 0 ? 0 : 1);
	}
	g_assert_cmpint(waitpid(child, &status, 0), ==, child);
	g_assert_true(WIFEXITED(status));
	g_assert_cmpint(WEXITSTATUS(status), <, 2);
	return WEXITSTATUS(status) == 0;
}

static unsigned any_permission(void)
{
	static const unsigned some[] = {0, ACL_READ, ACL_WRITE, ACL_READ | ACL_WRITE, 7};

	return some[g_test_rand_int_range(0, G_N_ELEMENTS(some))];
}

static void test_as_the_kernel(struct fixture *f, gconstpointer data)
{
	(void)data;
	if (geteuid() != 0) {
		g_test_skip("only root can become another user to compare");
		return;
	}
	g_assert_cmpint(g_chmod(f->directory, 0711), ==, 0);
	for (int i = 0; i < 300; i++) {
		if (i % 2 && !put_list(f, any_permission(), any_permission(), any_permission()))
			return;
		/* With a list, the bits of the group are its mask. */
		g_assert_cmpint(g_chmod(f->path, (mode_t)g_test_rand_int_range(0, 0777)), ==, 0);
		f->user.uid = g_test_rand_bit() ? UID : UID + 1;
		g_array_set_size(f->user.groups, 1);
		if (g_test_rand_bit())
			g_array_append_val(f->user.groups, f->gid);
		g_autofree char *why = device_access_explain(f->path, &f->user, NULL);
		g_assert_cmpint(why == NULL, ==, kernel_allows(f));
	}
}

static void test_absent(struct fixture *f, gconstpointer data)
{
	(void)data;
	g_assert_cmpint(g_unlink(f->path), ==, 0);
	expect_open(f);
}

static void test_find(void)
{
	g_autoptr(device_user_t) root = device_user_find("root", NULL);

	g_assert_null(device_user_find("no-such-user", NULL));
	g_assert_nonnull(root);
	g_assert_cmpuint(root->uid, ==, 0);
	g_assert_cmpuint(root->groups->len, >=, 1);
	g_autoptr(device_user_t) more = device_user_find("root", "root");
	g_assert_cmpuint(more->groups->len, ==, root->groups->len + 1);
	g_autoptr(device_user_t) same = device_user_find("root", "no-such-group");
	g_assert_cmpuint(same->groups->len, ==, root->groups->len);
}

#define ADD(path, function) \
	g_test_add("/device-access/" path, struct fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("others", test_others);
	ADD("group", test_group);
	ADD("owner", test_owner);
	ADD("list", test_list);
	ADD("as-the-kernel", test_as_the_kernel);
	ADD("absent", test_absent);
	g_test_add_func("/device-access/find", test_find);
	return g_test_run();
}
