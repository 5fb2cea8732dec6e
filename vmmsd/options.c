/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "options.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "log.h"
#include "service_error.h"

static const char *const mode_names[] = {
	[MODE_SYSTEM] = "system",
	[MODE_SESSION] = "session",
	[MODE_PRIVATE] = "private",
};

const char *service_mode_name(enum service_mode mode)
{
	return mode_names[mode];
}

void options_clear(struct options *options)
{
	g_free(options->private_dir);
	g_free(options->state_dir);
	g_free(options->runtime_dir);
	g_free(options->cache_dir);
	g_free(options->worker);
	g_free(options->translator);
	g_free(options->unpack);
	g_free(options->net_switch);
	g_free(options->image_server);
	g_free(options->libvirt_helper);
	g_free(options->libvirt_uri);
	*options = (struct options){0};
}

/* A caller's value wins over the default; both end up absolute. */
static void path_settle(char **path, char *fallback)
{
	g_autofree char *value = *path ? *path : fallback;

	if (*path)
		g_free(fallback);
	*path = g_canonicalize_filename(value, NULL);
}

static void options_settle_directories(struct options *options)
{
	switch (options->mode) {
	case MODE_SYSTEM:
		path_settle(&options->state_dir, g_strdup("/var/lib/vmms"));
		path_settle(&options->runtime_dir, g_strdup("/run/vmms"));
		path_settle(&options->cache_dir, g_strdup("/var/cache/vmms"));
		break;
	case MODE_SESSION:
		path_settle(&options->state_dir,
			    g_build_filename(g_get_user_state_dir(), "vmms", NULL));
		path_settle(&options->runtime_dir,
			    g_build_filename(g_get_user_runtime_dir(), "vmms", NULL));
		path_settle(&options->cache_dir,
			    g_build_filename(g_get_user_cache_dir(), "vmms", NULL));
		break;
	case MODE_PRIVATE:
		path_settle(&options->state_dir,
			    g_build_filename(options->private_dir, "state", NULL));
		path_settle(&options->runtime_dir,
			    g_build_filename(options->private_dir, "run", NULL));
		path_settle(&options->cache_dir,
			    g_build_filename(options->private_dir, "cache", NULL));
		break;
	}
}

/* Installed in LIBEXECDIR; in a build tree, where the build put it. */
static char *program_find(const char *name, const char *build_subdir)
{
	g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
	g_autofree char *self_dir = self ? g_path_get_dirname(self) : NULL;
	char *installed = g_build_filename(VMMS_LIBEXECDIR, name, NULL);
	g_autofree char *built = NULL, *beside = NULL;

	if (!self_dir)
		return installed;
	beside = g_build_filename(self_dir, name, NULL);
	built = g_build_filename(self_dir, "..", build_subdir, name, NULL);
	if (g_file_test(beside, G_FILE_TEST_IS_EXECUTABLE)) {
		g_free(installed);
		return g_steal_pointer(&beside);
	}
	if (g_file_test(built, G_FILE_TEST_IS_EXECUTABLE)) {
		g_free(installed);
		return g_steal_pointer(&built);
	}
	return installed;
}

static gboolean options_check(struct options *options, const char *level, gboolean session,
			      int n_rest, GError **error)
{
	if (n_rest > 0) {
		g_set_error_literal(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_ARGUMENT,
				    "vmmsd takes options only; see vmmsd --help");
		return FALSE;
	}
	if (session && options->private_dir) {
		g_set_error_literal(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_ARGUMENT,
				    "--session and --private exclude each other; give one of them");
		return FALSE;
	}
	options->log_level = LOG_INFO;
	if (level && !log_level_parse(level, &options->log_level)) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_ARGUMENT,
			    "--log-level %s: not a level; give error, warning, info or debug",
			    level);
		return FALSE;
	}
	options->mode = session ? MODE_SESSION : options->private_dir ? MODE_PRIVATE : MODE_SYSTEM;
	if (options->mode == MODE_SYSTEM && geteuid() != 0) {
		g_set_error_literal(error, SERVICE_ERROR, SERVICE_ERROR_DENIED,
				    "vmmsd on the system bus needs root; run vmmsd --session or "
				    "vmmsd --private DIR for a service of your own");
		return FALSE;
	}
	return TRUE;
}

static gboolean private_dir_settle(struct options *options, GError **error)
{
	path_settle(&options->private_dir, NULL);
	if (strlen(options->private_dir) + sizeof("/bus") >
	    sizeof(((struct sockaddr_un *)NULL)->sun_path)) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_ARGUMENT,
			    "--private %s: the path is too long for a socket in it (108 bytes); "
			    "give a shorter one",
			    options->private_dir);
		return FALSE;
	}
	return TRUE;
}

gboolean options_parse(struct options *options, int *argc, char ***argv, GError **error)
{
	gboolean session = FALSE, version = FALSE;
	g_autofree char *level = NULL;
	const GOptionEntry entries[] = {
		{"session", 0, 0, G_OPTION_ARG_NONE, &session, "Serve one user on the session bus",
		 NULL},
		{"private", 0, 0, G_OPTION_ARG_FILENAME, &options->private_dir,
		 "Serve a socket of its own, DIR/bus, and keep everything in DIR", "DIR"},
		{"state-dir", 0, 0, G_OPTION_ARG_FILENAME, &options->state_dir,
		 "Where the store is", "DIR"},
		{"runtime-dir", 0, 0, G_OPTION_ARG_FILENAME, &options->runtime_dir,
		 "Where the sockets of the workers are", "DIR"},
		{"cache-dir", 0, 0, G_OPTION_ARG_FILENAME, &options->cache_dir,
		 "Where unpacked kernels are kept", "DIR"},
		{"worker", 0, 0, G_OPTION_ARG_FILENAME, &options->worker, "The worker program",
		 "FILE"},
		{"translator", 0, 0, G_OPTION_ARG_FILENAME, &options->translator,
		 "The worker program of the engine translate", "FILE"},
		{"unpack", 0, 0, G_OPTION_ARG_FILENAME, &options->unpack,
		 "The program that unpacks kernels", "FILE"},
		{"switch", 0, 0, G_OPTION_ARG_FILENAME, &options->net_switch,
		 "The program that joins adapters of the type private", "FILE"},
		{"image-server", 0, 0, G_OPTION_ARG_FILENAME, &options->image_server,
		 "The program that serves images of other formats than raw", "FILE"},
		{"libvirt-helper", 0, 0, G_OPTION_ARG_FILENAME, &options->libvirt_helper,
		 "The program that asks libvirt", "FILE"},
		{"libvirt-uri", 0, 0, G_OPTION_ARG_STRING, &options->libvirt_uri,
		 "The libvirt whose networks adapters may join", "URI"},
		{"log-level", 0, 0, G_OPTION_ARG_STRING, &level,
		 "error, warning, info (the default) or debug", "LEVEL"},
		{"version", 0, 0, G_OPTION_ARG_NONE, &version, "Print the version", NULL},
		{0},
	};
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);

	g_option_context_set_summary(context,
				     "The management service of vmms. Without --session or "
				     "--private it serves the system bus.");
	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, argc, argv, error))
		return FALSE;
	if (version) {
		(void)printf("vmmsd %s\n", VMMS_VERSION);
		options->exit_now = TRUE;
		return TRUE;
	}
	if (!options_check(options, level, session, *argc - 1, error) ||
	    (options->private_dir && !private_dir_settle(options, error)))
		return FALSE;
	options_settle_directories(options);
	path_settle(&options->worker, program_find("vmworker", "vmworker"));
	path_settle(&options->translator, program_find("vmworker-translate", "vmworker/translate"));
	path_settle(&options->unpack, program_find("vmms-unpack", "vmworker/boot"));
	path_settle(&options->net_switch, program_find("vmms-switch", "vmworker/net"));
	path_settle(&options->image_server, program_find("vmms-nbd", "vmworker/storage"));
	path_settle(&options->libvirt_helper, program_find("vmms-libvirt", "vmmsd/libvirt"));
	return TRUE;
}

static gboolean directory_make(const char *path, mode_t mode, GError **error)
{
	struct stat st;

	if (g_mkdir_with_parents(path, (int)mode) == 0 && stat(path, &st) == 0 &&
	    access(path, W_OK | X_OK) == 0)
		return TRUE;
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED,
		    "directory %s cannot be made or written: %s; check its owner and mode", path,
		    g_strerror(errno));
	return FALSE;
}

/* Whoever can connect to DIR/bus commands VMs: a directory of another's cannot be DIR. */
static gboolean private_dir_check(const char *path, GError **error)
{
	struct stat st;

	if (stat(path, &st) == 0 && st.st_uid == geteuid() &&
	    (st.st_mode & (S_IWGRP | S_IWOTH)) == 0)
		return TRUE;
	g_set_error(
		error, SERVICE_ERROR, SERVICE_ERROR_DENIED,
		"--private %s: the directory is not yours alone; give a directory that only you "
		"can write (chmod go-w)",
		path);
	return FALSE;
}

gboolean options_make_directories(const struct options *options, GError **error)
{
	if (options->private_dir && (!directory_make(options->private_dir, 0700, error) ||
				     !private_dir_check(options->private_dir, error)))
		return FALSE;
	/* Workers of their own user look up their directory in the runtime one: system mode 0755.
	 */
	return directory_make(options->state_dir, 0700, error) &&
	       directory_make(options->runtime_dir, options->mode == MODE_SYSTEM ? 0755 : 0700,
			      error) &&
	       directory_make(options->cache_dir, 0700, error);
}
