/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_worker.h"

#define LOOK_US 5000

static const char machine[] = "the whole machine";

struct saving {
	struct fake *fake;
	sd_bus_message *call;
	int fd;
};

static int save_finish(struct fake *fake, sd_bus_message *call, int fd)
{
	if (pwrite(fd, machine, sizeof(machine), 0) != (ssize_t)sizeof(machine))
		return -EIO;
	fake_result(fake, "saved", "the machine was saved", "save");
	fake_end_soon(fake);
	return sd_bus_reply_method_return(call, NULL);
}

static int on_look(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct saving *saving = userdata;
	struct stat st;

	(void)usec;
	if (fstat(saving->fd, &st) < 0)
		return -errno;
	if (st.st_mode & 0777) {
		(void)sd_event_source_set_time_relative(source, LOOK_US);
		return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	}
	(void)sd_bus_reply_method_errorf(saving->call, VMMS_ERROR_PREFIX "Canceled",
					 "the worker broke off");
	sd_bus_message_unref(saving->call);
	close(saving->fd);
	g_free(saving);
	return 0;
}

static int save_slowly(struct fake *fake, sd_bus_message *call, int fd)
{
	struct saving *saving = g_new0(struct saving, 1);
	int r;

	saving->fake = fake;
	saving->call = sd_bus_message_ref(call);
	saving->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	r = sd_event_add_time_relative(fake->event, NULL, CLOCK_MONOTONIC, LOOK_US, 0, on_look,
				       saving);
	return r < 0 ? r : 1;
}

static void wait_for_go(void)
{
	g_autofree char *path = g_build_filename(g_getenv("FAKE_WORKER_PROBES"), "go", NULL);

	while (access(path, F_OK) < 0)
		g_usleep(LOOK_US);
}

int fake_save(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	struct fake *fake = userdata;
	struct stat st;
	int fd;

	if (sd_bus_message_read(call, "h", &fd) < 0 || fstat(fd, &st) < 0 || st.st_size != 0 ||
	    (st.st_mode & 0177) != 0)
		return -EINVAL;
	if (fake_is(fake, "die-in-save"))
		fake_die();
	if (fake_is(fake, "hang-in-save"))
		return 1;
	if (fake_is(fake, "slow-save"))
		return save_slowly(fake, call, fd);
	if (fake_is(fake, "refuse-save"))
		return sd_bus_error_set(error, VMMS_ERROR_PREFIX "Failed",
					"its memory cannot be written: no space left on device; "
					"make room");
	if (fake_is(fake, "busy-save"))
		wait_for_go();
	return save_finish(fake, call, fd);
}

/* Which WorkerPid does not tell before it runs. */
static void tell_pid(const struct fake *fake)
{
	g_autofree char *path =
		g_strdup_printf("%s/%s.pid", g_getenv("FAKE_WORKER_PROBES"), fake->name);
	g_autofree char *pid = g_strdup_printf("%d", getpid());

	if (!g_file_set_contents(path, pid, -1, NULL))
		exit(EXIT_FAILURE);
}

int fake_take_state(struct fake *fake, sd_bus_message *call, int fd)
{
	char text[sizeof(machine)] = "";

	if ((fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY ||
	    pread(fd, text, sizeof(text), 0) != (ssize_t)sizeof(text))
		return -EINVAL;
	fake->restores = TRUE;
	tell_pid(fake);
	fake_guest_event(call, "state", text);
	return 0;
}

int fake_restore(struct fake *fake, sd_bus_error *error)
{
	if (fake_is(fake, "hang-in-restore"))
		return 0;
	if (fake_is(fake, "die-in-restore"))
		fake_die();
	if (fake_is(fake, "refuse-restore"))
		return sd_bus_error_set(error, VMMS_ERROR_PREFIX "InvalidImage",
					"saved state: it ends too early; discard it");
	return 1;
}
