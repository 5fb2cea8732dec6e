/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vm_nics.h"

#include "cleanup.h"
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
	subprocess_cancel(g_steal_pointer(&nics->passt));
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
static gboolean open_bridge(struct vm_nic_files *files, const struct definition *definition,
			    const struct definition_nic *nic, GError **error)
{
	const struct tap_spec spec = {.bridge = nic->bridge, .mac = nic->mac, .mtu = nic->mtu};
	size_t n = MIN(definition->cpus, VMMS_MAX_NIC_QUEUES);

	if (!nic->bridge) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_NOT_SUPPORTED,
			    "networks of libvirt are not in this version; give its bridge, which "
			    "virsh net-info %s tells",
			    nic->network);
		return FALSE;
	}
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
		return open_bridge(files, nics->definition, nic, error);
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

static void on_passt(void *context, const struct subprocess_result *result)
{
	struct vm_nics *nics = context;
	GError *error = NULL;

	nics->passt = NULL;
	if (passt_check_result(result, &error)) {
		nics->next++;
		connect_more(nics);
		return;
	}
	(void)prefix(nics->next, &error);
	nics->done(nics->context, error);
}

/* FALSE and an error; FALSE and none: its end is waited for. */
static gboolean connect_user(struct vm_nics *nics, size_t index, GError **error)
{
	struct vm_nic_files *files = &nics->nic[index];

	if (nics->service->units)
		return take(files, passt_connect(nics->service, error));
	nics->passt = passt_run(nics->service, nic_at(nics, index)->mtu, &files->fds[0], on_passt,
				nics, error);
	if (nics->passt)
		files->n = 1;
	return FALSE;
}

static void connect_more(struct vm_nics *nics)
{
	GError *error = NULL;

	for (; nics->next < nics->definition->n_nics; nics->next++) {
		if (nic_at(nics, nics->next)->type != NIC_TYPE_USER ||
		    connect_user(nics, nics->next, &error))
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
