// SPDX-License-Identifier: LGPL-2.1-or-later
#include "definition_options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spec.h"
#include "vmms1.h"

bool definition_options_given(const struct definition_options *o)
{
	return o->cpus.set || o->memory.set || o->stop_timeout.set || o->stop_order.set ||
	       o->kernel || o->initrd || o->cmdline || o->engine || o->description ||
	       o->stop_action || o->on_reboot || o->on_crash || o->disks.n > 0 || o->nics.n > 0 ||
	       o->autostart || o->no_autostart || sched_options_given(&o->sched);
}

/* The member `key` of `document`, an object; made when absent. */
static struct json_object *sub_object(struct json_object *document, const char *key)
{
	struct json_object *object;

	if (json_object_object_get_ex(document, key, &object) &&
	    json_object_is_type(object, json_type_object))
		return object;
	object = json_object_new_object();
	json_object_object_add(document, key, object);
	return object;
}

static void put_text(struct json_object *object, const char *key, const char *value)
{
	if (value)
		json_object_object_add(object, key, json_object_new_string(value));
}

static void put_number(struct json_object *object, const char *key, struct number number)
{
	if (number.set)
		json_object_object_add(object, key, json_object_new_uint64(number.value));
}

/* Not resolved further: a symbolic link like /vmlinuz is meant to be followed at each start. */
static int put_path(const struct command *command, struct json_object *boot, const char *key,
		    const char *value)
{
	if (!value)
		return -1;
	if (value[0] == '\0') {
		json_object_object_add(boot, key, NULL);
		return -1;
	}
	char *absolute = parse_path(value);
	if (!absolute)
		return report(EXIT_FAILED,
			      "%s: cannot tell the current directory: %s; give --%s "
			      "with an absolute path",
			      command->name, strerror(errno), key);
	put_text(boot, key, absolute);
	free(absolute);
	return -1;
}

/* Replaces the whole list; an empty SPEC empties it. */
static int put_specs(const struct command *command, struct json_object *document, const char *key,
		     const struct spec *spec, const struct text_list *list)
{
	if (list->n == 0)
		return -1;
	struct json_object *array = json_object_new_array();
	json_object_object_add(document, key, array);
	if (list->n == 1 && list->items[0][0] == '\0')
		return -1;
	for (size_t i = 0; i < list->n; i++) {
		char *fault;
		struct json_object *object = spec_parse(spec, list->items[i], &fault);
		if (!object) {
			int r = fault ? report_usage(command, "%s", fault)
				      : report(EXIT_FAILED, "out of memory");
			free(fault);
			return r;
		}
		json_object_array_add(array, object);
	}
	return -1;
}

int definition_options_apply(const struct command *command, const struct definition_options *o,
			     struct json_object *document)
{
	int r;

	if (o->autostart && o->no_autostart)
		return report_usage(command, "--autostart and --no-autostart exclude each other");
	if (o->cpus.set)
		put_number(sub_object(document, "cpus"), "count", o->cpus);
	if (o->memory.set)
		put_number(sub_object(document, "memory"), "size", o->memory);
	if (o->kernel || o->initrd || o->cmdline) {
		struct json_object *boot = sub_object(document, "boot");
		r = put_path(command, boot, "kernel", o->kernel);
		if (r < 0)
			r = put_path(command, boot, "initrd", o->initrd);
		if (r >= 0)
			return r;
		put_text(boot, "cmdline", o->cmdline);
	}
	r = put_specs(command, document, "disks", &spec_disk, &o->disks);
	if (r < 0)
		r = put_specs(command, document, "nics", &spec_nic, &o->nics);
	if (r >= 0)
		return r;
	put_text(document, "engine", o->engine);
	put_text(document, "description", o->description);
	if (o->autostart || o->no_autostart)
		json_object_object_add(document, "autostart",
				       json_object_new_boolean(o->autostart));
	put_text(document, "stopAction", o->stop_action);
	put_number(document, "stopTimeout", o->stop_timeout);
	put_number(document, "stopOrder", o->stop_order);
	put_text(document, "onReboot", o->on_reboot);
	put_text(document, "onCrash", o->on_crash);
	if (!sched_options_given(&o->sched))
		return -1;
	return sched_options_apply(command, &o->sched, sub_object(document, "cpus"));
}

/* Reads until the end of the file or one byte more than is allowed. Returns -errno. */
static ssize_t read_all(int fd, char *buffer, size_t size)
{
	size_t length = 0;

	while (length < size) {
		ssize_t n = read(fd, buffer + length, size - length);
		if (n == 0)
			break;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			length += (size_t)n;
	}
	return (ssize_t)length;
}

char *definition_read_file(const char *path, int *exit_code)
{
	bool standard = strcmp(path, "-") == 0;
	const char *shown = standard ? "standard input" : path;
	ssize_t length = -1;

	char *text = malloc(VMMS_MAX_MESSAGE + 2);
	if (!text) {
		*exit_code = report(EXIT_FAILED, "out of memory");
		return NULL;
	}
	int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		length = -errno;
	else
		length = read_all(fd, text, VMMS_MAX_MESSAGE + 1);
	if (fd >= 0 && !standard)
		close(fd);
	if (length < 0) {
		*exit_code = report(EXIT_FAILED, "cannot read the definition from '%s': %s",
				    QUOTE(shown), strerror((int)-length));
	} else if (length > (ssize_t)VMMS_MAX_MESSAGE) {
		*exit_code = report(EXIT_USAGE,
				    "'%s' is longer than the %u bytes that a definition may have",
				    QUOTE(shown), VMMS_MAX_MESSAGE);
	} else {
		text[length] = '\0';
		if (strlen(text) == (size_t)length)
			return text;
		*exit_code = report(EXIT_USAGE, "'%s' is not JSON text: it has a zero byte",
				    QUOTE(shown));
	}
	free(text);
	return NULL;
}
