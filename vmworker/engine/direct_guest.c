/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is known of the guest of this engine, and what its drivers are asked. */
#include <stdio.h>
#include <unistd.h>

#include "direct_private.h"

struct guest *direct_guest(struct engine *engine)
{
	return engine->synthetic ? synthetic_guest(engine->synthetic) : NULL;
}

static void describe_enlightenments(const struct hv *hv, struct hv_features served,
				    engine_word_visit visit, void *context)
{
	static const char *const uses[] = {
		[HV_USE_NONE] = "no", [HV_USE_SEEN] = "yes", [HV_USE_UNKNOWN] = "unknown"};

	visit(context, "used", "hypercalls",
	      uses[hv_hypercalls_used(hv) ? HV_USE_SEEN : HV_USE_NONE]);
	for (unsigned int i = 0; i < ENGINE_ENLIGHTENMENT_N; i++) {
		const char *name = engine_enlightenment_name((enum engine_enlightenment)i);

		if ((served.on >> i & 1) == 0)
			continue;
		visit(context, "enlightenment", name, "on");
		visit(context, "used", name, uses[hv_feature_use(hv, (enum hv_feature)i)]);
	}
}

void direct_describe(struct engine *engine, engine_word_visit visit, void *context)
{
	const struct hv *hv = guest_interface_hv(engine->interface);
	uint32_t vmbus = engine->synthetic ? synthetic_vmbus_version(engine->synthetic) : 0;
	struct hv_features served = hv_features_served(hv);
	uint64_t os = hv_guest_os_id(hv);
	char text[64];

	if (served.visible)
		describe_enlightenments(hv, served, visit, context);
	if (os != 0) {
		hv_guest_os_describe(os, text, sizeof(text));
		visit(context, "guest", "os", text);
	}
	if (vmbus != 0) {
		snprintf(text, sizeof(text), "%u.%u", vmbus >> 16, vmbus & 0xffff);
		visit(context, "guest", "vmbus", text);
	}
	guest_describe(direct_guest(engine), visit, context);
}

gboolean direct_type(struct engine *engine, const char *text, bool keys, GError **error)
{
	return guest_type(direct_guest(engine), text, keys, error);
}

gboolean direct_set_pair(struct engine *engine, const char *key, const char *value,
			 const struct engine_request *request, GError **error)
{
	return guest_set_pair(direct_guest(engine), key, value, request, error);
}

gboolean direct_copy(struct engine *engine, const struct engine_copy *copy, GError **error)
{
	return guest_copy(direct_guest(engine), copy, error);
}

void direct_cancel_copy(struct engine *engine)
{
	guest_cancel_copy(direct_guest(engine));
}

gboolean direct_freeze(struct engine *engine, uint64_t hold_us,
		       const struct engine_request *request, GError **error)
{
	return guest_freeze(direct_guest(engine), hold_us, request, error);
}

gboolean direct_thaw(struct engine *engine, const struct engine_request *request, GError **error)
{
	return guest_thaw(direct_guest(engine), request, error);
}

gboolean direct_reboot(struct engine *engine, const struct engine_request *request, GError **error)
{
	return guest_reboot(direct_guest(engine), request, error);
}

gboolean direct_hibernate(struct engine *engine, const struct engine_request *request,
			  GError **error)
{
	return guest_hibernate(direct_guest(engine), request, error);
}

void direct_sync_time(struct engine *engine)
{
	guest_sync_time(direct_guest(engine));
}

void direct_host_connected(struct engine *engine, uint64_t number, int fd)
{
	if (engine->synthetic)
		synthetic_host_connected(engine->synthetic, number, fd);
	else if (fd >= 0)
		close(fd);
}
