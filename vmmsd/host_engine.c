/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which engine runs a VM here, and why. There is no fall-back: auto says what it takes. */
#include "host_internal.h"
#include "service_error.h"

char *host_explain_direct(const struct host *host)
{
	const struct host_kvm *kvm = &host->kvm;

	if (!kvm->usable)
		return g_strdup(kvm->reason);
	if (g_str_equal(kvm->virtualization, "amd-v"))
		return g_strdup("KVM on AMD-V: guest code runs directly on the processor");
	if (g_str_equal(kvm->virtualization, "vt-x"))
		return g_strdup("KVM on VT-x: guest code runs directly on the processor");
	return g_strdup("software KVM: the processor offers neither AMD-V nor VT-x, so guest user "
			"code runs directly and guest kernel code is emulated slowly here");
}

static gboolean check_direct(const struct host *host, GError **error)
{
	if (host->kvm.usable)
		return TRUE;
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_NO_HYPERVISOR,
		    "the engine direct cannot run here: %s", host->kvm.reason);
	return FALSE;
}

char *host_explain_translate(const struct host *host)
{
	if (!host->translate.usable)
		return g_strdup(host->translate.reason);
	return g_strdup("QEMU translates the guest's instructions, which needs nothing of the "
			"processor and is several times slower than running them");
}

static gboolean check_translate(const struct host *host, GError **error)
{
	if (host->translate.usable)
		return TRUE;
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_NO_HYPERVISOR,
		    "the engine translate cannot run here: %s", host->translate.reason);
	return FALSE;
}

static const char *choose_translate(const struct host *host, const char *why, char **reason)
{
	g_autofree char *what = host_explain_translate(host);

	*reason = g_strdup_printf("%s; %s", why, what);
	return definition_engine_name(ENGINE_TRANSLATE);
}

const char *host_choose_engine(const struct host *host, enum definition_engine asked, char **reason,
			       GError **error)
{
	if (asked == ENGINE_TRANSLATE)
		return check_translate(host, error)
			       ? choose_translate(host, "asked for by the definition", reason)
			       : NULL;
	if (asked == ENGINE_AUTO && !host->kvm.usable && host->translate.usable) {
		g_autofree char *why = g_strdup_printf(
			"chosen by auto, since direct cannot run here (%s)", host->kvm.reason);
		return choose_translate(host, why, reason);
	}
	if (!check_direct(host, error))
		return NULL;
	g_autofree char *why = host_explain_direct(host);
	*reason = g_strdup_printf("%s; %s",
				  asked == ENGINE_AUTO ? "chosen by auto"
						       : "asked for by the "
							 "definition",
				  why);
	return definition_engine_name(ENGINE_DIRECT);
}
