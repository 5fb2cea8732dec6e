/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz_ic.h"
#include "ic_vss.h"

static void on_done(void *context G_GNUC_UNUSED, enum ic_vss_result result G_GNUC_UNUSED)
{
}

static void *make(const struct ic_env *env)
{
	return ic_vss_new(env, NULL, NULL, NULL);
}

static void poke(void *service, uint8_t choice)
{
	if (choice % 3 == 0)
		ic_vss_freeze(service, 5 * IC_SECOND, 3 * IC_SECOND, on_done, NULL);
	else if (choice % 3 == 1)
		ic_vss_thaw(service, on_done, NULL);
	else
		ic_vss_check(service, on_done, NULL);
}

static void free_service(void *service)
{
	ic_vss_free(service);
}

const struct fuzz_service fuzz_service = {5, 0, make, free_service, poke};
