/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A VM's definition: JSON document <-> struct, validated against
 * schemas/json/definition.schema.json, which is linked into the program and also names the
 * defaults. docs/vmms-definition.5 is the reference for users. Pure; any thread.
 */
#ifndef DEFINITION_H
#define DEFINITION_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "definition_devices.h"
#include "sched_definition.h"

/* Guest memory in bytes; the schema has the same bounds. */
#define DEFINITION_MEMORY_MIN UINT64_C(1048576)
#define DEFINITION_MEMORY_MAX UINT64_C(17592186044416)

enum definition_engine { ENGINE_AUTO, ENGINE_DIRECT, ENGINE_TRANSLATE };
enum definition_stop_action { STOP_ACTION_SHUTDOWN, STOP_ACTION_OFF, STOP_ACTION_SAVE };
enum definition_policy { POLICY_RESTART, POLICY_STOP };

/* Immutable once made; counted with atomic references. */
struct definition {
	char *uuid; /* lower case, always set */
	char *name;
	char *description;
	enum definition_engine engine;
	uint32_t cpus;
	struct sched_definition sched; /* cpus.topology and cpus.scheduling */
	uint64_t memory;	       /* bytes; a multiple of 4096 */
	char *kernel;		       /* absolute path, or NULL */
	char *initrd;		       /* absolute path, or NULL; only with a kernel */
	char *cmdline;		       /* never NULL */
	struct definition_disk *disks; /* n_disks, in the order of the document */
	struct definition_nic *nics;   /* n_nics, likewise */
	size_t n_disks, n_nics;
	bool autostart;
	enum definition_stop_action stop_action;
	uint32_t stop_timeout_s; /* 1 to 86400 */
	uint32_t stop_order;	 /* 0 to 1000; at host shutdown the highest goes first */
	enum definition_policy on_reboot, on_crash;
	char *json; /* the canonical document: every member, defaults written out */
};

/*
 * Errors are SERVICE_ERROR (service_error.h) INVALID_DEFINITION, also for what the engine of the
 * definition cannot do, or INVALID_NAME, and carry the JSON path: "definition:
 * $.cpus.count: 0 is below the minimum 1". A uuid is made when absent. Parsing the canonical
 * document of a definition gives the same document again.
 */
struct definition *definition_parse(const char *json, GError **error);
/*
 * The same for a VM that is to live beside others: a MAC address that one of the owners has is
 * refused, and one that is made here has none. NULL: there are no others.
 */
struct definition *definition_parse_among(const char *json, const struct mac_owners *owners,
					  GError **error);
struct definition *definition_ref(struct definition *definition);
void definition_unref(struct definition *definition); /* NULL is fine */

/*
 * RFC 7396 merge patch, so null takes a member back to its default; name, uuid and version cannot
 * be patched. The result is validated like a new document.
 */
struct definition *definition_edit(const struct definition *definition, const char *patch,
				   GError **error);
/* An adapter that the patch gives no address keeps that of its place in the list. */
struct definition *definition_edit_among(const struct definition *definition, const char *patch,
					 const struct mac_owners *owners, GError **error);
struct definition *definition_renamed(const struct definition *definition, const char *name,
				      GError **error);
/*
 * true when the change can be applied while the VM runs: it touches nothing but name, description,
 * autostart, stopAction, stopTimeout, stopOrder, onReboot, onCrash and cpus.scheduling.
 */
bool definition_is_live_change(const struct definition *from, const struct definition *to);

/*
 * 1-64 of A-Za-z0-9-_. that is neither "." nor "..", does not begin with "-" (programs would take
 * it for an option) and does not look like a uuid. INVALID_NAME.
 */
bool definition_check_name(const char *name, GError **error);
/* Any case of hex digits; the lookup by uuid and the check of names share it. */
bool definition_is_uuid(const char *text);

/* Whether the engine translate can do what it asks for, whichever it names. INVALID_DEFINITION. */
bool definition_check_translate(const struct definition *definition, GError **error);

const char *definition_engine_name(enum definition_engine engine);
const char *definition_stop_action_name(enum definition_stop_action action);
const char *definition_policy_name(enum definition_policy policy);

/* For g_autoptr(definition_t). */
typedef struct definition definition_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(definition_t, definition_unref)

#endif
