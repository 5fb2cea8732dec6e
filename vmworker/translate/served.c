/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "served.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "worker_error.h"

#define ASK_US	     (UINT64_C(2) * G_USEC_PER_SEC) /* while requests wait */
#define ASK_LATER_US (UINT64_C(30) * G_USEC_PER_SEC)
#define AWAIT_US     ((gint64)SERVED_AWAIT_S * G_USEC_PER_SEC)
#define QUICK_US     (INT64_C(10) * G_USEC_PER_SEC)
#define QUICK_MAX    3u /* an image that kills who reads it is not to do so for ever */
/* When requests do not wait any more, QEMU looks for a server with pauses that grow to 16 s. */
#define QEMU_PAUSE_US (INT64_C(17) * G_USEC_PER_SEC)

struct served_disk {
	struct served *served;
	uint32_t controller, lun;
	enum engine_disk_format format;
	bool read_only, pauses;
	char *path;
	int life;		    /* -1: its server is gone */
	sd_event_source *end, *ask; /* ask: NULL while it is served */
	gint64 since_us;	    /* monotonic: that it is served, or is not */
	gint64 ready_us;	    /* when QEMU surely has found the server; 0: it never lost it */
	unsigned int quick;	    /* servers in a row that lived shortly */
};

struct served {
	sd_event *event;
	served_lost *lost;
	void *context;
	GPtrArray *disks; /* struct served_disk */
};

/* ---- a server goes --------------------------------------------------------------------------- */

static void disk_release(struct served_disk *disk)
{
	disk->end = sd_event_source_disable_unref(disk->end);
	if (disk->life >= 0)
		close(disk->life);
	disk->life = -1;
}

static void disk_ask_in(struct served_disk *disk, uint64_t usec);

static int on_ask(sd_event_source *source, uint64_t usec, void *context)
{
	struct served_disk *disk = context;
	gboolean waits = g_get_monotonic_time() - disk->since_us < AWAIT_US;

	(void)source;
	(void)usec;
	disk_ask_in(disk, waits && disk->quick <= QUICK_MAX ? ASK_US : ASK_LATER_US);
	disk->served->lost(disk->served->context, disk->controller, disk->lun);
	return 0;
}

static void disk_ask_in(struct served_disk *disk, uint64_t usec)
{
	disk->ask = sd_event_source_disable_unref(disk->ask);
	(void)sd_event_add_time_relative(disk->served->event, &disk->ask, CLOCK_MONOTONIC, usec, 1,
					 on_ask, disk);
}

/* Its keeper speaks when qemu-nbd has ended, and ends then; why is in the keeper's log. */
static int on_end(sd_event_source *source, int fd, uint32_t revents, void *context)
{
	struct served_disk *disk = context;
	char words[1];
	ssize_t n = recv(fd, words, sizeof(words), MSG_DONTWAIT);
	gint64 now = g_get_monotonic_time();

	(void)source;
	(void)revents;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	disk_release(disk);
	disk->quick = now - disk->since_us < QUICK_US ? disk->quick + 1 : 0;
	disk->since_us = now;
	disk_ask_in(disk, disk->quick > QUICK_MAX ? ASK_LATER_US : 0);
	return 0;
}

/* ---- a server comes -------------------------------------------------------------------------- */

static gboolean disk_watch(struct served_disk *disk, int life, GError **error)
{
	disk->life = life < 0 ? -1 : fcntl(life, F_DUPFD_CLOEXEC, 3);
	disk->since_us = g_get_monotonic_time();
	if (disk->life >= 0 && sd_event_add_io(disk->served->event, &disk->end, disk->life, EPOLLIN,
					       on_end, disk) >= 0)
		return TRUE;
	disk_release(disk);
	g_set_error(error, WORKER_ERROR, WORKER_ERROR_FAILED,
		    "disk %s: its server cannot be watched (%s); raise the limit of open files",
		    disk->path, g_strerror(errno));
	return FALSE;
}

static struct served_disk *find(const struct served *served, const struct engine_disk *disk)
{
	for (guint i = 0; i < served->disks->len; i++) {
		struct served_disk *known = served->disks->pdata[i];
		if (known->controller == disk->controller && known->lun == disk->lun)
			return known;
	}
	return NULL;
}

gboolean served_has(const struct served *served, const struct engine_disk *disk)
{
	const struct served_disk *known = find(served, disk);

	return known && disk->format == known->format && disk->read_only == known->read_only &&
	       strcmp(disk->path, known->path) == 0;
}

gboolean served_take(struct served *served, const struct engine_disk *disk, GError **error)
{
	struct served_disk *known = find(served, disk);
	gint64 lost_us;

	if (known->life >= 0) {
		g_set_error(error, WORKER_ERROR, WORKER_ERROR_INVALID_ARGUMENT,
			    "disk %s: its server is there; another is not needed", known->path);
		return FALSE;
	}
	lost_us = known->since_us;
	if (!disk_watch(known, disk->life_fd, error))
		return FALSE;
	known->ask = sd_event_source_disable_unref(known->ask);
	known->ready_us =
		known->since_us - lost_us < AWAIT_US ? 0 : known->since_us + QEMU_PAUSE_US;
	return TRUE;
}

/* ---- what is asked --------------------------------------------------------------------------- */

const char *served_missing(const struct served *served)
{
	for (guint i = 0; i < served->disks->len; i++) {
		const struct served_disk *disk = served->disks->pdata[i];
		if (disk->life < 0)
			return disk->path;
	}
	return NULL;
}

static void explain(const struct served_disk *disk, gint64 now, GError **error)
{
	if (disk->life < 0)
		g_set_error(error, WORKER_ERROR, WORKER_ERROR_BUSY,
			    "disk %s has no server, and would pause the VM again; mend what keeps "
			    "the image from being served (see the log), and resume the VM then",
			    disk->path);
	else
		g_set_error(error, WORKER_ERROR, WORKER_ERROR_BUSY,
			    "disk %s has a server again, which QEMU finds within %d s; resume the "
			    "VM then",
			    disk->path, (int)((disk->ready_us - now) / G_USEC_PER_SEC) + 1);
}

gboolean served_may_resume(struct served *served, GError **error)
{
	gint64 now = g_get_monotonic_time();

	for (guint i = 0; i < served->disks->len; i++) {
		struct served_disk *disk = served->disks->pdata[i];

		if (!disk->pauses || (disk->life >= 0 && now >= disk->ready_us))
			continue;
		if (disk->life < 0)
			disk_ask_in(disk, 0);
		explain(disk, now, error);
		return FALSE;
	}
	return TRUE;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void disk_free(gpointer data)
{
	struct served_disk *disk = data;

	disk_release(disk);
	sd_event_source_disable_unref(disk->ask);
	g_free(disk->path);
	g_free(disk);
}

static struct served_disk *disk_new(struct served *served, const struct engine_disk *config)
{
	struct served_disk *disk = g_new0(struct served_disk, 1);

	*disk = (struct served_disk){
		.served = served,
		.controller = config->controller,
		.lun = config->lun,
		.format = config->format,
		.read_only = config->read_only,
		.pauses = config->on_error == ENGINE_DISK_ERROR_PAUSE,
		.path = g_strdup(config->path),
		.life = -1,
	};
	return disk;
}

struct served *served_new(sd_event *event, const struct engine_devices *devices, served_lost *lost,
			  void *context, GError **error)
{
	struct served *served = g_new0(struct served, 1);

	*served = (struct served){event, lost, context, g_ptr_array_new_with_free_func(disk_free)};
	for (size_t i = 0; i < devices->n_disks; i++) {
		const struct engine_disk *config = &devices->disks[i];
		struct served_disk *disk;

		if (config->format == ENGINE_DISK_RAW)
			continue;
		disk = disk_new(served, config);
		g_ptr_array_add(served->disks, disk);
		if (!disk_watch(disk, config->life_fd, error)) {
			served_free(served);
			return NULL;
		}
	}
	return served;
}

void served_free(struct served *served)
{
	if (!served)
		return;
	g_ptr_array_unref(served->disks);
	g_free(served);
}
