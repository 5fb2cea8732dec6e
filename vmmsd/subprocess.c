/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "subprocess.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "cleanup.h"
#include "process.h"
#include "service_error.h"

enum { STREAM_OUTPUT, STREAM_ERROR, STREAM_N };

struct stream {
	GString *text;
	size_t max;
	sd_event_source *source; /* owns the pipe's descriptor; NULL at its end */
	gboolean overflow;
};

struct subprocess {
	struct stream streams[STREAM_N];
	pid_t pid;
	int pidfd;
	sd_event_source *exit, *deadline;
	gboolean exited, timed_out;
	int status;
	subprocess_done *done;
	void *context;
};

static void subprocess_free(struct subprocess *process)
{
	if (!process)
		return;
	if (process->pidfd >= 0 && !process->exited) {
		siginfo_t info;

		/* A killed process is reaped at once: it runs no code of its own any more. */
		(void)pidfd_send_signal(process->pidfd, SIGKILL, NULL, 0);
		(void)waitid(P_PIDFD, (id_t)process->pidfd, &info, WEXITED);
	}
	sd_event_source_disable_unref(process->exit);
	sd_event_source_disable_unref(process->deadline);
	for (size_t i = 0; i < STREAM_N; i++) {
		sd_event_source_disable_unref(process->streams[i].source);
		if (process->streams[i].text)
			g_string_free(process->streams[i].text, TRUE);
	}
	fd_close(process->pidfd);
	g_free(process);
}

void subprocess_cancel(struct subprocess *process)
{
	subprocess_free(process);
}

/* The end is both: the process has exited and its pipes are read to the end. */
static void subprocess_check(struct subprocess *process)
{
	struct stream *err = &process->streams[STREAM_ERROR];
	struct subprocess_result result;

	if (!process->exited ||
	    (!process->timed_out && (process->streams[STREAM_OUTPUT].source || err->source)))
		return;
	g_strchomp(err->text->str);
	for (char *c = err->text->str; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
	result = (struct subprocess_result){
		.status = process->status,
		.timed_out = process->timed_out,
		.overflow = process->streams[STREAM_OUTPUT].overflow,
		.output = process->streams[STREAM_OUTPUT].text->str,
		.error_text = err->text->str,
	};
	process->done(process->context, &result);
	subprocess_free(process);
}

static int on_exit_of(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct subprocess *process = userdata;

	(void)fd;
	(void)revents;
	(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	process->status = process_reap(process->pidfd);
	process->exited = TRUE;
	subprocess_check(process);
	return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct subprocess *process = userdata;

	(void)source;
	(void)usec;
	/* A child of the helper may keep the pipes open for ever: from now on they do not count. */
	process->timed_out = TRUE;
	(void)pidfd_send_signal(process->pidfd, SIGKILL, NULL, 0);
	subprocess_check(process);
	return 0;
}

static int on_readable(struct subprocess *process, struct stream *stream, int fd)
{
	char buffer[4096];
	ssize_t size = read(fd, buffer, sizeof(buffer));

	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (size <= 0) {
		stream->source = sd_event_source_disable_unref(stream->source);
		subprocess_check(process);
		return 0;
	}
	if ((size_t)size > stream->max - stream->text->len) {
		size = (ssize_t)(stream->max - stream->text->len);
		stream->overflow = TRUE;
	}
	g_string_append_len(stream->text, buffer, size);
	return 0;
}

static int on_output(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct subprocess *process = userdata;

	(void)source;
	(void)revents;
	return on_readable(process, &process->streams[STREAM_OUTPUT], fd);
}

static int on_error(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct subprocess *process = userdata;

	(void)source;
	(void)revents;
	return on_readable(process, &process->streams[STREAM_ERROR], fd);
}

/* Takes read_fd. */
static int stream_open(struct stream *stream, sd_event *event, int read_fd, size_t max,
		       sd_event_io_handler_t handler, struct subprocess *process)
{
	int r;

	stream->text = g_string_new(NULL);
	stream->max = max;
	r = sd_event_add_io(event, &stream->source, read_fd, EPOLLIN, handler, process);
	if (r < 0) {
		fd_close(read_fd);
		return r;
	}
	return sd_event_source_set_io_fd_own(stream->source, 1);
}

static int subprocess_spawn(struct subprocess *process, sd_event *event, const char *const argv[],
			    int stdin_fd, int extra_fd, uint64_t deadline_us)
{
	autofd int null_fd = -1, out_write = -1, err_write = -1;
	int out[2], err[2], r;

	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_fd < 0)
		return -errno;
	if (pipe2(out, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	out_write = out[1];
	r = stream_open(&process->streams[STREAM_OUTPUT], event, out[0], SUBPROCESS_OUTPUT_MAX,
			on_output, process);
	if (r < 0)
		return r;
	if (pipe2(err, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	err_write = err[1];
	r = stream_open(&process->streams[STREAM_ERROR], event, err[0], SUBPROCESS_ERROR_MAX,
			on_error, process);
	if (r < 0)
		return r;
	/* Only our ends are non-blocking: the helper writes as programs do. */
	(void)fcntl(out_write, F_SETFL, 0);
	(void)fcntl(err_write, F_SETFL, 0);
	process->pidfd = process_spawn(
		&(struct process_spec){
			.argv = argv,
			.fds = {stdin_fd >= 0 ? stdin_fd : null_fd, out_write, err_write, extra_fd},
			.n_fds = extra_fd >= 0 ? 4 : 3,
		},
		&process->pid);
	if (process->pidfd < 0)
		return process->pidfd;
	r = sd_event_add_io(event, &process->exit, process->pidfd, EPOLLIN, on_exit_of, process);
	if (r < 0)
		return r;
	return sd_event_add_time_relative(event, &process->deadline, CLOCK_MONOTONIC, deadline_us,
					  0, on_deadline, process);
}

struct subprocess *subprocess_run(sd_event *event, const char *const argv[], int stdin_fd,
				  int extra_fd, uint64_t deadline_us, subprocess_done *done,
				  void *context, GError **error)
{
	struct subprocess *process = g_new0(struct subprocess, 1);
	int r;

	process->pidfd = -1;
	process->done = done;
	process->context = context;
	r = subprocess_spawn(process, event, argv, stdin_fd, extra_fd, deadline_us);
	if (r >= 0)
		return process;
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED, "%s cannot be run: %s", argv[0],
		    g_strerror(-r));
	subprocess_free(process);
	return NULL;
}
