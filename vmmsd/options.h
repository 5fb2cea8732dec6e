/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line of vmmsd, and the directories that follow from the way it runs. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <glib.h>

enum service_mode { MODE_SYSTEM, MODE_SESSION, MODE_PRIVATE };

struct options {
	enum service_mode mode;
	char *private_dir;    /* absolute; NULL unless MODE_PRIVATE */
	char *state_dir;      /* the store */
	char *runtime_dir;    /* one directory per VM: control socket, console rings, result */
	char *cache_dir;      /* unpacked kernels */
	char *worker;	      /* absolute path of vmworker */
	char *translator;     /* absolute path of vmworker-translate */
	char *unpack;	      /* absolute path of vmms-unpack */
	char *image_server;   /* absolute path of vmms-nbd */
	char *net_switch;     /* absolute path of vmms-switch */
	char *libvirt_helper; /* absolute path of vmms-libvirt */
	char *libvirt_uri;    /* NULL: the host's own */
	int log_level;
	gboolean exit_now; /* --version was answered */
};

/* FALSE: what is wrong and what to do. */
gboolean options_parse(struct options *options, int *argc, char ***argv, GError **error);
void options_clear(struct options *options);
/* Makes the directories: the private one and runtime 0700; an existing one keeps its mode. */
gboolean options_make_directories(const struct options *options, GError **error);

const char *service_mode_name(enum service_mode mode); /* "system", ... */

#endif
