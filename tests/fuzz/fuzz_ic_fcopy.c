/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz_ic.h"
#include "ic_fcopy.h"

static void on_done(void *context G_GNUC_UNUSED, enum ic_fcopy_result result G_GNUC_UNUSED)
{
}

static void on_progress(void *context G_GNUC_UNUSED, uint64_t done, uint64_t size)
{
	if (done > size)
		g_error("more was copied than there is");
}

static void *make(const struct ic_env *env)
{
	return ic_fcopy_new(env, NULL);
}

static void poke(void *service, uint8_t choice)
{
	int fd;

	if (choice == 0) {
		ic_fcopy_cancel(service);
		return;
	}
	fd = memfd_create("source", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, choice * 1000) < 0)
		g_error("no file");
	ic_fcopy_start(service, &(struct ic_fcopy_request){
					.source = fd,
					.path = "/srv/file",
					.progress = on_progress,
					.done = on_done,
				});
}

static void free_service(void *service)
{
	ic_fcopy_free(service);
}

const struct fuzz_service fuzz_service = {1, 1, make, free_service, poke};
