/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One exchange at a time, as the protocol has it: a request of ours (set, delete) goes before the
 * next question of the poll. A poll asks for the daemon's pairs, the programs' pairs and then for
 * each adapter, and is published as a whole; one that fails leaves what was known.
 */
#include "ic_kvp.h"

#include <stdio.h>
#include <string.h>

#include "ic_wire.h"
#include "kvp_wire.h"
#include "utf16.h"

#define KVP_PAIRS_MAX 64u /* of a pool */

enum kvp_phase { KVP_PHASE_IDLE, KVP_PHASE_AUTO, KVP_PHASE_GUEST, KVP_PHASE_ADAPTERS };

struct kvp_request {
	union kvp_wire wire;
	ic_kvp_done done;
	void *context;
};

struct ic_kvp {
	struct ic *ic;
	struct ic_kvp_events events;
	uint8_t (*macs)[6];
	unsigned int n_macs;

	GQueue requests; /* struct kvp_request; the first is under way when request_id is not 0 */
	uint8_t request_id;

	enum kvp_phase phase;
	uint32_t index; /* in the phase */
	uint8_t poll_id;
	uint64_t next_poll;	/* while idle; a guest that goes and comes does not change it */
	struct kvp_facts *next; /* what the poll gathers */
	struct kvp_facts *facts;
};

/* 4.0 brought the addresses of adapters. */
static const struct ic_version kvp_versions[] = {{1, 0}, {3, 0}, {4, 0}};

static void kvp_advance(struct ic_kvp *kvp);

/* ---- the poll -------------------------------------------------------------------------------- */

static void kvp_poll_begin(struct ic_kvp *kvp)
{
	kvp_facts_free(kvp->next);
	kvp->next = kvp_facts_new();
	kvp->phase = KVP_PHASE_AUTO;
	kvp->index = 0;
}

static void kvp_poll_end(struct ic_kvp *kvp, uint64_t pause)
{
	g_clear_pointer(&kvp->next, kvp_facts_free);
	kvp->phase = KVP_PHASE_IDLE;
	kvp->next_poll = ic_now(kvp->ic) + pause;
}

static void kvp_publish(struct ic_kvp *kvp)
{
	if (!kvp_facts_equal(kvp->facts, kvp->next)) {
		kvp_facts_free(kvp->facts);
		kvp->facts = g_steal_pointer(&kvp->next);
		kvp->events.changed(kvp->events.context, kvp->facts);
	}
	kvp_poll_end(kvp, IC_KVP_PERIOD_NS);
}

static void kvp_next_phase(struct ic_kvp *kvp)
{
	kvp->phase = kvp->phase == KVP_PHASE_AUTO ? KVP_PHASE_GUEST : KVP_PHASE_ADAPTERS;
	kvp->index = 0;
}

static enum kvp_pool kvp_phase_pool(const struct ic_kvp *kvp)
{
	return kvp->phase == KVP_PHASE_AUTO ? KVP_POOL_AUTO : KVP_POOL_GUEST;
}

static void kvp_adapter_text(const struct ic_kvp *kvp, char text[18])
{
	const uint8_t *mac = kvp->macs[kvp->index];

	snprintf(text, 18, "%02X:%02X:%02X:%02X:%02X:%02X", mac[0], mac[1], mac[2], mac[3], mac[4],
		 mac[5]);
}

/* Sends the next question, or publishes when there is none. */
static void kvp_poll_ask(struct ic_kvp *kvp)
{
	union kvp_wire wire;
	char mac[18];

	memset(&wire, 0, sizeof(wire));
	if (kvp->phase != KVP_PHASE_ADAPTERS) {
		wire.exchange.operation = KVP_ENUMERATE;
		wire.exchange.pool = (uint8_t)kvp_phase_pool(kvp);
		wire.exchange.enumerate.index = kvp->index;
	} else if (kvp->index < kvp->n_macs && ic_is_at_least(kvp->ic, 4, 0)) {
		wire.ip.operation = KVP_GET_IP_INFO;
		kvp_adapter_text(kvp, mac);
		utf16_encode_cut(mac, wire.ip.adapter_id, sizeof(wire.ip.adapter_id));
	} else {
		kvp_publish(kvp);
		return;
	}
	kvp->poll_id = ic_send(kvp->ic, &wire, KVP_WIRE_SIZE);
	if (kvp->poll_id == 0)
		kvp_poll_end(kvp, IC_KVP_PERIOD_NS);
}

static void kvp_poll_take_adapter(struct ic_kvp *kvp, uint32_t status, const uint8_t *body,
				  size_t size)
{
	char mac[18];

	if (kvp->index >= kvp->n_macs) /* the list became shorter meanwhile */
		return;
	kvp_adapter_text(kvp, mac);
	if (status == IC_STATUS_OK && !kvp_facts_add_adapter(kvp->next, mac, body, size))
		ic_fault(kvp->ic, "an adapter's addresses of a wrong size");
	kvp->index++;
}

static void kvp_poll_take(struct ic_kvp *kvp, uint32_t status, const uint8_t *body, size_t size)
{
	if (kvp->phase == KVP_PHASE_ADAPTERS) {
		kvp_poll_take_adapter(kvp, status, body, size);
	} else if (status == IC_STATUS_OK) {
		if (!kvp_facts_add_pair(kvp->next, kvp_phase_pool(kvp), body, size)) {
			ic_fault(kvp->ic, "a pair of wrong sizes");
			kvp_poll_end(kvp, IC_KVP_PERIOD_NS);
		} else if (++kvp->index == KVP_PAIRS_MAX) {
			kvp_next_phase(kvp);
		}
	} else if (kvp->phase == KVP_PHASE_AUTO && status == IC_STATUS_FAIL) {
		kvp_poll_end(kvp, IC_KVP_RETRY_NS); /* no daemon, or it hangs */
	} else {
		kvp_next_phase(kvp);
	}
}

/* ---- requests -------------------------------------------------------------------------------- */

static void kvp_request_finish(struct ic_kvp *kvp, enum ic_kvp_result result)
{
	struct kvp_request *request = g_queue_pop_head(&kvp->requests);

	kvp->request_id = 0;
	request->done(request->context, result);
	g_free(request);
}

static void kvp_request_send(struct ic_kvp *kvp)
{
	struct kvp_request *request = g_queue_peek_head(&kvp->requests);

	kvp->request_id = ic_send(kvp->ic, &request->wire, KVP_WIRE_SIZE);
	if (kvp->request_id == 0)
		kvp_request_finish(kvp, IC_KVP_UNANSWERED);
}

static void kvp_request_add(struct ic_kvp *kvp, struct kvp_request *request, bool fits)
{
	enum ic_kvp_result result = IC_KVP_DONE;

	if (!fits)
		result = IC_KVP_TOO_LONG;
	else if (!ic_is_ready(kvp->ic))
		result = IC_KVP_ABSENT;
	else if (kvp->requests.length >= IC_KVP_REQUESTS_MAX)
		result = IC_KVP_BUSY;
	if (result != IC_KVP_DONE) {
		request->done(request->context, result);
		g_free(request);
		return;
	}
	g_queue_push_tail(&kvp->requests, request);
	kvp_advance(kvp);
}

static bool kvp_encode(const char *text, uint8_t *bytes, size_t size, uint32_t *used)
{
	bool fits;
	size_t units;

	/* Linux keeps it as UTF-8 in as many bytes. */
	if (strlen(text) >= size || !g_utf8_validate(text, -1, NULL))
		return false;
	units = utf16_encode(text, bytes, size, &fits);
	*used = (uint32_t)(2 * (units + 1));
	return fits;
}

static struct kvp_request *kvp_request_new(enum kvp_operation operation, ic_kvp_done done,
					   void *context)
{
	struct kvp_request *request = g_new0(struct kvp_request, 1);

	request->wire.exchange.operation = (uint8_t)operation;
	request->wire.exchange.pool = KVP_POOL_EXTERNAL;
	request->done = done;
	request->context = context;
	return request;
}

void ic_kvp_set(struct ic_kvp *kvp, const char *key, const char *value, ic_kvp_done done,
		void *context)
{
	struct kvp_request *request = kvp_request_new(KVP_SET, done, context);
	struct kvp_wire_value *wire = &request->wire.exchange.set;
	bool fits = *key && kvp_encode(key, wire->key, sizeof(wire->key), &wire->key_size) &&
		    kvp_encode(value, wire->value, sizeof(wire->value), &wire->value_size);

	wire->type = KVP_TYPE_STRING;
	kvp_request_add(kvp, request, fits);
}

void ic_kvp_delete(struct ic_kvp *kvp, const char *key, ic_kvp_done done, void *context)
{
	struct kvp_request *request = kvp_request_new(KVP_DELETE, done, context);
	struct kvp_wire_exchange *wire = &request->wire.exchange;
	bool fits = *key && kvp_encode(key, wire->delete.key, sizeof(wire->delete.key),
				       &wire->delete.key_size);

	kvp_request_add(kvp, request, fits);
}

/* ---- both ------------------------------------------------------------------------------------ */

static bool kvp_is_busy(const struct ic_kvp *kvp)
{
	return kvp->request_id != 0 || kvp->poll_id != 0;
}

/* Does what is next, and arms the timer for what it waits for then. */
static void kvp_advance(struct ic_kvp *kvp)
{
	while (!kvp_is_busy(kvp)) {
		if (kvp->requests.length > 0) {
			kvp_request_send(kvp);
		} else if (kvp->phase != KVP_PHASE_IDLE) {
			kvp_poll_ask(kvp);
		} else if (ic_now(kvp->ic) >= kvp->next_poll) {
			kvp_poll_begin(kvp);
		} else {
			ic_arm(kvp->ic, kvp->next_poll);
			return;
		}
		if (kvp_is_busy(kvp))
			ic_arm(kvp->ic, ic_now(kvp->ic) + IC_KVP_ANSWER_NS);
	}
}

static void kvp_answered(void *context, uint8_t id, uint32_t status, const uint8_t *body,
			 size_t size)
{
	struct ic_kvp *kvp = context;

	if (id == kvp->request_id) {
		kvp_request_finish(kvp, status == IC_STATUS_OK ? IC_KVP_DONE : IC_KVP_REFUSED);
	} else if (id == kvp->poll_id) {
		kvp->poll_id = 0;
		kvp_poll_take(kvp, status, body, size);
	}
	kvp_advance(kvp);
}

static void kvp_expired(void *context)
{
	struct ic_kvp *kvp = context;

	if (kvp->request_id != 0) {
		ic_forget(kvp->ic, kvp->request_id);
		kvp_request_finish(kvp, IC_KVP_UNANSWERED);
	} else if (kvp->poll_id != 0) {
		ic_forget(kvp->ic, kvp->poll_id);
		kvp->poll_id = 0;
		kvp_poll_end(kvp, IC_KVP_PERIOD_NS);
	}
	kvp_advance(kvp);
}

static void kvp_ready(void *context, struct ic_version version G_GNUC_UNUSED)
{
	struct ic_kvp *kvp = context;

	if (kvp->events.available)
		kvp->events.available(kvp->events.context, true);
	kvp_advance(kvp);
}

/* pause: until a poll, when one was under way. */
static void kvp_abandon(struct ic_kvp *kvp, uint64_t pause)
{
	kvp->request_id = kvp->poll_id = 0;
	if (kvp->phase != KVP_PHASE_IDLE)
		kvp_poll_end(kvp, pause);
	while (kvp->requests.length > 0)
		kvp_request_finish(kvp, IC_KVP_GONE);
}

static void kvp_gone(void *context)
{
	struct ic_kvp *kvp = context;

	kvp_abandon(kvp, IC_KVP_PERIOD_NS);
	if (kvp->facts->pairs->len > 0 || kvp->facts->adapters->len > 0) {
		kvp_facts_free(kvp->facts);
		kvp->facts = kvp_facts_new();
		kvp->events.changed(kvp->events.context, kvp->facts);
	}
	if (kvp->events.available)
		kvp->events.available(kvp->events.context, false);
}

/* The facts stay: it is the same guest. It is asked again afterwards, as the host made it stop. */
static void kvp_hold(void *context)
{
	struct ic_kvp *kvp = context;

	ic_forget(kvp->ic, kvp->poll_id);
	ic_forget(kvp->ic, kvp->request_id);
	kvp_abandon(kvp, 0);
}

static void kvp_save(void *context, struct state_writer *writer)
{
	kvp_facts_save(((const struct ic_kvp *)context)->facts, writer);
}

static void kvp_restore(void *context, struct state_reader *reader)
{
	struct ic_kvp *kvp = context;
	struct kvp_facts *facts = kvp_facts_restore(reader);

	if (!facts)
		return;
	kvp_facts_free(kvp->facts);
	kvp->facts = facts;
	kvp->events.changed(kvp->events.context, facts);
}

static const struct ic_ops kvp_ops = {
	.ready = kvp_ready,
	.gone = kvp_gone,
	.answered = kvp_answered,
	.expired = kvp_expired,
	.hold = kvp_hold,
	.save = kvp_save,
	.restore = kvp_restore,
};

void ic_kvp_refresh(struct ic_kvp *kvp)
{
	kvp->next_poll = ic_now(kvp->ic);
	if (ic_is_ready(kvp->ic))
		kvp_advance(kvp);
}

void ic_kvp_set_adapters(struct ic_kvp *kvp, const uint8_t (*macs)[6], unsigned int n)
{
	n = MIN(n, IC_KVP_ADAPTERS_MAX);
	g_free(kvp->macs);
	kvp->macs = g_memdup2(macs, n * sizeof(*macs));
	kvp->n_macs = n;
	ic_kvp_refresh(kvp);
}

struct ic_kvp *ic_kvp_new(const struct ic_env *env, const struct ic_kvp_events *events,
			  GError **error)
{
	struct ic_kvp *kvp = g_new0(struct ic_kvp, 1);
	const struct ic_config config = {
		/* a9a0f4e7-5a45-4d96-b827-8a841e8c03e6 */
		.class_id = {{0xe7, 0xf4, 0xa0, 0xa9, 0x45, 0x5a, 0x96, 0x4d, 0xb8, 0x27, 0x8a,
			      0x84, 0x1e, 0x8c, 0x03, 0xe6}},
		/* 242ff919-07db-4180-9c2e-b86cb68c8c55 */
		.instance_id = {{0x19, 0xf9, 0x2f, 0x24, 0xdb, 0x07, 0x80, 0x41, 0x9c, 0x2e, 0xb8,
				 0x6c, 0xb6, 0x8c, 0x8c, 0x55}},
		.name = "kvp",
		.message_type = IC_MESSAGE_KVP,
		.versions = kvp_versions,
		.n_versions = G_N_ELEMENTS(kvp_versions),
		.max_body = KVP_WIRE_SIZE,
		.ops = &kvp_ops,
		.context = kvp,
	};

	kvp->events = *events;
	kvp->facts = kvp_facts_new();
	g_queue_init(&kvp->requests);
	kvp->ic = ic_new(env, &config, error);
	if (!kvp->ic) {
		ic_kvp_free(kvp);
		return NULL;
	}
	return kvp;
}

void ic_kvp_free(struct ic_kvp *kvp)
{
	if (!kvp)
		return;
	ic_free(kvp->ic);
	kvp_facts_free(kvp->facts);
	kvp_facts_free(kvp->next);
	g_free(kvp->macs);
	g_free(kvp);
}
