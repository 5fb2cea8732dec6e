/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz_ic.h"
#include "ic_timesync.h"

static void *make(const struct ic_env *env)
{
	return ic_timesync_new(env, NULL);
}

static void poke(void *service, uint8_t choice G_GNUC_UNUSED)
{
	ic_timesync_sync(service);
}

static void free_service(void *service)
{
	ic_timesync_free(service);
}

const struct fuzz_service fuzz_service = {4, 0, make, free_service, poke};
