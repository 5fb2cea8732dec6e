/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz_ic.h"
#include "ic_shutdown.h"

static void on_done(void *context G_GNUC_UNUSED, enum ic_shutdown_result result G_GNUC_UNUSED)
{
}

static void *make(const struct ic_env *env)
{
	return ic_shutdown_new(env, NULL, NULL, NULL);
}

static void poke(void *service, uint8_t choice)
{
	ic_shutdown_request(service, &(struct ic_shutdown_request){
					     .kind = (enum ic_shutdown_kind)(choice % 3),
					     .timeout_ns = 5 * IC_SECOND,
					     .done = on_done,
				     });
}

static void free_service(void *service)
{
	ic_shutdown_free(service);
}

const struct fuzz_service fuzz_service = {3, 2, make, free_service, poke};
