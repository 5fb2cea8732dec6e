/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "worker_spawn.h"

#include <fcntl.h>
#include <systemd/sd-journal.h>

#include "cleanup.h"
#include "process.h"
#include "service.h"
#include "socket_at.h"
#include "worker.h"
#include "worker_dir.h"

#define LISTEN_BACKLOG 16

gboolean worker_translates(const struct vm *vm)
{
	return g_str_equal(vm->engine, definition_engine_name(ENGINE_TRANSLATE));
}

char *worker_unit_of(const char *uuid, gboolean translates)
{
	return g_strdup_printf("vmworker%s@%s.service", translates ? "-translate" : "", uuid);
}

char *worker_unit_name(const struct vm *vm)
{
	return worker_unit_of(vm->definition->uuid, worker_translates(vm));
}

/* The journal when the service itself logs there; else DIR/worker.log, new at every start. */
static int worker_open_log(const struct worker *worker)
{
	int fd = -1;

	if (log_is_journal(worker->service->log))
		fd = sd_journal_stream_fd("vmworker", LOG_INFO, 1);
	if (fd >= 0)
		return fd;
	fd = openat(worker->directory, WORKER_DIR_LOG,
		    O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd >= 0 ? fd : -errno;
}

int worker_spawn(const struct worker *worker, pid_t *ret_pid, int *ret_link)
{
	const struct options *options = worker->service->options;
	const struct definition *definition = worker->vm->definition;
	g_autofree char *directory = g_build_filename(options->runtime_dir, definition->uuid, NULL);
	g_autofree char *cache = g_build_filename(options->cache_dir, VMMS_TRANSLATE_DIR, NULL);
	gboolean translates = worker_translates(worker->vm);
	const char *const argv[] = {
		translates ? options->translator : options->worker,
		"--uuid",
		definition->uuid,
		"--name",
		definition->name,
		"--runtime-dir",
		directory,
		translates ? "--cache-dir" : NULL,
		cache,
		NULL,
	};
	autofd int null_fd = -1, log_fd = -1, listen_fd = -1, link = -1;
	int pidfd;

	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_fd < 0)
		return -errno;
	log_fd = worker_open_log(worker);
	if (log_fd < 0)
		return log_fd;
	listen_fd = socket_listen_at(worker->directory, WORKER_DIR_CONTROL, LISTEN_BACKLOG);
	if (listen_fd < 0)
		return listen_fd;
	link = socket_connect_at(worker->directory, WORKER_DIR_CONTROL);
	if (link < 0)
		return link;
	pidfd = process_spawn(
		&(struct process_spec){
			.argv = argv,
			.fds = {null_fd, log_fd, log_fd, listen_fd},
			.n_fds = 4,
			.new_session = TRUE,
			.listen = TRUE,
		},
		ret_pid);
	if (pidfd >= 0)
		*ret_link = fd_steal(&link);
	return pidfd;
}
