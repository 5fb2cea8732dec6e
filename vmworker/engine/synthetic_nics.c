/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "synthetic_nics.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "instance_id.h"
#include "net_backends.h"
#include "netvsp.h"
#include "worker_error.h"

struct nic_cable {
	unsigned int number; /* of its name, "nic0"; no other has it */
	struct net_backend *backend;
	struct vmbus_guid instance;
	uint8_t mac[6];
	bool connected;
	uint64_t bandwidth;
};

struct nic_cables {
	const char *vm_name; /* borrowed */
	uint8_t vm_uuid[16];
	size_t n;
	struct nic_cable cable[VMMS_MAX_NICS];
};

struct synthetic_nics {
	struct vmbus *bus;
	uint32_t vp_count;
	struct io_thread *thread; /* of all adapters; NULL: there has been none */
	size_t n;		  /* as many as cables, in the same order */
	struct netvsp *nic[VMMS_MAX_NICS];
};

/* ---- cables ---------------------------------------------------------------------------------- */

static struct net_backend *backend_new(const struct engine_nic *nic, const char *name,
				       const int *fds, GError **error)
{
	switch (nic->type) {
	case ENGINE_NIC_USER:
		return net_user_new(name, fds[0], error);
	case ENGINE_NIC_BRIDGE:
		return net_tap_new(name, fds, (unsigned int)nic->n_fds, error);
	case ENGINE_NIC_PRIVATE:
		return net_port_new(name, fds[0], error);
	case ENGINE_NIC_NONE:
		break;
	}
	return net_none_new();
}

/* The descriptors are the lender's; a back end closes its own. */
static struct net_backend *backend_dup(const struct engine_nic *nic, const char *name,
				       GError **error)
{
	struct net_backend *backend = NULL;
	int fds[VMMS_MAX_NIC_QUEUES] = {-1}; /* what is not lent is refused */
	size_t n = 0;

	while (n < nic->n_fds && (fds[n] = fcntl(nic->fds[n], F_DUPFD_CLOEXEC, 3)) >= 0)
		n++;
	if (n == nic->n_fds)
		backend = backend_new(nic, name, fds, error);
	else
		g_set_error(error, WORKER_ERROR, WORKER_ERROR_FAILED,
			    "the descriptor of adapter '%s' cannot be had (%s); raise the limit of "
			    "open files",
			    name, g_strerror(errno));
	while (!backend && n > 0)
		close(fds[--n]);
	return backend;
}

static unsigned int cables_number(const struct nic_cables *cables)
{
	unsigned int number = 0;

	for (size_t i = 0; i < cables->n; i++) {
		if (cables->cable[i].number != number)
			continue;
		number++;
		i = (size_t)-1; /* from the first one again */
	}
	return number;
}

static bool cables_add(struct nic_cables *cables, const struct engine_nic *nic, GError **error)
{
	struct nic_cable *cable = &cables->cable[cables->n];
	g_autoptr(GError) failure = NULL;
	char name[32];

	cable->number = cables_number(cables);
	snprintf(name, sizeof(name), "nic%u", cable->number);
	cable->backend = backend_dup(nic, name, &failure);
	if (!cable->backend) {
		g_assert(failure);
		g_set_error(error, WORKER_ERROR, WORKER_ERROR_FAILED, "VM %s: %s", cables->vm_name,
			    failure->message);
		return false;
	}
	cables->n++;
	instance_id_make(cables->vm_uuid, "nic", nic->mac, sizeof(nic->mac), cable->instance.bytes);
	memcpy(cable->mac, nic->mac, sizeof(cable->mac));
	cable->connected = nic->connected;
	cable->bandwidth = nic->bandwidth;
	return true;
}

static void cables_remove(struct nic_cables *cables, size_t index)
{
	net_backend_free(cables->cable[index].backend);
	cables->n--;
	memmove(&cables->cable[index], &cables->cable[index + 1],
		(cables->n - index) * sizeof(cables->cable[0]));
}

struct nic_cables *nic_cables_new(const struct engine_config *config, GError **error)
{
	struct nic_cables *cables = g_new0(struct nic_cables, 1);

	g_assert(config->devices.n_nics <= VMMS_MAX_NICS);
	cables->vm_name = config->vm_name;
	memcpy(cables->vm_uuid, config->vm_uuid, sizeof(cables->vm_uuid));
	for (size_t i = 0; i < config->devices.n_nics; i++) {
		if (!cables_add(cables, &config->devices.nics[i], error)) {
			nic_cables_free(cables);
			return NULL;
		}
	}
	return cables;
}

void nic_cables_free(struct nic_cables *cables)
{
	if (!cables)
		return;
	while (cables->n > 0)
		cables_remove(cables, cables->n - 1);
	g_free(cables);
}

unsigned int nic_cables_macs(const struct nic_cables *cables, uint8_t macs[VMMS_MAX_NICS][6])
{
	for (size_t i = 0; i < cables->n; i++)
		memcpy(macs[i], cables->cable[i].mac, 6);
	return (unsigned int)cables->n;
}

/* ---- adapters -------------------------------------------------------------------------------- */

static bool nics_add(struct synthetic_nics *nics, const struct nic_cable *cable, GError **error)
{
	char name[32];
	struct netvsp_config config = {
		.bus = nics->bus,
		.thread = nics->thread,
		.backend = cable->backend,
		.name = name,
		.instance = cable->instance,
		/* As Hyper-V has it by default: a guest cannot pose as its neighbour. */
		.fixed_mac = true,
		.channels = CLAMP(nics->vp_count, 1u, NETVSP_CHANNELS_MAX),
		.send_limit = cable->bandwidth,
		.receive_limit = cable->bandwidth,
	};

	snprintf(name, sizeof(name), "nic%u", cable->number);
	memcpy(config.mac, cable->mac, sizeof(config.mac));
	nics->nic[nics->n] = netvsp_new(&config, error);
	if (!nics->nic[nics->n])
		return false;
	if (!cable->connected)
		netvsp_set_link(nics->nic[nics->n], false);
	nics->n++;
	return true;
}

static bool nics_fill(struct synthetic_nics *nics, const struct nic_cables *cables, GError **error)
{
	if (cables->n == 0)
		return true;
	nics->thread = io_thread_prepare("net", error);
	if (!nics->thread)
		return false;
	for (size_t i = 0; i < cables->n; i++) {
		if (!nics_add(nics, &cables->cable[i], error))
			return false;
	}
	return io_thread_start(nics->thread, error);
}

struct synthetic_nics *synthetic_nics_start(struct nic_cables *cables, struct vmbus *bus,
					    uint32_t vp_count, GError **error)
{
	struct synthetic_nics *nics = g_new0(struct synthetic_nics, 1);

	nics->bus = bus;
	nics->vp_count = vp_count;
	if (nics_fill(nics, cables, error))
		return nics;
	synthetic_nics_stop(nics);
	return NULL;
}

void synthetic_nics_stop(struct synthetic_nics *nics)
{
	if (!nics)
		return;
	while (nics->n > 0)
		netvsp_free(nics->nic[--nics->n]);
	io_thread_free(nics->thread);
	g_free(nics);
}

/* ---- while a guest runs ---------------------------------------------------------------------- */

static size_t cables_find(const struct nic_cables *cables, const uint8_t mac[6])
{
	size_t i = 0;

	while (i < cables->n && memcmp(cables->cable[i].mac, mac, 6) != 0)
		i++;
	return i;
}

static bool plug_fail(GError **error, enum worker_error code, const struct nic_cables *cables,
		      const uint8_t mac[6], const char *what)
{
	g_set_error(error, WORKER_ERROR, (gint)code,
		    "VM %s: adapter %02x:%02x:%02x:%02x:%02x:%02x: %s", cables->vm_name, mac[0],
		    mac[1], mac[2], mac[3], mac[4], mac[5], what);
	return false;
}

/* The first one brings the thread, which is as confined as who makes it. */
static bool nics_add_late(struct synthetic_nics *nics, const struct nic_cable *cable,
			  GError **error)
{
	if (!nics->thread)
		nics->thread = io_thread_new("net", error);
	return nics->thread && nics_add(nics, cable, error);
}

bool synthetic_nics_attach(struct nic_cables *cables, struct synthetic_nics *nics,
			   const struct engine_nic *nic, GError **error)
{
	g_autoptr(GError) failure = NULL;

	if (cables_find(cables, nic->mac) < cables->n)
		return plug_fail(error, WORKER_ERROR_INVALID_ARGUMENT, cables, nic->mac,
				 "there is one of this address already; give another");
	if (cables->n == VMMS_MAX_NICS)
		return plug_fail(error, WORKER_ERROR_INVALID_ARGUMENT, cables, nic->mac,
				 "there are as many as there may be; detach one");
	if (!cables_add(cables, nic, error))
		return false;
	if (!nics || nics_add_late(nics, &cables->cable[cables->n - 1], &failure))
		return true;
	cables_remove(cables, cables->n - 1);
	return plug_fail(error, WORKER_ERROR_FAILED, cables, nic->mac, failure->message);
}

bool synthetic_nics_detach(struct nic_cables *cables, struct synthetic_nics *nics,
			   const uint8_t mac[6], GError **error)
{
	size_t index = cables_find(cables, mac);

	if (index == cables->n)
		return plug_fail(error, WORKER_ERROR_INVALID_ARGUMENT, cables, mac,
				 "there is none; see hvctl show");
	if (nics) {
		netvsp_free(nics->nic[index]);
		nics->n--;
		for (size_t i = index; i < nics->n; i++)
			nics->nic[i] = nics->nic[i + 1];
	}
	cables_remove(cables, index);
	return true;
}

/* ---- statistics ------------------------------------------------------------------------------ */

static const struct {
	const char *name;
	size_t offset;
} counters[] = {
#define X(name_, member_)                                          \
	{                                                          \
		(name_), offsetof(struct netvsp_counters, member_) \
	}
	X("sent", sent),
	X("sent-bytes", sent_bytes),
	X("sent-large", sent_large),
	X("send-dropped", send_dropped),
	X("send-invalid", send_invalid),
	X("received", received),
	X("received-bytes", received_bytes),
	X("received-large", received_large),
	X("receive-filtered", receive_filtered),
	X("receive-dropped", receive_dropped),
	X("receive-stalls", receive_stalls),
	X("batches", batches),
	X("throttled", throttled),
	X("faults", faults),
#undef X
};

static void nic_statistics(struct netvsp *nic, size_t index, engine_counter_visit visit,
			   void *context)
{
	struct netvsp_state state;
	char name[64];

	netvsp_state(nic, &state);
	for (size_t i = 0; i < G_N_ELEMENTS(counters); i++) {
		uint64_t value;
		memcpy(&value, (const char *)&state.counters + counters[i].offset, sizeof(value));
		snprintf(name, sizeof(name), "nic.%zu.%s", index, counters[i].name);
		visit(context, name, value);
	}
	snprintf(name, sizeof(name), "nic.%zu.version", index);
	visit(context, name, state.version);
	snprintf(name, sizeof(name), "nic.%zu.channels", index);
	visit(context, name, state.channels);
	snprintf(name, sizeof(name), "nic.%zu.link", index);
	visit(context, name, state.link_up);
}

void synthetic_nics_statistics(struct synthetic_nics *nics, engine_counter_visit visit,
			       void *context)
{
	for (size_t i = 0; nics && i < nics->n; i++)
		nic_statistics(nics->nic[i], i, visit, context);
}
