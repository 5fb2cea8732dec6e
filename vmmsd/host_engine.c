/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which engine runs a VM here, and why. There is no fall-back: auto says what it takes. */
#include <string.h>

#include "definition_on_host.h"
#include "host_internal.h"
#include "service_error.h"

/*
 * Instructions a second of guest kernel code below which auto prefers translation. A stock kernel
 * boots in some thousand million of them; those that emulate it do about one million a second.
 */
#define KERNEL_SLOW INT64_C(50000000)

/* "0.7" or "2300", in millions. */
static char *speed_text(int64_t speed)
{
	double millions = (double)speed / 1e6;

	return g_strdup_printf(millions < 10 ? "%.1f" : "%.0f", millions);
}

static char *explain_software(const struct host_speed *speed)
{
	g_autofree char *kernel = speed_text(speed->kernel), *user = speed_text(speed->user);

	if (!speed->kernel || !speed->user)
		return g_strdup("software KVM: the processor offers neither AMD-V nor VT-x, so "
				"guest user code runs directly and guest kernel code is emulated "
				"slowly here");
	return g_strdup_printf("software KVM: the processor offers neither AMD-V nor VT-x; guest "
			       "user code runs at %s and guest kernel code at %s million "
			       "instructions a second",
			       user, kernel);
}

char *host_explain_direct(const struct host *host)
{
	const struct host_kvm *kvm = &host->kvm;

	if (!kvm->usable)
		return g_strdup(kvm->reason);
	if (g_str_equal(kvm->virtualization, "amd-v"))
		return g_strdup("KVM on AMD-V: guest code runs directly on the processor");
	if (g_str_equal(kvm->virtualization, "vt-x"))
		return g_strdup("KVM on VT-x: guest code runs directly on the processor");
	return explain_software(&kvm->speed);
}

static const char *refuse(const char *engine, gboolean lost, const char *why, GError **error)
{
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_NO_HYPERVISOR,
		    "the engine %s cannot run here%s: %s", engine, lost ? " any more" : "", why);
	return NULL;
}

char *host_explain_translate(const struct host *host)
{
	if (!host->translate.usable)
		return g_strdup(host->translate.reason);
	return g_strdup("QEMU translates the guest's instructions, which needs nothing of the "
			"processor and is several times slower than running them");
}

/* why says who chose. */
static const char *take_direct(const struct host *host, const char *why, char **reason,
			       GError **error)
{
	g_autofree char *what = host_explain_direct(host);

	if (!host->kvm.usable)
		return refuse("direct", host->kvm.lost, host->kvm.reason, error);
	*reason = g_strdup_printf("%s; %s", why, what);
	return definition_engine_name(ENGINE_DIRECT);
}

static const char *take_translate(const struct host *host, const char *why, char **reason,
				  GError **error)
{
	g_autofree char *what = host_explain_translate(host);

	if (!host->translate.usable)
		return refuse("translate", FALSE, host->translate.reason, error);
	*reason = g_strdup_printf("%s; %s", why, what);
	return definition_engine_name(ENGINE_TRANSLATE);
}

static gboolean is_slow(const struct host_kvm *kvm)
{
	return g_str_equal(kvm->virtualization, "software") && kvm->speed.kernel > 0 &&
	       kvm->speed.kernel < KERNEL_SLOW;
}

/* Direct, unless it cannot run or would take minutes to boot a kernel, and translate can run.
 * lacking: what translate has not and this VM needs, or NULL. */
static const char *choose_auto(const struct host *host, const char *lacking, char **reason,
			       GError **error)
{
	const struct host_kvm *kvm = &host->kvm;
	const char *obstacle = host->translate.usable ? lacking : host->translate.reason;
	g_autofree char *speed = speed_text(kvm->speed.kernel);
	g_autofree char *why = NULL;

	if (!kvm->usable && !obstacle) {
		why = g_strdup_printf("chosen by auto, since direct cannot run here%s (%s)",
				      kvm->lost ? " any more" : "", kvm->reason);
	} else if (!kvm->usable && lacking && host->translate.usable) {
		why = g_strdup_printf("%s; and auto cannot take translate (%s)", kvm->reason,
				      lacking);
		return refuse("direct", kvm->lost, why, error);
	} else if (!kvm->usable || !is_slow(kvm)) {
		return take_direct(host, "chosen by auto", reason, error);
	} else if (obstacle) {
		why = g_strdup_printf("chosen by auto, though slow, since translate cannot run "
				      "this (%s)",
				      obstacle);
		return take_direct(host, why, reason, error);
	} else {
		why = g_strdup_printf("chosen by auto, since the software KVM of this host "
				      "emulates guest kernel code at %s million instructions a "
				      "second",
				      speed);
	}
	return take_translate(host, why, reason, error);
}

const char *host_choose_engine(const struct host *host, enum definition_engine asked,
			       const char *lacking, char **reason, GError **error)
{
	static const char by_definition[] = "asked for by the definition";

	switch (asked) {
	case ENGINE_DIRECT:
		return take_direct(host, by_definition, reason, error);
	case ENGINE_TRANSLATE:
		return take_translate(host, by_definition, reason, error);
	case ENGINE_AUTO:
		break;
	}
	return choose_auto(host, lacking, reason, error);
}

const char *host_choose_engine_for(const struct host *host, const struct definition *definition,
				   char **reason, GError **error)
{
	g_autoptr(GError) lacking = NULL;

	if (!definition_on_host_check(definition, error))
		return NULL;
	if (definition->engine == ENGINE_AUTO && definition_check_translate(definition, &lacking))
		(void)definition_on_host_check_translate(definition, &lacking);
	return host_choose_engine(host, definition->engine, lacking ? lacking->message : NULL,
				  reason, error);
}
