/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "emulator_root.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "domain_xml.h"
#include "worker_error.h"

#define COPY_CHUNK ((size_t)64 << 20)
#define PRINTABLE  G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS " !#$%&'()*+,-./:;<=>?@[]_|~"

/* libvirtd's part of the host is not ours: no cgroups, no security driver, no virtlogd. */
static const char settings[] = "stdio_handler = \"file\"\n"
			       "security_driver = \"none\"\n"
			       "namespaces = [ ]\n"
			       "cgroup_controllers = [ ]\n"
			       "dynamic_ownership = 0\n"
			       "remember_owner = 0\n"
			       "seccomp_sandbox = 1\n"
			       "dump_guest_core = 0\n"
			       /* each is asked for at a start, byte by byte, and not used here */
			       "capability_filters = [ \"cpu-unavailable-features\", "
			       "\"query-hotpluggable-cpus\", \"iothread\" ]\n";

char *emulator_root_path(int fd, const char *name)
{
	return g_strdup_printf("/proc/%d/fd/%d%s%s", (int)getpid(), fd, *name ? "/" : "", name);
}

static gboolean settings_write(int root)
{
	int fd, ok;

	if (mkdirat(root, "etc", 0700) < 0 && errno != EEXIST)
		return FALSE;
	fd = openat(root, "etc/qemu.conf", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
		    0600);
	if (fd < 0)
		return FALSE;
	ok = write(fd, settings, sizeof(settings) - 1) == (ssize_t)sizeof(settings) - 1;
	return close(fd) == 0 && ok;
}

static gboolean cache_link(int root, const char *cache_dir)
{
	if (!cache_dir)
		return TRUE;
	if (g_mkdir_with_parents(cache_dir, 0700) < 0)
		return FALSE;
	return symlinkat(cache_dir, root, "cache") == 0;
}

int emulator_root_make(const char *runtime_dir, const char *cache_dir, GError **error)
{
	g_autofree char *path = g_build_filename(runtime_dir, VMMS_TRANSLATE_DIR, NULL);
	int fd = -1;

	/* Anew: libvirt would believe what an earlier QEMU left behind. */
	if (mkdir(path, 0700) == 0)
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0 && settings_write(fd) && cache_link(fd, cache_dir))
		return fd;
	g_set_error(
		error, WORKER_ERROR, WORKER_ERROR_FAILED,
		"the directory of QEMU's files, %s, cannot be made (%s); see what is in its way",
		path, g_strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

static gboolean copy_all(int from, int to)
{
	off_t at = 0;
	ssize_t n;

	do
		n = sendfile(to, from, &at, COPY_CHUNK);
	while (n > 0);
	return n == 0;
}

int emulator_root_lend(int fd, const char *name, GError **error)
{
	g_autofree char *path = emulator_root_path(fd, "");
	int again = open(path, O_RDONLY | O_CLOEXEC);
	int copy;

	if (again >= 0)
		return again;
	copy = memfd_create("image", MFD_CLOEXEC);
	if (copy >= 0 && copy_all(fd, copy))
		return copy;
	g_set_error(error, WORKER_ERROR, WORKER_ERROR_FAILED,
		    "%s cannot be copied for QEMU (%s); give the host more memory", name,
		    g_strerror(errno));
	if (copy >= 0)
		close(copy);
	return -1;
}

/* libvirt writes into that file, too: QEMU's lines have its name, behind the time. */
char *emulator_root_last_words(int root)
{
	static const char name[] = "qemu-system-x86_64: ";
	char text[2048] = "", *words;
	int fd =
		openat(root, "log/qemu/" DOMAIN_XML_NAME ".log", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	off_t end = fd >= 0 ? lseek(fd, 0, SEEK_END) : -1;
	off_t from = MAX(end - (off_t)sizeof(text) + 1, 0);
	ssize_t n = end > 0 ? pread(fd, text, sizeof(text) - 1, from) : -1;

	if (fd >= 0)
		close(fd);
	words = n > 0 ? g_strrstr(text, name) : NULL;
	if (!words || g_str_has_prefix(words + strlen(name), "warning: "))
		return NULL;
	words += strlen(name);
	words[strcspn(words, "\r\n")] = '\0';
	/* A hostile state may be quoted in it. */
	return g_strdup_printf("%.160s", g_strcanon(words, PRINTABLE, '?'));
}
