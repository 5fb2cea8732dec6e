/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a definition asks for, against what this engine can give its guest. */
#include "direct.h"
#include "worker_error.h"

/* The definition's enlightenments are the interface's features, in the same order. */
#define X(symbol, name)                                               \
	_Static_assert((unsigned int)ENGINE_ENLIGHTENMENT_##symbol == \
			       (unsigned int)HV_FEATURE_##symbol,     \
		       "engine_devices.h and hv.h differ");
ENGINE_ENLIGHTENMENTS(X)
#undef X
_Static_assert((unsigned int)ENGINE_ENLIGHTENMENT_N == (unsigned int)HV_FEATURE_N,
	       "engine_devices.h and hv.h differ");

struct hv_features direct_features(const struct engine_devices *devices)
{
	return (struct hv_features){
		.visible = !devices->hidden,
		.on = hv_features_all.on & ~devices->enlightenments_off,
	};
}

bool direct_wants_apic_assist(const struct engine_devices *devices)
{
	struct hv_features features = direct_features(devices);

	return features.visible && (features.on & HV_FEATURE_BIT(HV_FEATURE_APIC_ASSIST)) != 0;
}

static gboolean refuse(const struct engine_config *config, const char *what, const char *remedy,
		       GError **error)
{
	g_set_error(error, WORKER_ERROR, WORKER_ERROR_NOT_SUPPORTED, "VM %s: %s; %s",
		    config->vm_name, what, remedy);
	return FALSE;
}

/* VMBus is what disks and adapters are on. */
static gboolean check_vmbus(const struct engine_config *config, GError **error)
{
	const struct engine_devices *devices = &config->devices;

	if (devices->n_disks == 0 && devices->n_nics == 0)
		return TRUE;
	if (devices->hidden)
		return refuse(
			config,
			"disks and network adapters come by VMBus, which a guest does not find "
			"when the hypervisor is hidden",
			"make the hypervisor visible, or remove them", error);
	if (devices->enlightenments_off & ENGINE_ENLIGHTENMENT_BIT(SYNIC))
		return refuse(config,
			      "disks and network adapters come by VMBus, which needs the "
			      "enlightenment synic",
			      "switch synic on, or remove them", error);
	return TRUE;
}

/* Only of those that are off by default: whoever switches one on wants it. The others go with what
 * they need. */
static gboolean check_needs(const struct engine_config *config, GError **error)
{
	static const struct {
		enum engine_enlightenment wanted, needed;
	} needs[] = {
		{ENGINE_ENLIGHTENMENT_STIMER, ENGINE_ENLIGHTENMENT_SYNIC},
		{ENGINE_ENLIGHTENMENT_STIMER, ENGINE_ENLIGHTENMENT_REFERENCE_COUNTER},
		{ENGINE_ENLIGHTENMENT_STIMER_DIRECT, ENGINE_ENLIGHTENMENT_STIMER},
	};
	uint32_t off = config->devices.enlightenments_off;

	for (size_t i = 0; i < G_N_ELEMENTS(needs) && !config->devices.hidden; i++) {
		const char *wanted = engine_enlightenment_name(needs[i].wanted);
		const char *needed = engine_enlightenment_name(needs[i].needed);

		if (off & 1u << needs[i].wanted || !(off & 1u << needs[i].needed))
			continue;
		g_set_error(error, WORKER_ERROR, WORKER_ERROR_NOT_SUPPORTED,
			    "VM %s: the enlightenment %s needs %s, which is off; switch %s on, or "
			    "%s off",
			    config->vm_name, wanted, needed, needed, wanted);
		return FALSE;
	}
	return TRUE;
}

gboolean direct_check_devices(const struct engine_config *config, GError **error)
{
	return check_vmbus(config, error) && check_needs(config, error);
}
