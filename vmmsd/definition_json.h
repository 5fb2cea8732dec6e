/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between definition.c and definition_edit.c: definitions as json-c values. */
#ifndef DEFINITION_JSON_H
#define DEFINITION_JSON_H

#include <json-c/json.h>

#include "definition.h"

/* Validates, completes and converts; sizes in value may become numbers, and addresses may be added.
 * Errors as definition_parse_among. */
struct definition *definition_from_json(struct json_object *value, const struct mac_owners *owners,
					GError **error);

/*
 * "4G" or a number of bytes; *ret is a multiple of 4096. The error is the sentence alone, without
 * the JSON path.
 */
bool definition_parse_size(struct json_object *value, uint64_t *ret, GError **error);

/* The member of that name, a limit in bytes per second, becomes a number: 0, or 4K to 1T. */
bool definition_refine_bandwidth(struct json_object *object, GError **error);

/*
 * What the schema does not say of $.disks (definition_disk.c) and $.nics (definition_nic.c): limits
 * become numbers, addresses are given and checked. Errors with the path in front, as all of them.
 */
bool definition_disks_refine(struct json_object *complete, GError **error);
bool definition_nics_refine(struct json_object *complete, const struct mac_owners *owners,
			    GError **error);
/* Whether the engine that it names can do what it asks for. INVALID_DEFINITION. */
bool definition_engine_check(struct json_object *complete, GError **error);
void definition_disks_convert(struct definition *definition, struct json_object *complete);
void definition_nics_convert(struct definition *definition, struct json_object *complete);
void definition_disks_clear(struct definition *definition);
void definition_nics_clear(struct definition *definition);
/* Puts the addresses of before into the adapters of an edited document that say none. */
void definition_nics_keep(struct json_object *document, const struct definition *before);

/* "definition: $.disks[1].lun: …", INVALID_DEFINITION; false. */
bool definition_fail_device(GError **error, const char *list, size_t index, const char *name,
			    const char *format, ...) G_GNUC_PRINTF(5, 6);

#endif
