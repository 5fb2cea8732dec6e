/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Saving a machine, and a machine that begins from what was saved. The order of the sections is
 * that in which they are taken up: what is the same by definition, partition, VPs, hypervisor
 * interface and devices while the machine is built; VMBus when it runs, for its threads begin then.
 */
#include <string.h>

#include "direct_private.h"
#include "state_file.h"
#include "worker_error.h"

struct direct_saved {
	uint8_t *blob;
	size_t size;
	struct state_reader reader;
};

static struct state_file_machine machine_of(const struct engine *engine)
{
	struct state_file_machine machine = {
		.memory = engine->config.memory,
		.vp_count = engine->config.vp_count,
	};

	memcpy(machine.uuid, engine->config.vm_uuid, sizeof(machine.uuid));
	return machine;
}

/* ---- what has to be the same ----------------------------------------------------------------- */

static void facts_save(const struct engine *engine, struct state_writer *writer)
{
	struct hv_features features = hv_features_served(guest_interface_hv(engine->interface));
	const struct engine_config *config = &engine->config;

	state_begin(writer, "machine", 1);
	state_put_u32(writer, config->sockets);
	state_put_u32(writer, config->cores);
	state_put_u32(writer, config->threads);
	state_put_bool(writer, features.visible);
	state_put_u32(writer, features.on);
	state_end(writer);
}

static bool facts_check(const struct engine *engine, struct state_reader *reader)
{
	const struct engine_config *config = &engine->config;
	struct hv_features features = hv_features_served(guest_interface_hv(engine->interface));
	uint32_t sockets, cores, threads, on;
	bool visible;

	if (!state_enter(reader, "machine", 1))
		return false;
	sockets = state_get_u32(reader);
	cores = state_get_u32(reader);
	threads = state_get_u32(reader);
	visible = state_get_bool(reader);
	on = state_get_u32(reader);
	if (sockets != config->sockets || cores != config->cores || threads != config->threads)
		state_fail(reader, "another topology of processors");
	if (visible != features.visible || on != features.on)
		state_fail(reader, "other enlightenments than this host gives now");
	state_leave(reader);
	return state_ok(reader);
}

/* ---- saving ---------------------------------------------------------------------------------- */

#define SETTLE_TRIES 50u

static gboolean save_failed(const struct engine *engine, const char *part, hv_status status,
			    GError **error)
{
	g_set_error(error, WORKER_ERROR, WORKER_ERROR_FAILED,
		    "VM %s: the state of its %s cannot be had (%s); shut it down instead",
		    engine->config.vm_name, part, hv_status_name(status));
	return FALSE;
}

/* All but VMBus. */
static gboolean save_parts(struct engine *engine, struct state_writer *writer, GError **error)
{
	hv_status status;

	facts_save(engine, writer);
	status = partition_save(engine->partition, writer);
	if (status != HV_STATUS_SUCCESS)
		return save_failed(engine, "interrupt controllers", status, error);
	for (uint32_t i = 0; i < engine->config.vp_count; i++) {
		status = vp_save(engine->vps[i], writer);
		if (status != HV_STATUS_SUCCESS)
			return save_failed(engine, "processors", status, error);
	}
	hv_save(guest_interface_hv(engine->interface), writer);
	machine_save(engine->machine, writer);
	return TRUE;
}

/* After the last write to RAM. */
static gboolean save_write(struct engine *engine, struct state_writer *writer, int fd,
			   GError **error)
{
	const struct state_file_machine machine = machine_of(engine);
	GError *failure = NULL;
	size_t size;
	const uint8_t *blob = state_writer_data(writer, &size);

	if (!blob) {
		g_set_error(error, WORKER_ERROR, WORKER_ERROR_NOT_SUPPORTED,
			    "VM %s: it has more devices than a saved state can hold; shut it down "
			    "instead",
			    engine->config.vm_name);
		return FALSE;
	}
	if (state_file_write(fd, &machine, blob, size, engine->partition, &failure))
		return TRUE;
	g_set_error(error, WORKER_ERROR, failure->code, "VM %s: %s", engine->config.vm_name,
		    failure->message);
	g_error_free(failure);
	return FALSE;
}

/* VMBus comes last in the file, but first here: its devices finish what they do in the guest's
 * memory, and interrupt the processors. */
static gboolean save_all(struct engine *engine, struct state_writer *synthetic, int fd,
			 GError **error)
{
	struct state_writer *writer = state_writer_new();
	size_t size;
	const uint8_t *data = state_writer_data(synthetic, &size);
	gboolean saved = save_parts(engine, writer, error);

	state_put_bytes(writer, data, size); /* what is too much stays so */
	saved = saved && save_write(engine, writer, fd, error);
	state_writer_free(writer);
	return saved;
}

static gboolean save_check(const struct engine *engine, GError **error)
{
	if (engine->group && !vp_group_is_halted(engine->group))
		return TRUE;
	g_set_error(error, WORKER_ERROR, WORKER_ERROR_WRONG_STATE,
		    "VM %s: it has just ended by itself; there is nothing to save",
		    engine->config.vm_name);
	return FALSE;
}

/* A processor in the middle of an instruction that takes another intercept cannot be written down.
 */
static bool processors_are_between(struct engine *engine)
{
	struct state_writer *scratch = state_writer_new();
	bool between = true;

	for (uint32_t i = 0; i < engine->config.vp_count && between; i++)
		between = vp_save(engine->vps[i], scratch) != HV_STATUS_INVALID_VP_STATE;
	state_writer_free(scratch);
	return between;
}

/* They are let go for a moment until each is between two instructions. What else is wrong with
 * one is found when it is saved. */
static gboolean processors_settle(struct engine *engine, GError **error)
{
	for (unsigned int tries = SETTLE_TRIES; tries > 0; tries--) {
		if (processors_are_between(engine))
			return TRUE;
		vp_group_release(engine->group);
		if (!direct_pause(engine, error) || !save_check(engine, error))
			return FALSE;
	}
	g_set_error(error, WORKER_ERROR, WORKER_ERROR_BUSY,
		    "VM %s: a processor of it is always in the middle of an instruction; try again",
		    engine->config.vm_name);
	return FALSE;
}

gboolean direct_save(struct engine *engine, int fd, GError **error)
{
	struct state_writer *synthetic;
	gboolean saved;

	if (!save_check(engine, error) || !processors_settle(engine, error))
		return FALSE;
	synthetic = state_writer_new();
	saved = !engine->synthetic || synthetic_save(engine->synthetic, synthetic, error);
	if (saved) {
		saved = save_all(engine, synthetic, fd, error);
		if (!saved && engine->synthetic)
			synthetic_release(engine->synthetic);
	}
	state_writer_free(synthetic);
	return saved;
}

/* ---- beginning from it ----------------------------------------------------------------------- */

static gboolean refuse_saved(const struct engine *engine, const char *fault, GError **error)
{
	const char *name = engine->config.vm_name;

	g_set_error(error, WORKER_ERROR, WORKER_ERROR_INVALID_IMAGE,
		    "VM %s: its saved state cannot be taken up: %s; discard it (hvctl discard %s)",
		    name, fault, name);
	return FALSE;
}

/* Of state_file.h; takes the failure. */
static gboolean refuse_file(const struct engine *engine, GError *failure, GError **error)
{
	if (g_error_matches(failure, WORKER_ERROR, WORKER_ERROR_INVALID_IMAGE)) {
		(void)refuse_saved(engine, failure->message, error);
	} else {
		const char *name = engine->config.vm_name;

		g_set_error(error, WORKER_ERROR, failure->code,
			    "VM %s: %s; mend that and start it again, or discard it (hvctl "
			    "discard %s)",
			    name, failure->message, name);
	}
	g_error_free(failure);
	return FALSE;
}

void direct_saved_free(struct direct_saved *saved)
{
	if (!saved)
		return;
	g_free(saved->blob);
	g_free(saved);
}

gboolean direct_saved_open(struct engine *engine, GError **error)
{
	const struct state_file_machine machine = machine_of(engine);
	struct direct_saved *saved;
	GError *failure = NULL;

	if (engine->config.state_fd < 0)
		return TRUE;
	saved = g_new0(struct direct_saved, 1);
	saved->blob = state_file_read(engine->config.state_fd, &machine, &saved->size, &failure);
	if (!saved->blob) {
		direct_saved_free(saved);
		return refuse_file(engine, failure, error);
	}
	state_reader_init(&saved->reader, saved->blob, saved->size);
	engine->saved = saved;
	return TRUE;
}

/* What the reader says is wrong, else what the hypervisor says. */
static gboolean refuse_part(const struct engine *engine, hv_status status, GError **error)
{
	const struct state_reader *reader = &engine->saved->reader;

	return refuse_saved(engine, state_ok(reader) ? hv_status_name(status) : reader->fault,
			    error);
}

gboolean direct_saved_load(struct engine *engine, GError **error)
{
	struct state_reader *reader = &engine->saved->reader;
	GError *failure = NULL;
	hv_status status;

	if (!facts_check(engine, reader))
		return refuse_saved(engine, reader->fault, error);
	if (!state_file_read_memory(engine->config.state_fd, engine->saved->size, engine->partition,
				    &failure))
		return refuse_file(engine, failure, error);
	status = partition_restore(engine->partition, reader);
	for (uint32_t i = 0; i < engine->config.vp_count && status == HV_STATUS_SUCCESS; i++)
		status = vp_restore(engine->vps[i], reader);
	if (status != HV_STATUS_SUCCESS || !state_ok(reader))
		return refuse_part(engine, status, error);
	if (!hv_restore(guest_interface_hv(engine->interface), reader) ||
	    !machine_restore(engine->machine, reader))
		return refuse_part(engine, HV_STATUS_INVALID_PARAMETER, error);
	return TRUE;
}

static gboolean saved_finish(struct engine *engine, GError **error)
{
	struct state_reader *reader = &engine->saved->reader;
	GError *failure = NULL;

	if (engine->synthetic && !synthetic_restore(engine->synthetic, reader, &failure)) {
		(void)refuse_saved(engine, failure ? failure->message : reader->fault, error);
		g_clear_error(&failure);
		return FALSE;
	}
	if (reader->at != reader->end)
		state_fail(reader, "there is more in it than is known here");
	return state_ok(reader) || refuse_saved(engine, reader->fault, error);
}

gboolean direct_saved_run(struct engine *engine, GError **error)
{
	gboolean good;

	if (!engine->saved)
		return TRUE;
	good = saved_finish(engine, error);
	direct_saved_free(g_steal_pointer(&engine->saved));
	if (good)
		hv_set_paused(guest_interface_hv(engine->interface), false);
	return good;
}

void direct_saved_release(struct engine *engine)
{
	if (engine->synthetic)
		synthetic_release(engine->synthetic);
	guest_set_paused(direct_guest(engine), false);
}
