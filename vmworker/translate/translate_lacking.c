/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "translate_lacking.h"

#include <unistd.h>

#include "worker_error.h"

static gboolean lacking(const char *what, GError **error)
{
	g_set_error(error, WORKER_ERROR, WORKER_ERROR_NOT_SUPPORTED,
		    "the engine translate has no %s; use the console, or the engine direct", what);
	return FALSE;
}

static gboolean lacking_plug(GError **error)
{
	g_set_error_literal(
		error, WORKER_ERROR, WORKER_ERROR_NOT_SUPPORTED,
		"the engine translate changes no devices while it runs; stop the VM and "
		"use hvctl edit");
	return FALSE;
}

gboolean translate_attach_disk(struct engine *engine, const struct engine_disk *disk,
			       GError **error)
{
	(void)engine;
	(void)disk;
	return lacking_plug(error);
}

gboolean translate_detach_disk(struct engine *engine, uint32_t controller, uint32_t lun,
			       GError **error)
{
	(void)engine;
	(void)controller;
	(void)lun;
	return lacking_plug(error);
}

gboolean translate_refresh_disk(struct engine *engine, uint32_t controller, uint32_t lun,
				uint64_t *ret_size, GError **error)
{
	(void)engine;
	(void)controller;
	(void)lun;
	(void)ret_size;
	return lacking_plug(error);
}

gboolean translate_attach_nic(struct engine *engine, const struct engine_nic *nic, GError **error)
{
	(void)engine;
	(void)nic;
	return lacking_plug(error);
}

gboolean translate_detach_nic(struct engine *engine, const uint8_t mac[6], GError **error)
{
	(void)engine;
	(void)mac;
	return lacking_plug(error);
}

void translate_describe(struct engine *engine, engine_word_visit visit, void *context)
{
	(void)engine;
	(void)visit;
	(void)context;
}

gboolean translate_type(struct engine *engine, const char *text, bool keys, GError **error)
{
	(void)engine;
	(void)text;
	(void)keys;
	return lacking("keyboard", error);
}

gboolean translate_set_pair(struct engine *engine, const char *key, const char *value,
			    const struct engine_request *request, GError **error)
{
	(void)engine;
	(void)key;
	(void)value;
	(void)request;
	return lacking("data exchange with the guest", error);
}

gboolean translate_copy(struct engine *engine, const struct engine_copy *copy, GError **error)
{
	(void)engine;
	close(copy->fd);
	return lacking("way to copy files into the guest", error);
}

void translate_cancel_copy(struct engine *engine)
{
	(void)engine;
}

gboolean translate_freeze(struct engine *engine, uint64_t hold_us,
			  const struct engine_request *request, GError **error)
{
	(void)engine;
	(void)hold_us;
	(void)request;
	return lacking("way to freeze the guest's file systems", error);
}

gboolean translate_thaw(struct engine *engine, const struct engine_request *request, GError **error)
{
	(void)engine;
	(void)request;
	return lacking("way to freeze the guest's file systems", error);
}

/* A power button is all that QEMU's machine has for it, and that is a shutdown's. */
gboolean translate_reboot(struct engine *engine, const struct engine_request *request,
			  GError **error)
{
	(void)engine;
	(void)request;
	g_set_error_literal(error, WORKER_ERROR, WORKER_ERROR_NOT_SUPPORTED,
			    "the engine translate cannot ask the guest to restart; restart it from "
			    "within, shut it down and start it, or use hvctl reset");
	return FALSE;
}

gboolean translate_hibernate(struct engine *engine, const struct engine_request *request,
			     GError **error)
{
	(void)engine;
	(void)request;
	g_set_error_literal(error, WORKER_ERROR, WORKER_ERROR_NOT_SUPPORTED,
			    "the engine translate cannot ask the guest to hibernate; use "
			    "hvctl save instead");
	return FALSE;
}

void translate_sync_time(struct engine *engine)
{
	(void)engine;
}

/* It never asks. */
void translate_host_connected(struct engine *engine, uint64_t number, int fd)
{
	(void)engine;
	(void)number;
	if (fd >= 0)
		close(fd);
}
