/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ic_fcopy.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ic_wire.h"
#include "utf16.h"

#define FCOPY_FRAGMENT	 6144u
#define FCOPY_PATH_UNITS 260u
/* Linux turns both parts into UTF-8 of at most 259 bytes, and an old daemon joins them, with two
 * slashes, into as many: what is longer would be cut without a word. */
#define FCOPY_PATH_BYTES 256u

enum fcopy_operation { FCOPY_START = 0, FCOPY_WRITE = 1, FCOPY_COMPLETE = 2, FCOPY_CANCEL = 3 };

struct fcopy_wire_header {
	uint32_t operation;
	uint8_t services[32];
};

struct fcopy_wire_start {
	struct fcopy_wire_header header;
	uint8_t name[2 * FCOPY_PATH_UNITS];
	uint8_t path[2 * FCOPY_PATH_UNITS];
	uint32_t flags;
	uint64_t size;
} __attribute__((packed));
static_assert(sizeof(struct fcopy_wire_start) == 1088, "wire");

struct fcopy_wire_write {
	struct fcopy_wire_header header;
	uint32_t padding;
	uint64_t offset;
	uint32_t size;
	uint8_t data[FCOPY_FRAGMENT];
} __attribute__((packed));
static_assert(sizeof(struct fcopy_wire_write) == 6196, "wire");

enum fcopy_state {
	FCOPY_IDLE,
	FCOPY_STARTING,
	FCOPY_WRITING,
	FCOPY_COMPLETING,
	FCOPY_CANCELLING, /* `result` is what it ends with */
};

struct ic_fcopy {
	struct ic *ic;
	enum fcopy_state state;
	uint8_t id;
	struct ic_fcopy_request request; /* its source is -1 while idle */
	uint64_t size, offset;		 /* offset: what the guest wrote */
	uint32_t fragment;		 /* under way */
	bool cancel;			 /* wanted, after the answer that is awaited */
	enum ic_fcopy_result result;
};

static const struct ic_version fcopy_versions[] = {{1, 1}};

const char *ic_fcopy_path_fault(const char *path)
{
	const char *name = strrchr(path, '/');

	if (path[0] != '/')
		return "it must be absolute";
	if (name[1] == '\0')
		return "it must end with the file's name";
	if (!g_utf8_validate(path, -1, NULL))
		return "it must be UTF-8";
	if (strlen(path) > FCOPY_PATH_BYTES)
		return "it may have 256 bytes at most";
	if (g_str_equal(name, "/.") || g_str_equal(name, "/.."))
		return "it must end with the file's name";
	return NULL;
}

static void fcopy_finish(struct ic_fcopy *fcopy, enum ic_fcopy_result result)
{
	struct ic_fcopy_request request = fcopy->request;

	if (fcopy->state == FCOPY_IDLE)
		return;
	ic_arm(fcopy->ic, 0);
	ic_forget(fcopy->ic, fcopy->id);
	fcopy->state = FCOPY_IDLE;
	fcopy->id = 0;
	fcopy->request.source = -1;
	close(request.source);
	request.done(request.context, result);
}

static bool fcopy_send(struct ic_fcopy *fcopy, enum fcopy_state state, const void *body,
		       size_t size)
{
	fcopy->id = ic_send(fcopy->ic, body, size);
	if (fcopy->id == 0)
		return false;
	fcopy->state = state;
	ic_arm(fcopy->ic, ic_now(fcopy->ic) + IC_FCOPY_ANSWER_NS);
	return true;
}

/* The guest has a part of the file: have it removed, and end with `result`. */
static void fcopy_abandon(struct ic_fcopy *fcopy, enum ic_fcopy_result result)
{
	struct fcopy_wire_header wire = {.operation = FCOPY_CANCEL};

	ic_forget(fcopy->ic, fcopy->id);
	fcopy->result = result;
	if (!fcopy_send(fcopy, FCOPY_CANCELLING, &wire, sizeof(wire)))
		fcopy_finish(fcopy, result);
}

/* The source's bytes at the offset; false: there are not as many. */
static bool fcopy_read(const struct ic_fcopy *fcopy, uint8_t *data, uint32_t size)
{
	for (uint32_t done = 0; done < size;) {
		ssize_t n = pread(fcopy->request.source, data + done, size - done,
				  (off_t)(fcopy->offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += (uint32_t)n;
	}
	return true;
}

static void fcopy_write_next(struct ic_fcopy *fcopy)
{
	struct fcopy_wire_write wire;

	memset(&wire, 0, offsetof(struct fcopy_wire_write, data));
	fcopy->fragment = (uint32_t)MIN(fcopy->size - fcopy->offset, FCOPY_FRAGMENT);
	wire.header.operation = FCOPY_WRITE;
	wire.offset = fcopy->offset;
	wire.size = fcopy->fragment;
	if (!fcopy_read(fcopy, wire.data, fcopy->fragment)) {
		fcopy_abandon(fcopy, IC_FCOPY_BAD_SOURCE);
		return;
	}
	/* Linux reads a fragment of full size, whatever it holds. */
	memset(wire.data + fcopy->fragment, 0, FCOPY_FRAGMENT - fcopy->fragment);
	if (!fcopy_send(fcopy, FCOPY_WRITING, &wire, sizeof(wire)))
		fcopy_finish(fcopy, IC_FCOPY_UNANSWERED);
}

static void fcopy_go_on(struct ic_fcopy *fcopy)
{
	struct fcopy_wire_header wire = {.operation = FCOPY_COMPLETE};

	if (fcopy->cancel)
		fcopy_abandon(fcopy, IC_FCOPY_CANCELLED);
	else if (fcopy->offset < fcopy->size)
		fcopy_write_next(fcopy);
	else if (!fcopy_send(fcopy, FCOPY_COMPLETING, &wire, sizeof(wire)))
		fcopy_finish(fcopy, IC_FCOPY_UNANSWERED);
}

static enum ic_fcopy_result fcopy_result(uint32_t status)
{
	switch (status) {
	case IC_STATUS_OK:
		return IC_FCOPY_DONE;
	case IC_STATUS_ALREADY_EXISTS:
		return IC_FCOPY_EXISTS;
	case IC_STATUS_DISK_FULL:
		return IC_FCOPY_DISK_FULL;
	default:
		return IC_FCOPY_REFUSED;
	}
}

static void fcopy_answered(void *context, uint8_t id, uint32_t status,
			   const uint8_t *body G_GNUC_UNUSED, size_t size G_GNUC_UNUSED)
{
	struct ic_fcopy *fcopy = context;
	enum ic_fcopy_result result = fcopy_result(status);

	if (id != fcopy->id)
		return;
	switch (fcopy->state) {
	case FCOPY_STARTING:
		if (result == IC_FCOPY_DONE)
			fcopy_go_on(fcopy);
		else
			fcopy_finish(fcopy, result); /* there is no part of it to remove */
		break;
	case FCOPY_WRITING:
		if (result != IC_FCOPY_DONE) {
			fcopy_abandon(fcopy, result);
			break;
		}
		fcopy->offset += fcopy->fragment;
		if (fcopy->request.progress)
			fcopy->request.progress(fcopy->request.context, fcopy->offset, fcopy->size);
		fcopy_go_on(fcopy);
		break;
	case FCOPY_COMPLETING:
		fcopy_finish(fcopy, result);
		break;
	case FCOPY_CANCELLING:
		fcopy_finish(fcopy, fcopy->result);
		break;
	case FCOPY_IDLE:
		break;
	}
}

static void fcopy_expired(void *context)
{
	struct ic_fcopy *fcopy = context;

	if (fcopy->state == FCOPY_CANCELLING)
		fcopy_finish(fcopy, fcopy->result);
	else if (fcopy->state != FCOPY_IDLE)
		fcopy_abandon(fcopy, IC_FCOPY_UNANSWERED);
}

static void fcopy_ready(void *context G_GNUC_UNUSED, struct ic_version version G_GNUC_UNUSED)
{
}

static void fcopy_gone(void *context)
{
	fcopy_finish(context, IC_FCOPY_GONE);
}

static void fcopy_hold(void *context)
{
	struct ic_fcopy *fcopy = context;

	if (fcopy->state != FCOPY_IDLE && fcopy->state != FCOPY_CANCELLING)
		fcopy_abandon(fcopy, IC_FCOPY_GONE);
	fcopy_finish(fcopy, fcopy->result);
}

static const struct ic_ops fcopy_ops = {
	.ready = fcopy_ready,
	.gone = fcopy_gone,
	.answered = fcopy_answered,
	.expired = fcopy_expired,
	.hold = fcopy_hold,
};

static bool fcopy_send_start(struct ic_fcopy *fcopy)
{
	struct fcopy_wire_start wire = {
		.header.operation = FCOPY_START,
		.flags = fcopy->request.flags,
		.size = fcopy->size,
	};
	const char *name = strrchr(fcopy->request.path, '/');
	g_autofree char *dir =
		g_strndup(fcopy->request.path, MAX(1, (gsize)(name - fcopy->request.path)));

	utf16_encode_cut(name + 1, wire.name, sizeof(wire.name));
	utf16_encode_cut(dir, wire.path, sizeof(wire.path));
	return fcopy_send(fcopy, FCOPY_STARTING, &wire, sizeof(wire));
}

static enum ic_fcopy_result fcopy_begin(struct ic_fcopy *fcopy,
					const struct ic_fcopy_request *request)
{
	struct stat st;

	if (!ic_is_ready(fcopy->ic))
		return IC_FCOPY_ABSENT;
	if (fcopy->state != FCOPY_IDLE)
		return IC_FCOPY_BUSY;
	if (ic_fcopy_path_fault(request->path))
		return IC_FCOPY_BAD_PATH;
	if (fstat(request->source, &st) < 0 || !S_ISREG(st.st_mode))
		return IC_FCOPY_BAD_SOURCE;
	fcopy->request = *request;
	fcopy->size = (uint64_t)st.st_size;
	fcopy->offset = 0;
	fcopy->cancel = false;
	if (!fcopy_send_start(fcopy)) {
		fcopy->request.source = -1;
		return IC_FCOPY_UNANSWERED;
	}
	fcopy->request.path = NULL;
	return IC_FCOPY_DONE;
}

void ic_fcopy_start(struct ic_fcopy *fcopy, const struct ic_fcopy_request *request)
{
	enum ic_fcopy_result result = fcopy_begin(fcopy, request);

	if (result == IC_FCOPY_DONE)
		return;
	if (request->source >= 0)
		close(request->source);
	request->done(request->context, result);
}

void ic_fcopy_cancel(struct ic_fcopy *fcopy)
{
	fcopy->cancel = true;
}

struct ic_fcopy *ic_fcopy_new(const struct ic_env *env, GError **error)
{
	struct ic_fcopy *fcopy = g_new0(struct ic_fcopy, 1);
	const struct ic_config config = {
		/* 34d14be3-dee4-41c8-9ae7-6b174977c192 */
		.class_id = {{0xe3, 0x4b, 0xd1, 0x34, 0xe4, 0xde, 0xc8, 0x41, 0x9a, 0xe7, 0x6b,
			      0x17, 0x49, 0x77, 0xc1, 0x92}},
		/* eb765408-105f-49b6-b4aa-c123b64d17d4 */
		.instance_id = {{0x08, 0x54, 0x76, 0xeb, 0x5f, 0x10, 0xb6, 0x49, 0xb4, 0xaa, 0xc1,
				 0x23, 0xb6, 0x4d, 0x17, 0xd4}},
		.name = "fcopy",
		.message_type = IC_MESSAGE_FILE_COPY,
		.versions = fcopy_versions,
		.n_versions = G_N_ELEMENTS(fcopy_versions),
		.max_body = sizeof(struct fcopy_wire_write),
		.ops = &fcopy_ops,
		.context = fcopy,
	};

	fcopy->request.source = -1;
	fcopy->ic = ic_new(env, &config, error);
	if (!fcopy->ic) {
		g_free(fcopy);
		return NULL;
	}
	return fcopy;
}

void ic_fcopy_free(struct ic_fcopy *fcopy)
{
	if (!fcopy)
		return;
	ic_free(fcopy->ic);
	g_free(fcopy);
}
