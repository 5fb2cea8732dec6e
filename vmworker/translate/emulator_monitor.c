/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "emulator_monitor.h"

#include <libvirt/libvirt-qemu.h>
#include <libvirt/virterror.h>
#include <stdlib.h>
#include <string.h>

#include "worker_error.h"

/* fd -1: none goes with it. */
static gboolean command(virDomainPtr domain, const char *json, int fd, GError **error)
{
	unsigned int n_out = 0;
	int *out = NULL;
	char *answer = NULL;
	int r = virDomainQemuMonitorCommandWithFiles(domain, json, fd >= 0 ? 1 : 0, &fd, &n_out,
						     &out, &answer, 0);
	virErrorPtr last = r < 0 ? virGetLastError() : NULL;
	/* All commands here answer with an empty object, or with words of QEMU's own. */
	gboolean ok = r == 0 && answer && !strstr(answer, "\"error\":");

	if (!ok)
		g_set_error(error, WORKER_ERROR, WORKER_ERROR_FAILED,
			    "QEMU refused a command: %.256s; see that it is version 7.2 or later",
			    last && last->message ? last->message
			    : answer		  ? answer
						  : "it does not say why");
	free(answer);
	free(out);
	return ok;
}

static gboolean backend_add(virDomainPtr domain, const struct engine_nic *nic, size_t index,
			    GError **error)
{
	g_autofree char *lend = g_strdup_printf(
		"{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"nicfd%zu\"}}", index);
	/* passt speaks QEMU's own framing. */
	g_autofree char *add = g_strdup_printf(
		"{\"execute\":\"netdev_add\",\"arguments\":{\"type\":\"stream\",\"id\":\"net%zu\","
		"\"server\":false,\"addr\":{\"type\":\"fd\",\"str\":\"nicfd%zu\"}}}",
		index, index);

	return command(domain, lend, nic->fds[0], error) && command(domain, add, -1, error);
}

static gboolean nic_add(virDomainPtr domain, const struct engine_nic *nic, size_t index,
			GError **error)
{
	const uint8_t *m = nic->mac;
	gboolean backend = nic->type == ENGINE_NIC_USER;
	g_autofree char *behind =
		backend ? g_strdup_printf("\"netdev\":\"net%zu\",", index) : g_strdup("");
	g_autofree char *add = g_strdup_printf(
		"{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"virtio-net-pci\",%s"
		"\"id\":\"nic%zu\",\"host_mtu\":%u,"
		"\"mac\":\"%02x:%02x:%02x:%02x:%02x:%02x\"}}",
		behind, index, nic->mtu, m[0], m[1], m[2], m[3], m[4], m[5]);
	g_autofree char *unplug = g_strdup_printf(
		"{\"execute\":\"set_link\",\"arguments\":{\"name\":\"nic%zu\",\"up\":false}}",
		index);

	return (!backend || backend_add(domain, nic, index, error)) &&
	       command(domain, add, -1, error) &&
	       ((nic->connected && backend) || command(domain, unplug, -1, error));
}

gboolean emulator_monitor_add_nics(virDomainPtr domain, const struct engine_devices *devices,
				   GError **error)
{
	for (size_t i = 0; i < devices->n_nics; i++) {
		if (!nic_add(domain, &devices->nics[i], i, error)) {
			g_prefix_error(error, "adapter %zu: ", i);
			return FALSE;
		}
	}
	return TRUE;
}

gboolean emulator_monitor_ping(virDomainPtr domain, GError **error)
{
	return command(domain, "{\"execute\":\"query-status\"}", -1, error);
}
