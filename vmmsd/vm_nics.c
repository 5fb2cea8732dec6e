/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vm_nics.h"

#include "cleanup.h"
#include "libvirt_network.h"
#include "passt.h"
#include "switch_port.h"
#include "tap.h"

void vm_nics_init(struct vm_nics *nics, struct service *service, struct vm *vm)
{
	vm_nics_init_from(nics, service, vm, vm->definition, 0);
}

void vm_nics_init_from(struct vm_nics *nics, struct service *service, struct vm *vm,
		       const struct definition *definition, size_t first)
{
	*nics = (struct vm_nics){.service = service,
				 .vm = vm,
				 .definition = definition,
				 .first = first,
				 .next = first};
}

void vm_nics_clear(struct vm_nics *nics)
{
	subprocess_cancel(g_steal_pointer(&nics->helper));
	for (size_t i = 0; i < VMMS_MAX_NICS; i++) {
		struct vm_nic_files *files = &nics->nic[i];
		while (files->n > 0) {
			files->n--;
			files->fds[files->n] = fd_close(files->fds[files->n]);
		}
	}
}

static const struct definition_nic *nic_at(const struct vm_nics *nics, size_t index)
{
	return &nics->definition->nics[index];
}

/* "adapter 0: …" */
static gboolean prefix(size_t index, GError **error)
{
	g_prefix_error(error, "adapter %zu: ", index);
	return FALSE;
}

static gboolean take(struct vm_nic_files *files, int fd)
{
	if (fd >= 0)
		files->fds[files->n++] = fd;
	return fd >= 0;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* Several processors send at once; each needs a queue to do so. */
static gboolean open_bridge(struct vm_nics *nics, size_t index, const char *bridge, GError **error)
{
	const struct definition_nic *nic = nic_at(nics, index);
	const struct tap_spec spec = {.bridge = bridge, .mac = nic->mac, .mtu = nic->mtu};
	struct vm_nic_files *files = &nics->nic[index];
	size_t n = MIN(nics->definition->cpus, VMMS_MAX_NIC_QUEUES);

	if (!tap_open(&spec, files->fds, n, error))
		return FALSE;
	files->n = n;
	return TRUE;
}

static gboolean open_one(struct vm_nics *nics, size_t index, GError **error)
{
	const struct definition_nic *nic = nic_at(nics, index);
	struct vm_nic_files *files = &nics->nic[index];

	switch (nic->type) {
	case NIC_TYPE_BRIDGE:
		/* That of a network is asked for later. */
		return !nic->bridge || open_bridge(nics, index, nic->bridge, error);
	case NIC_TYPE_PRIVATE:
		return take(files, switch_port_open(nics->service, nic->network, &nic->mac, error));
	case NIC_TYPE_USER: /* connected later */
		return passt_check(error);
	case NIC_TYPE_NONE:
		break;
	}
	return TRUE;
}

gboolean vm_nics_open(struct vm_nics *nics, GError **error)
{
	for (size_t i = nics->first; i < nics->definition->n_nics; i++) {
		if (!open_one(nics, i, error))
			return prefix(i, error);
	}
	return TRUE;
}

/* ---- connecting ------------------------------------------------------------------------------ */

static void connect_more(struct vm_nics *nics);

/* Takes error; NULL: the adapter that a helper was run for is connected. */
static void on_connected(struct vm_nics *nics, GError *error)
{
	if (!error) {
		nics->next++;
		connect_more(nics);
		return;
	}
	(void)prefix(nics->next, &error);
	nics->done(nics->context, error);
}

static void on_passt(void *context, const struct subprocess_result *result)
{
	struct vm_nics *nics = context;
	GError *error = NULL;

	nics->helper = NULL;
	(void)passt_check_result(result, &error);
	on_connected(nics, error);
}

static void on_bridge(void *context, const struct subprocess_result *result)
{
	struct vm_nics *nics = context;
	GError *error = NULL;
	g_autofree char *bridge =
		libvirt_network_bridge(result, nic_at(nics, nics->next)->network, &error);

	nics->helper = NULL;
	if (bridge)
		(void)open_bridge(nics, nics->next, bridge, &error);
	on_connected(nics, error);
}

/* These two: FALSE and an error; FALSE and none: its end is waited for. */
static gboolean connect_network(struct vm_nics *nics, size_t index, GError **error)
{
	nics->helper = libvirt_network_ask(nics->service, nic_at(nics, index)->network, on_bridge,
					   nics, error);
	return FALSE;
}

static gboolean connect_user(struct vm_nics *nics, size_t index, GError **error)
{
	struct vm_nic_files *files = &nics->nic[index];

	if (nics->service->units)
		return take(files, passt_connect(nics->service, error));
	nics->helper = passt_run(nics->service, nic_at(nics, index)->mtu, &files->fds[0], on_passt,
				 nics, error);
	if (nics->helper)
		files->n = 1;
	return FALSE;
}

static gboolean connect_one(struct vm_nics *nics, size_t index, GError **error)
{
	const struct definition_nic *nic = nic_at(nics, index);

	if (nic->type == NIC_TYPE_USER)
		return connect_user(nics, index, error);
	if (nic->type == NIC_TYPE_BRIDGE && !nic->bridge)
		return connect_network(nics, index, error);
	return TRUE;
}

static void connect_more(struct vm_nics *nics)
{
	GError *error = NULL;

	for (; nics->next < nics->definition->n_nics; nics->next++) {
		if (connect_one(nics, nics->next, &error))
			continue;
		if (!error)
			return;
		(void)prefix(nics->next, &error);
		break;
	}
	nics->done(nics->context, error);
}

void vm_nics_connect(struct vm_nics *nics, void (*done)(void *context, GError *error),
		     void *context)
{
	nics->done = done;
	nics->context = context;
	connect_more(nics);
}

int vm_nics_append(const struct vm_nics *nics, sd_bus_message *call)
{
	char tag[32];
	int r = 0;

	for (size_t i = nics->first; i < VMMS_MAX_NICS; i++) {
		for (size_t q = 0; q < nics->nic[i].n && r >= 0; q++) {
			(void)g_snprintf(tag, sizeof(tag), VMMS_FILE_NIC "%zu.%zu", i - nics->first,
					 q);
			r = sd_bus_message_append(call, "(sh)", tag, nics->nic[i].fds[q]);
		}
	}
	return r;
}
