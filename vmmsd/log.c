/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* This file sends the fields itself; the source position would be the helper's. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

struct log {
	int level;
	gboolean journal;
};

static const struct {
	const char *name;
	int level;
} level_names[] = {
	{"error", LOG_ERR},
	{"warning", LOG_WARNING},
	{"info", LOG_INFO},
	{"debug", LOG_DEBUG},
};

/* systemd.exec(5): JOURNAL_STREAM names the device and inode of the stream given to the service. */
static gboolean stderr_is_journal(void)
{
	const char *stream = g_getenv("JOURNAL_STREAM");
	g_autofree char *expected = NULL;
	struct stat st;

	if (!stream || fstat(STDERR_FILENO, &st) < 0)
		return FALSE;
	expected =
		g_strdup_printf("%" PRIu64 ":%" PRIu64, (uint64_t)st.st_dev, (uint64_t)st.st_ino);
	return g_str_equal(stream, expected);
}

struct log *log_new(int level)
{
	struct log *log = g_new0(struct log, 1);

	log->level = level;
	log->journal = stderr_is_journal();
	return log;
}

void log_free(struct log *log)
{
	g_free(log);
}

gboolean log_is_journal(const struct log *log)
{
	return log->journal;
}

gboolean log_level_parse(const char *text, int *ret)
{
	for (size_t i = 0; i < G_N_ELEMENTS(level_names); i++) {
		if (g_str_equal(text, level_names[i].name)) {
			*ret = level_names[i].level;
			return TRUE;
		}
	}
	return FALSE;
}

/* A line stays a line, and a terminal takes no escape sequence from a guest. */
static void text_defuse(char *text)
{
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
}

static void log_write(const struct log *log, int priority, const struct vm *vm, const char *text)
{
	const char *name = vm ? vm->definition->name : NULL;

	if (!log->journal) {
		(void)fprintf(stderr, "vmmsd: %s%s%s\n", name ? name : "", name ? ": " : "", text);
		return;
	}
	if (vm)
		(void)sd_journal_send("MESSAGE=%s: %s", name, text, "PRIORITY=%i", priority,
				      "VM_UUID=%s", vm->definition->uuid, "VM_NAME=%s", name, NULL);
	else
		(void)sd_journal_send("MESSAGE=%s", text, "PRIORITY=%i", priority, NULL);
}

void log_service(const struct log *log, int priority, const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list ap;

	if (priority > log->level)
		return;
	va_start(ap, format);
	text = g_strdup_vprintf(format, ap);
	va_end(ap);
	text_defuse(text);
	log_write(log, priority, NULL, text);
}

void log_vm(const struct log *log, int priority, const struct vm *vm, const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list ap;

	if (priority > log->level)
		return;
	va_start(ap, format);
	text = g_strdup_vprintf(format, ap);
	va_end(ap);
	text_defuse(text);
	log_write(log, priority, vm, text);
}
