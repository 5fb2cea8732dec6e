/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest_bus.h"

#include <string.h>
#include <unistd.h>

#define PATIENCE (20 * G_TIME_SPAN_SECOND)

/* ---- the hypervisor ------------------------------------------------------------------------- */

static enum vmbus_post_result hypervisor_post(void *context, uint32_t vp, uint32_t sint,
					      const void *payload, size_t size)
{
	struct guest_bus *g = context;
	enum vmbus_post_result result = VMBUS_POST_DONE;

	g_assert_cmpuint(sint, ==, 2);
	g_assert_cmpuint(vp, <, GUEST_VPS);
	g_assert_cmpuint(size, <=, VMBUS_MESSAGE_SIZE_MAX);
	g_mutex_lock(&g->lock);
	if (g->nowhere) {
		result = VMBUS_POST_NOWHERE;
	} else if (g->full) {
		g->refused = true;
		result = VMBUS_POST_BUSY;
	} else {
		g->full = true;
		g->slot.vp = vp;
		g->slot.size = (uint32_t)size;
		memcpy(g->slot.bytes, payload, size);
		g_cond_broadcast(&g->changed);
	}
	g_mutex_unlock(&g->lock);
	return result;
}

static void hypervisor_signal(void *context, uint32_t vp, uint32_t sint, uint32_t flag)
{
	struct guest_bus *g = context;

	g_assert_cmpuint(sint, ==, 2);
	g_mutex_lock(&g->lock);
	g->flags[vp][flag] = true;
	g->interrupts++;
	g_cond_broadcast(&g->changed);
	g_mutex_unlock(&g->lock);
}

static bool hypervisor_bind(void *context, uint32_t id, int fd)
{
	struct guest_bus *g = context;

	if (g->fail_binds > 0) {
		g->fail_binds--;
		return false;
	}
	g_assert_cmpuint(id - VMBUS_CHANNEL_CONNECTION(0), <, VMBUS_RELIDS);
	g_assert_cmpint(g->fds[id - VMBUS_CHANNEL_CONNECTION(0)], ==, 0);
	g->fds[id - VMBUS_CHANNEL_CONNECTION(0)] = fd;
	return true;
}

static void hypervisor_unbind(void *context, uint32_t id, int fd)
{
	struct guest_bus *g = context;

	g_assert_cmpint(g->fds[id - VMBUS_CHANNEL_CONNECTION(0)], ==, fd);
	g->fds[id - VMBUS_CHANNEL_CONNECTION(0)] = 0;
}

static const struct vmbus_hypervisor hypervisor = {hypervisor_post, hypervisor_signal,
						   hypervisor_bind, hypervisor_unbind};

static void on_log(void *context, const char *line)
{
	struct guest_bus *g = context;

	g_assert_true(g_str_has_prefix(line, "VMBus: "));
	g_mutex_lock(&g->lock);
	g->lines++;
	g_mutex_unlock(&g->lock);
}

static bool on_tl_connect(void *context, const struct vmbus_guid *endpoint G_GNUC_UNUSED,
			  const struct vmbus_guid *service)
{
	struct guest_bus *g = context;

	g->tl_service = *service;
	return g->accept_tl;
}

/* ---- life ----------------------------------------------------------------------------------- */

void guest_bus_init(struct guest_bus *g)
{
	const struct partition_properties properties = {.memory_size = GUEST_MEMORY,
							.vp_count = GUEST_VPS};
	struct hv_fault fault;

	memset(g, 0, sizeof(*g));
	g->config = (struct vmbus_config){.vp_count = GUEST_VPS,
					  .hypervisor = &hypervisor,
					  .hypervisor_context = g,
					  .log = on_log,
					  .tl_connect = on_tl_connect,
					  .context = g};
	g_mutex_init(&g->lock);
	g_cond_init(&g->changed);
	g_assert_cmpint(partition_create(&properties, &g->partition, &fault), ==,
			HV_STATUS_SUCCESS);
	g->control = io_thread_new("vmbus", NULL);
	g->thread = io_thread_new("devices", NULL);
	g->config.partition = g->partition;
	g->config.thread = g->control;
	g->bus = vmbus_new(&g->config);
}

static void free_bus(struct guest_bus *g)
{
	vmbus_free(g->bus);
	for (uint32_t i = 0; i < VMBUS_RELIDS; i++)
		g_assert_cmpint(g->fds[i], ==, 0);
}

void guest_bus_move(struct guest_bus *g)
{
	free_bus(g);
	g->bus = vmbus_new(&g->config);
}

void guest_bus_clear(struct guest_bus *g)
{
	free_bus(g);
	io_thread_free(g->thread);
	io_thread_free(g->control);
	partition_delete(g->partition);
	g_cond_clear(&g->changed);
	g_mutex_clear(&g->lock);
}

/* ---- saved states --------------------------------------------------------------------------- */

GBytes *guest_bus_save(struct guest_bus *g)
{
	struct state_writer *writer = state_writer_new();
	const uint8_t *data;
	GBytes *bytes;
	size_t size;

	vmbus_hold(g->bus);
	vmbus_save(g->bus, writer);
	data = state_writer_data(writer, &size);
	g_assert_nonnull(data);
	bytes = g_bytes_new(data, size);
	state_writer_free(writer);
	return bytes;
}

bool guest_bus_restore(struct guest_bus *g, GBytes *bytes)
{
	bool done = guest_bus_restore_held(g, bytes);

	if (done)
		vmbus_release(g->bus);
	return done;
}

bool guest_bus_restore_held(struct guest_bus *g, GBytes *bytes)
{
	size_t size;
	const uint8_t *data = g_bytes_get_data(bytes, &size);
	struct state_reader reader;
	bool done;

	state_reader_init(&reader, data, size);
	done = vmbus_restore(g->bus, &reader);
	g_assert_true(done == state_ok(&reader));
	return done;
}

GBytes *guest_bus_spoil(GBytes *bytes)
{
	size_t size;
	const void *data = g_bytes_get_data(bytes, &size);
	uint8_t *copy = g_memdup2(data, size);
	size_t at = (size_t)g_test_rand_int_range(0, (gint32)size);

	copy[at] ^= (uint8_t)(1u << g_test_rand_int_range(0, 8));
	return g_bytes_new_take(copy, g_test_rand_int_range(0, 10) == 0 ? at : size);
}

/* ---- turns ---------------------------------------------------------------------------------- */

static void nothing(void *context G_GNUC_UNUSED)
{
}

void guest_bus_settle(struct guest_bus *g)
{
	struct vmbus_counters c;
	uint64_t before;

	/* The bus takes one message a turn. */
	do {
		vmbus_get_counters(g->bus, &c);
		before = c.messages + c.undefined + c.malformed + c.faults;
		for (int i = 0; i < 20; i++) {
			io_thread_call(g->control, nothing, NULL);
			io_thread_call(g->thread, nothing, NULL);
		}
		vmbus_get_counters(g->bus, &c);
	} while (before != c.messages + c.undefined + c.malformed + c.faults);
}

/* ---- messages ------------------------------------------------------------------------------- */

bool guest_bus_post(struct guest_bus *g, const void *message, size_t size)
{
	return vmbus_post(g->bus, message, size);
}

void guest_bus_post_relid(struct guest_bus *g, uint32_t type, uint32_t relid)
{
	struct wire_relid m = {.header.type = type, .relid = relid};

	g_assert_true(guest_bus_post(g, &m, sizeof(m)));
}

void guest_bus_take(struct guest_bus *g, enum vmbus_message_type type, struct guest_message *m)
{
	gint64 end = g_get_monotonic_time() + PATIENCE;
	bool tell;

	g_mutex_lock(&g->lock);
	while (!g->full)
		g_assert_true(g_cond_wait_until(&g->changed, &g->lock, end));
	*m = g->slot;
	g->full = false;
	tell = g->refused;
	g->refused = false;
	g_mutex_unlock(&g->lock);
	if (tell)
		vmbus_slot_freed(g->bus);
	g_assert_cmpuint(m->header.type, ==, type);
}

void guest_bus_expect_none(struct guest_bus *g)
{
	guest_bus_settle(g);
	g_mutex_lock(&g->lock);
	g_assert_false(g->full);
	g_mutex_unlock(&g->lock);
}

bool guest_bus_contact(struct guest_bus *g, uint32_t version)
{
	struct wire_initiate_contact m = {
		.header.type = VMBUS_INITIATE_CONTACT, .version = version, .target_vp = 1};
	struct guest_message answer;

	if (version >= VMBUS_VERSION_5_0)
		m.v5.sint = 2;
	else
		m.interrupt_page = 0xfedcba9876543000; /* of no importance */
	g_assert_true(guest_bus_post(g, &m, sizeof(m)));
	guest_bus_take(g, VMBUS_VERSION_RESPONSE, &answer);
	g_assert_cmpuint(answer.size, ==, 16);
	if (!answer.version.supported)
		return false;
	g_assert_cmpuint(answer.vp, ==, 1);
	g_assert_cmpuint(answer.version.connection_state, ==, 0);
	g_assert_cmpuint(answer.version.connection_id, ==, version >= VMBUS_VERSION_5_0 ? 4 : 1);
	g_assert_cmpuint(vmbus_version(g->bus), ==, version);
	return true;
}

unsigned int guest_bus_connect(struct guest_bus *g, uint32_t version, uint32_t *relids)
{
	struct wire_header request = {.type = VMBUS_REQUESTOFFERS};
	struct guest_message m;
	unsigned int n = 0;
	gint64 end = g_get_monotonic_time() + PATIENCE;

	g_assert_true(guest_bus_contact(g, version));
	g_assert_true(guest_bus_post(g, &request, sizeof(request)));
	for (;;) {
		g_mutex_lock(&g->lock);
		while (!g->full)
			g_assert_true(g_cond_wait_until(&g->changed, &g->lock, end));
		m = g->slot;
		g_mutex_unlock(&g->lock);
		guest_bus_take(g, m.header.type, &m);
		if (m.header.type == VMBUS_ALLOFFERS_DELIVERED)
			return n;
		g_assert_cmpuint(m.header.type, ==, VMBUS_OFFERCHANNEL);
		if (relids && n < 16)
			relids[n] = m.offer.relid;
		n++;
	}
}

/* ---- memory --------------------------------------------------------------------------------- */

uint8_t *guest_bus_page(struct guest_bus *g, uint64_t page)
{
	uint8_t *address = partition_gpa_pointer(g->partition, page * 4096, 4096);

	g_assert_nonnull(address);
	return address;
}

uint32_t guest_bus_gpadl(struct guest_bus *g, uint32_t relid, uint32_t id, const uint64_t *pages,
			 uint32_t n)
{
	union {
		struct wire_gpadl_header header;
		struct wire_gpadl_body body;
		uint8_t bytes[VMBUS_MESSAGE_SIZE_MAX];
	} m = {.header = {.header.type = VMBUS_GPADL_HEADER,
			  .relid = relid,
			  .gpadl = id,
			  .range_bytes = (uint16_t)(8 + 8 * n),
			  .range_count = 1}};
	uint32_t range[2] = {n * 4096, 0}, done = MIN(n, 26), here;
	struct guest_message answer;

	memcpy(m.header.ranges, range, 8);
	memcpy(m.header.ranges + 8, pages, (size_t)8 * done);
	g_assert_true(guest_bus_post(g, &m, 28 + (size_t)8 * done));
	for (; done < n; done += here) {
		here = MIN(n - done, 28);
		m.body.header.type = VMBUS_GPADL_BODY;
		m.body.number = 1; /* nobody looks */
		m.body.gpadl = id;
		memcpy(m.body.ranges, pages + done, (size_t)8 * here);
		g_assert_true(guest_bus_post(g, &m, 16 + (size_t)8 * here));
	}
	guest_bus_take(g, VMBUS_GPADL_CREATED, &answer);
	g_assert_cmpuint(answer.created.relid, ==, relid);
	g_assert_cmpuint(answer.created.gpadl, ==, id);
	return answer.created.status;
}

void guest_bus_post_teardown(struct guest_bus *g, uint32_t relid, uint32_t id)
{
	const struct wire_gpadl_teardown m = {
		.header.type = VMBUS_GPADL_TEARDOWN, .relid = relid, .gpadl = id};

	g_assert_true(guest_bus_post(g, &m, sizeof(m)));
}

void guest_bus_take_torndown(struct guest_bus *g, uint32_t id)
{
	struct guest_message answer;

	guest_bus_take(g, VMBUS_GPADL_TORNDOWN, &answer);
	g_assert_cmpuint(answer.torndown.gpadl, ==, id);
}

void guest_bus_teardown(struct guest_bus *g, uint32_t relid, uint32_t id)
{
	guest_bus_post_teardown(g, relid, id);
	guest_bus_take_torndown(g, id);
}

/* ---- channels ------------------------------------------------------------------------------- */

void guest_bus_wait_event(struct guest_bus *g, uint32_t vp, uint32_t relid)
{
	gint64 end = g_get_monotonic_time() + PATIENCE;

	g_mutex_lock(&g->lock);
	while (!g->flags[vp][relid])
		g_assert_true(g_cond_wait_until(&g->changed, &g->lock, end));
	g->flags[vp][relid] = false;
	g_mutex_unlock(&g->lock);
}

uint32_t guest_channel_reopen(struct guest_channel *c)
{
	struct wire_open m = {.header.type = VMBUS_OPENCHANNEL,
			      .relid = c->relid,
			      .open_id = 77,
			      .ring_gpadl = c->gpadl,
			      .target_vp = c->vp,
			      .to_guest_page = GUEST_CHANNEL_PAGES / 2,
			      .user_data = "user data"};
	struct guest_message answer;

	g_assert_true(guest_bus_post(c->g, &m, sizeof(m)));
	guest_bus_take(c->g, VMBUS_OPENCHANNEL_RESULT, &answer);
	g_assert_cmpuint(answer.open_result.relid, ==, c->relid);
	g_assert_cmpuint(answer.open_result.open_id, ==, 77);
	return answer.open_result.status;
}

uint32_t guest_channel_open(struct guest_channel *c, struct guest_bus *g, uint32_t relid,
			    uint64_t first, uint32_t vp)
{
	uint64_t pages[GUEST_CHANNEL_PAGES];
	const uint32_t half = GUEST_CHANNEL_PAGES / 2;

	memset(c, 0, sizeof(*c));
	c->g = g;
	c->relid = relid;
	c->gpadl = 0xe1e10 + relid;
	c->vp = vp;
	for (uint32_t i = 0; i < GUEST_CHANNEL_PAGES; i++) {
		/* Every other page and backwards, so that nothing is contiguous. */
		pages[i] = first + (uint64_t)2 * (GUEST_CHANNEL_PAGES - i);
		c->pages[i] = guest_bus_page(g, pages[i]);
	}
	guest_ring_init(&c->to_host, c->pages, half);
	guest_ring_init(&c->to_guest, c->pages + half, half);
	g_assert_cmpuint(guest_bus_gpadl(g, relid, c->gpadl, pages, GUEST_CHANNEL_PAGES), ==, 0);
	return guest_channel_reopen(c);
}

void guest_channel_close(struct guest_channel *c)
{
	guest_bus_post_relid(c->g, VMBUS_CLOSECHANNEL, c->relid);
	guest_bus_teardown(c->g, c->relid, c->gpadl);
}

void guest_channel_signal(struct guest_channel *c)
{
	uint64_t one = 1;

	g_assert_cmpint(c->g->fds[c->relid], >, 0);
	g_assert_cmpint(write(c->g->fds[c->relid], &one, sizeof(one)), ==, sizeof(one));
}

void guest_channel_send(struct guest_channel *c, const struct guest_packet *packet)
{
	bool signal;

	g_assert_true(guest_ring_send(&c->to_host, packet, &signal));
	if (signal)
		guest_channel_signal(c);
}

void guest_channel_receive(struct guest_channel *c, struct guest_packet *packet)
{
	bool signal, again;

	for (;;) {
		guest_ring_begin(&c->to_guest);
		bool got = guest_ring_receive(&c->to_guest, packet);
		again = guest_ring_end(&c->to_guest, &signal);
		if (signal)
			guest_channel_signal(c);
		if (got)
			return;
		if (!again)
			guest_bus_wait_event(c->g, c->vp, c->relid);
	}
}
