/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A VM's definition: JSON document <-> struct, validated against schemas/json/definition.schema.json. */
#ifndef DEFINITION_H
#define DEFINITION_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum definition_engine { ENGINE_AUTO, ENGINE_DIRECT, ENGINE_TRANSLATE };
enum definition_stop_action { STOP_ACTION_SHUTDOWN, STOP_ACTION_OFF };
enum definition_policy { POLICY_RESTART, POLICY_STOP };

/* Immutable once made; reference-counted (g_atomic_rc_box or the like). */
struct definition {
	char *uuid; /* lower case, always set */
	char *name;
	char *description;
	enum definition_engine engine;
	uint32_t cpus;
	uint64_t memory; /* bytes */
	char *kernel;    /* absolute path, or NULL */
	char *initrd;    /* or NULL */
	char *cmdline;
	bool autostart;
	enum definition_stop_action stop_action;
	uint32_t stop_timeout_s;
	uint32_t stop_order;
	enum definition_policy on_reboot, on_crash;
	char *json; /* the canonical document: every member, defaults written out */
};

/*
 * Errors are SERVICE_ERROR (service_error.h) INVALID_DEFINITION or INVALID_NAME and carry the JSON
 * path: "definition: $.cpus.count: 0 is less than 1; give 1 to 240". A uuid is made when absent.
 */
struct definition *definition_parse(const char *json, GError **error);
struct definition *definition_ref(struct definition *definition);
void definition_unref(struct definition *definition); /* NULL is fine */

/* RFC 7396 merge patch; name, uuid and version cannot be patched. */
struct definition *definition_edit(const struct definition *definition, const char *patch,
				   GError **error);
struct definition *definition_renamed(const struct definition *definition, const char *name,
				      GError **error);
/* true when the change can be applied while the VM runs (description, autostart, stop…, on…). */
bool definition_is_live_change(const struct definition *from, const struct definition *to);

/* 1-64 of A-Za-z0-9-_. and neither "." nor ".."; a name that looks like a uuid is refused. */
bool definition_check_name(const char *name, GError **error);

typedef struct definition definition_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(definition_t, definition_unref)

#endif
