/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine.h"

#include <string.h>

#include "direct.h"

/* Checked here, once, so that no caller has to. */
const char *engine_enlightenment_name(enum engine_enlightenment enlightenment)
{
	static const char *const names[ENGINE_ENLIGHTENMENT_N] = {
#define X(symbol, name) [ENGINE_ENLIGHTENMENT_##symbol] = (name),
		ENGINE_ENLIGHTENMENTS(X)
#undef X
	};

	return names[enlightenment];
}

static gboolean ops_are_complete(const struct engine_ops *ops)
{
	return ops->name && ops->build && ops->run && ops->pause && ops->resume && ops->reset &&
	       ops->attach_disk && ops->detach_disk && ops->refresh_disk && ops->attach_nic &&
	       ops->detach_nic && ops->power_button && ops->console && ops->statistics &&
	       ops->describe && ops->type && ops->set_pair && ops->copy && ops->cancel_copy &&
	       ops->sync_time && ops->free;
}

const struct engine_ops *engine_find(const char *name)
{
	static const struct engine_ops *const engines[] = {&direct_engine};

	for (size_t i = 0; i < G_N_ELEMENTS(engines); i++) {
		if (strcmp(engines[i]->name, name) == 0)
			return ops_are_complete(engines[i]) ? engines[i] : NULL;
	}
	return NULL;
}
