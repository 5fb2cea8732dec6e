/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The options that create and edit have in common, and the JSON that they stand for. */
#ifndef DEFINITION_OPTIONS_H
#define DEFINITION_OPTIONS_H

#include <json-c/json.h>

#include "options.h"
#include "sched_options.h"

struct definition_options {
	struct number cpus, memory, stop_timeout, stop_order;
	struct text_list disks, nics;
	const char *kernel, *initrd, *cmdline, *engine, *description;
	const char *stop_action, *on_reboot, *on_crash;
	bool autostart, no_autostart;
	struct sched_options sched;
	const char *later; /* never set */
};

/* Rows of an option table; `base` is the offset of the struct definition_options. */
#define DEFINITION_OPTION(base, name_, kind_, value_, help_, member)         \
	{                                                                    \
		name_, 0, kind_, value_, help_,                              \
			(base) + offsetof(struct definition_options, member) \
	}
#define DEFINITION_LATER(base, name_) \
	DEFINITION_OPTION(base, name_, OPTION_LATER, "VALUE", "", later)
#define DEFINITION_OPTIONS(b)                                                                    \
	DEFINITION_OPTION(b, "cpus", OPTION_NUMBER, "N", "virtual processors", cpus),            \
		DEFINITION_OPTION(b, "memory", OPTION_SIZE, "SIZE", "e.g. 512M, 4G", memory),    \
		DEFINITION_OPTION(b, "kernel", OPTION_TEXT, "FILE",                              \
				  "Linux kernel: bzImage or vmlinux", kernel),                   \
		DEFINITION_OPTION(b, "initrd", OPTION_TEXT, "FILE", "initial RAM disk", initrd), \
		DEFINITION_OPTION(b, "cmdline", OPTION_TEXT, "TEXT", "kernel command line",      \
				  cmdline),                                                      \
		DEFINITION_OPTION(b, "engine", OPTION_CHOICE, "auto|direct|translate",           \
				  "direct: KVM; translate: QEMU/TCG", engine),                   \
		DEFINITION_OPTION(b, "description", OPTION_TEXT, "TEXT", "a note for people",    \
				  description),                                                  \
		DEFINITION_OPTION(b, "autostart", OPTION_FLAG, NULL, "start with the host",      \
				  autostart),                                                    \
		DEFINITION_OPTION(b, "no-autostart", OPTION_FLAG, NULL, "do not", no_autostart), \
		DEFINITION_OPTION(b, "stop-action", OPTION_CHOICE, "shutdown|save|off",          \
				  "when the host shuts down", stop_action),                      \
		DEFINITION_OPTION(b, "stop-timeout", OPTION_NUMBER, "SECONDS",                   \
				  "how long a shutdown may take", stop_timeout),                 \
		DEFINITION_OPTION(b, "stop-order", OPTION_NUMBER, "N",                           \
				  "at host shutdown the highest goes first", stop_order),        \
		DEFINITION_OPTION(b, "on-reboot", OPTION_CHOICE, "restart|stop",                 \
				  "when the guest reboots", on_reboot),                          \
		DEFINITION_OPTION(b, "on-crash", OPTION_CHOICE, "stop|restart",                  \
				  "when the guest breaks down", on_crash),                       \
		DEFINITION_OPTION(b, "disk", OPTION_LIST, "SPEC", "a disk", disks),              \
		DEFINITION_OPTION(b, "nic", OPTION_LIST, "SPEC", "a network adapter", nics),     \
		SCHED_OPTIONS((b) + offsetof(struct definition_options, sched)),                 \
		DEFINITION_LATER(b, "generation")

/* Whether any of them is given. */
bool definition_options_given(const struct definition_options *options);
/*
 * Puts the given ones into `document`, a definition or a merge patch: an empty --kernel or --initrd
 * becomes null. Relative paths are made absolute here: the service has another directory. Returns
 * -1, or the exit code after reporting.
 */
int definition_options_apply(const struct command *command,
			     const struct definition_options *options,
			     struct json_object *document);

/* The whole of a file ("-": standard input), at most VMMS_MAX_MESSAGE bytes; free(). NULL after
 * reporting with *exit_code. */
char *definition_read_file(const char *path, int *exit_code);

#endif
