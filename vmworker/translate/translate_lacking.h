/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the engine translate has not: operations of struct engine_ops that say so. */
#ifndef TRANSLATE_LACKING_H
#define TRANSLATE_LACKING_H

#include "engine.h"

gboolean translate_attach_disk(struct engine *engine, const struct engine_disk *disk,
			       GError **error);
gboolean translate_detach_disk(struct engine *engine, uint32_t controller, uint32_t lun,
			       GError **error);
gboolean translate_refresh_disk(struct engine *engine, uint32_t controller, uint32_t lun,
				uint64_t *ret_size, GError **error);
gboolean translate_attach_nic(struct engine *engine, const struct engine_nic *nic, GError **error);
gboolean translate_detach_nic(struct engine *engine, const uint8_t mac[6], GError **error);
void translate_describe(struct engine *engine, engine_word_visit visit, void *context);
gboolean translate_type(struct engine *engine, const char *text, bool keys, GError **error);
gboolean translate_set_pair(struct engine *engine, const char *key, const char *value,
			    const struct engine_request *request, GError **error);
gboolean translate_copy(struct engine *engine, const struct engine_copy *copy, GError **error);
void translate_cancel_copy(struct engine *engine);
gboolean translate_freeze(struct engine *engine, uint64_t hold_us,
			  const struct engine_request *request, GError **error);
gboolean translate_thaw(struct engine *engine, const struct engine_request *request,
			GError **error);
gboolean translate_reboot(struct engine *engine, const struct engine_request *request,
			  GError **error);
gboolean translate_hibernate(struct engine *engine, const struct engine_request *request,
			     GError **error);
void translate_sync_time(struct engine *engine);
void translate_host_connected(struct engine *engine, uint64_t number, int fd);

#endif
