/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A path at which there is a block device, for those who look and do not open. */
#ifndef BLOCK_NODE_H
#define BLOCK_NODE_H

#include <glib.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Of the host, for users who cannot make one; g_free, NULL: it has none. */
static inline char *block_node_find(void)
{
	g_autoptr(GDir) dir = g_dir_open("/dev", 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename("/dev", name, NULL);
		struct stat st;

		if (stat(path, &st) == 0 && S_ISBLK(st.st_mode))
			return g_steal_pointer(&path);
	}
	return NULL;
}

/* FALSE, and the test is skipped: neither can one be made here, nor is there any. */
static inline gboolean block_node_put(const char *path)
{
	g_autofree char *other = NULL;

	if (mknod(path, S_IFBLK | 0600, makedev(7, 0)) == 0)
		return TRUE;
	other = block_node_find();
	if (other && symlink(other, path) == 0)
		return TRUE;
	g_test_skip("there is no block device, and none can be made");
	return FALSE;
}

#endif
