/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz_ic.h"
#include "ic_heartbeat.h"

static void on_changed(void *context G_GNUC_UNUSED, enum ic_heartbeat_state state G_GNUC_UNUSED)
{
}

static void *make(const struct ic_env *env)
{
	return ic_heartbeat_new(env, on_changed, NULL, NULL);
}

static void poke(void *service, uint8_t choice)
{
	ic_heartbeat_set_paused(service, choice & 1);
}

static void free_service(void *service)
{
	ic_heartbeat_free(service);
}

const struct fuzz_service fuzz_service = {3, 0, make, free_service, poke};
