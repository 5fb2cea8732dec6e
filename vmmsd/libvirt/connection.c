/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "connection.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

G_DEFINE_QUARK(vmms - libvirt - error, libvirt_error)

static void G_GNUC_PRINTF(2, 3) fail(GError **error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autoptr(GError) made =
		g_error_new_valist(LIBVIRT_ERROR, LIBVIRT_ERROR_FAILED, format, args);
	va_end(args);
	g_propagate_error(error, g_steal_pointer(&made));
}

/* Otherwise libvirt writes every error to standard error itself. */
static void be_silent(void *unused, virErrorPtr error)
{
	(void)unused;
	(void)error;
}

/* The first of `uris` (ended by NULL) that answers. */
static virConnectPtr open_first(const char *const *uris, const char *remedy, GError **error)
{
	virSetErrorFunc(NULL, be_silent);
	for (; *uris; uris++) {
		virConnectPtr connection = virConnectOpenReadOnly(*uris);

		if (connection)
			return connection;
		if (!uris[1])
			fail(error, "libvirt cannot be reached at %s (%s); %s", *uris,
			     virGetLastErrorMessage(), remedy);
	}
	return NULL;
}

static char *bridge_of(virConnectPtr connection, const char *name, GError **error)
{
	virNetworkPtr network = virNetworkLookupByName(connection, name);
	char *bridge = NULL;

	if (!network) {
		if (virGetLastErrorCode() == VIR_ERR_NO_NETWORK)
			fail(error,
			     "libvirt has no network %s; virsh net-list --all shows those that "
			     "there are",
			     name);
		else
			fail(error, "libvirt cannot tell of its network %s: %s", name,
			     virGetLastErrorMessage());
		return NULL;
	}
	/* The bridge of one that is not active is a name at most. */
	if (virNetworkIsActive(network) == 0)
		fail(error, "libvirt's network %s is not active; run virsh net-start %s", name,
		     name);
	else if (!(bridge = virNetworkGetBridgeName(network)))
		fail(error,
		     "libvirt's network %s has no bridge (%s); give a network that has one, as those "
		     "of the modes nat, route, isolated and bridge do",
		     name, virGetLastErrorMessage());
	(void)virNetworkFree(network);
	return bridge;
}

char *connection_bridge(const char *uri, const char *network, GError **error)
{
	const char *const named[] = {uri, NULL};
	static const char *const own[] = {"network:///system", "qemu:///system", NULL};
	virConnectPtr connection = open_first(
		uri ? named : own,
		"start libvirtd or virtnetworkd, or give the bridge by its own name", error);
	char *bridge;

	if (!connection)
		return NULL;
	bridge = bridge_of(connection, network, error);
	(void)virConnectClose(connection);
	return bridge;
}

static char *xml_of(virConnectPtr connection, const char *name, GError **error)
{
	virDomainPtr domain = virDomainLookupByName(connection, name);
	char *xml = NULL;

	if (!domain && virGetLastErrorCode() == VIR_ERR_NO_DOMAIN)
		fail(error,
		     "libvirt has no domain %s, and there is no such file; virsh list --all shows "
		     "the domains that there are",
		     name);
	else if (!domain || !(xml = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE)))
		fail(error, "libvirt cannot tell of its domain %s: %s", name,
		     virGetLastErrorMessage());
	if (domain)
		(void)virDomainFree(domain);
	return xml;
}

char *connection_domain(const char *uri, const char *domain, GError **error)
{
	const char *const uris[] = {uri ? uri : "qemu:///system", NULL};
	virConnectPtr connection =
		open_first(uris, "start libvirtd, or give a file with the domain's XML", error);
	char *xml;

	if (!connection)
		return NULL;
	xml = xml_of(connection, domain, error);
	(void)virConnectClose(connection);
	return xml;
}
