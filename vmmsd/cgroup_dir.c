/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "service_error.h"

#define PERIOD_US 100000u /* of cpu.max */
#define BASE_SELF "vmmsd"

G_GNUC_PRINTF(2, 3)
static gboolean fail(GError **error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error_literal(error, SERVICE_ERROR, SERVICE_ERROR_FAILED, text);
	return FALSE;
}

char *cgroup_find(const char *root, const char *proc_root, pid_t pid, GError **error)
{
	g_autofree char *controllers = g_build_filename(root, "cgroup.controllers", NULL);
	g_autofree char *path = g_strdup_printf("%s/%d/cgroup", proc_root, (int)pid);
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	if (!g_file_test(controllers, G_FILE_TEST_EXISTS)) {
		fail(error, "%s is not the unified hierarchy of cgroup v2", root);
		return NULL;
	}
	if (!g_file_get_contents(path, &text, NULL, NULL)) {
		fail(error, "%s cannot be read", path);
		return NULL;
	}
	lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line; line++) {
		if (g_str_has_prefix(*line, "0::/") && !strstr(*line, "/.."))
			return g_build_filename(root, *line + strlen("0::"), NULL);
	}
	fail(error, "%s names no cgroup of version 2", path);
	return NULL;
}

gboolean cgroup_write(const char *dir, const char *file, const char *text, GError **error)
{
	g_autofree char *path = g_build_filename(dir, file, NULL);
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = fd >= 0 ? write(fd, text, strlen(text)) : -1;
	int saved = errno;

	if (fd >= 0)
		(void)close(fd);
	return n >= 0 ||
	       fail(error, "%s cannot be set to \"%s\": %s", path, text, g_strerror(saved));
}

gboolean cgroup_write_number(const char *dir, const char *file, uint32_t number, GError **error)
{
	g_autofree char *text = g_strdup_printf("%u", number);

	return cgroup_write(dir, file, text, error);
}

gboolean cgroup_write_quota(const char *dir, uint32_t percent, GError **error)
{
	g_autofree char *text =
		percent > 0 ? g_strdup_printf("%u %u", percent * (PERIOD_US / 100), PERIOD_US)
			    : g_strdup("max");

	return cgroup_write(dir, "cpu.max", text, error);
}

char *cgroup_read(const char *dir, const char *file)
{
	g_autofree char *path = g_build_filename(dir, file, NULL);
	char *text = NULL;

	return g_file_get_contents(path, &text, NULL, NULL) ? text : NULL;
}

static gboolean has_word(const char *dir, const char *file, const char *word)
{
	g_autofree char *text = cgroup_read(dir, file);
	g_auto(GStrv) words = text ? g_strsplit(g_strchomp(text), " ", -1) : NULL;

	return words && g_strv_contains((const char *const *)words, word);
}

gboolean cgroup_has_controller(const char *dir, const char *controller)
{
	return has_word(dir, "cgroup.subtree_control", controller);
}

/* systemd marks what it has given away. */
static gboolean is_delegated(const char *dir)
{
	char value[2] = "";

	return (getxattr(dir, "user.delegate", value, 1) == 1 ||
		getxattr(dir, "trusted.delegate", value, 1) == 1) &&
	       value[0] == '1';
}

static gboolean is_alone(const char *dir)
{
	g_autofree char *procs = cgroup_read(dir, "cgroup.procs");
	g_autofree char *self = g_strdup_printf("%d\n", (int)getpid());

	return procs && (procs[0] == '\0' || g_str_equal(procs, self));
}

static gboolean enable(const char *base, const char *controller, GError **error)
{
	g_autofree char *text = g_strconcat("+", controller, NULL);

	if (cgroup_has_controller(base, controller))
		return TRUE;
	if (!has_word(base, "cgroup.controllers", controller))
		return fail(error, "%s has not the controller %s", base, controller);
	return cgroup_write(base, "cgroup.subtree_control", text, error);
}

static gboolean base_take(const char *base, gboolean booted_by_systemd, GError **error)
{
	g_autofree char *self = g_build_filename(base, BASE_SELF, NULL);
	g_autofree char *pid = g_strdup_printf("%d", (int)getpid());

	if (booted_by_systemd && !is_delegated(base))
		return fail(error,
			    "no cgroup delegation (the cgroup of vmmsd, %s, belongs to "
			    "systemd; run vmmsd in a unit with Delegate=yes)",
			    base);
	if (access(base, W_OK) < 0)
		return fail(error, "no cgroup delegation (%s: %s)", base, g_strerror(errno));
	if (!has_word(base, "cgroup.controllers", "cpu"))
		return fail(error, "no cgroup delegation (%s has not the controller cpu)", base);
	if (!is_alone(base))
		return fail(error, "no cgroup delegation (%s holds other processes than vmmsd)",
			    base);
	if (g_mkdir(self, 0755) < 0 && errno != EEXIST)
		return fail(error, "%s: %s", self, g_strerror(errno));
	if (!cgroup_write(self, "cgroup.procs", pid, error) || !enable(base, "cpu", error))
		return FALSE;
	(void)enable(base, "cpuset", NULL); /* sched_setaffinity serves where it is not there */
	return TRUE;
}

char *cgroup_base_take(const char *root, const char *proc_root, gboolean booted_by_systemd,
		       GError **error)
{
	g_autofree char *base = NULL;
	g_autoptr(GError) local = NULL;

	base = cgroup_find(root, proc_root, getpid(), &local);
	if (!base) {
		fail(error, "no cgroup delegation (%s)", local ? local->message : "no reason");
		return NULL;
	}
	/* After a restart in the same place. */
	if (g_str_has_suffix(base, "/" BASE_SELF))
		base[strlen(base) - strlen("/" BASE_SELF)] = '\0';
	return base_take(base, booted_by_systemd, error) ? g_steal_pointer(&base) : NULL;
}

gboolean cgroup_make_branch(const char *dir, gboolean cpuset, GError **error)
{
	if (g_mkdir(dir, 0755) < 0 && errno != EEXIST)
		return fail(error, "%s: %s", dir, g_strerror(errno));
	return enable(dir, "cpu", error) && (!cpuset || enable(dir, "cpuset", error));
}

static void split_undo(const char *dir)
{
	static const char *const names[] = {CGROUP_VCPU, CGROUP_DEVICES};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *sub = g_build_filename(dir, names[i], NULL);

		(void)g_rmdir(sub);
	}
}

static gboolean split_part(const char *dir, const char *name, GError **error)
{
	g_autofree char *sub = g_build_filename(dir, name, NULL);

	if (g_file_test(sub, G_FILE_TEST_IS_DIR))
		return TRUE;
	if (g_mkdir(sub, 0755) < 0)
		return fail(error, "%s: %s", sub, g_strerror(errno));
	return cgroup_write(sub, "cgroup.type", "threaded", error);
}

gboolean cgroup_split(const char *dir, GError **error)
{
	g_autofree char *devices = g_build_filename(dir, CGROUP_DEVICES, NULL);

	/* It is made last. */
	if (g_file_test(devices, G_FILE_TEST_IS_DIR))
		return TRUE;
	/* In this order: only the parent of a threaded cgroup may hold processes and share out. */
	if (split_part(dir, CGROUP_VCPU, error) &&
	    cgroup_write(dir, "cgroup.subtree_control", "+cpu", error) &&
	    split_part(dir, CGROUP_DEVICES, error))
		return TRUE;
	split_undo(dir);
	return FALSE;
}

void cgroup_remove(const char *dir)
{
	split_undo(dir);
	(void)g_rmdir(dir);
}
