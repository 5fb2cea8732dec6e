/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "libvirt_network.h"

#include <net/if.h>
#include <string.h>

#include "duration.h"

#define ASK_US SECONDS(10)

struct subprocess *libvirt_network_ask(const struct service *service, const char *network,
				       subprocess_done *done, void *context, GError **error)
{
	const struct options *options = service->options;
	const char *const argv[] = {options->libvirt_helper, "bridge", network,
				    options->libvirt_uri, NULL};

	return subprocess_run(service->event, argv, -1, -1, ASK_US, done, context, error);
}

/* It is libvirt's word, and about to be the name of a device. */
static gboolean name_valid(const char *name)
{
	size_t size = strlen(name);

	return size > 0 && size < IFNAMSIZ &&
	       strspn(name, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._-") ==
		       size;
}

char *libvirt_network_bridge(const struct subprocess_result *result, const char *network,
			     GError **error)
{
	g_autofree char *said = g_utf8_make_valid(result->error_text, -1);
	g_autofree char *name = g_strchomp(g_strdup(result->output));

	if (result->timed_out)
		g_set_error(
			error, SERVICE_ERROR, SERVICE_ERROR_FAILED,
			"libvirt did not tell the bridge of its network %s within %d s; restart "
			"libvirtd, or give the bridge by its own name",
			network, (int)(ASK_US / G_USEC_PER_SEC));
	else if (result->status == 0 && name_valid(name))
		return g_steal_pointer(&name);
	else
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED, "%s",
			    result->status == 0 ? "libvirt's bridge has a name that no bridge can "
						  "have; see virsh net-list"
			    : *said		? said
						: "libvirt cannot be asked for a bridge; see the "
						  "journal of vmmsd");
	return NULL;
}
