/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine.h"

const char *engine_enlightenment_name(enum engine_enlightenment enlightenment)
{
	static const char *const names[ENGINE_ENLIGHTENMENT_N] = {
#define X(symbol, name) [ENGINE_ENLIGHTENMENT_##symbol] = (name),
		ENGINE_ENLIGHTENMENTS(X)
#undef X
	};

	return names[enlightenment];
}

bool engine_is_complete(const struct engine_ops *ops)
{
	return ops->name && ops->build && ops->run && ops->pause && ops->resume && ops->save &&
	       ops->reset && ops->attach_disk && ops->detach_disk && ops->suspend_disk &&
	       ops->refresh_disk && ops->attach_nic && ops->detach_nic && ops->power_button &&
	       ops->console && ops->statistics && ops->describe && ops->type && ops->set_pair &&
	       ops->copy && ops->cancel_copy && ops->freeze && ops->thaw && ops->reboot &&
	       ops->hibernate && ops->sync_time && ops->host_connected && ops->free;
}
