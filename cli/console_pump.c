// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The loop of `hvctl console`. It never blocks on a write: the guest that takes no input and the
 * terminal that takes no output must not keep the escape key or a signal from being seen. What the
 * terminal cannot take is left in the socket; what the guest cannot take is buffered up to
 * INPUT_MAX, then refused with a bell.
 */
#include "console_pump.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "terminal.h"

#define INPUT_MAX  16384
#define OUTPUT_MAX 4096 /* PIPE_BUF: a writable pipe takes that much without blocking */

struct buffer {
	size_t from, to;
	char *data;
};

struct state {
	struct pump *pump;
	int signals;	    /* signalfd, or -1 */
	int writer;	    /* the output, non-blocking where that is possible */
	bool console_eof;   /* nothing more will come from the VM */
	bool console_takes; /* it still reads */
	struct buffer in, out;
	char in_data[INPUT_MAX], out_data[OUTPUT_MAX];
};

static const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT};

static int signals_open(sigset_t *saved)
{
	sigset_t mask;

	sigemptyset(&mask);
	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		sigaddset(&mask, caught[i]);
	int fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd >= 0)
		sigprocmask(SIG_BLOCK, &mask, saved);
	return fd;
}

/*
 * O_NONBLOCK belongs to the open file, which the shell shares: a terminal is opened anew. A pipe is
 * only written when poll says so, and never more than OUTPUT_MAX.
 */
static int writer_open(int output)
{
	char path[32];

	if (!isatty(output))
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", output);
	return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

/* False when the pump has to end with pump->signal. */
static bool take_signal(struct state *s)
{
	struct signalfd_siginfo info;

	if (read(s->signals, &info, sizeof(info)) != sizeof(info))
		return true;
	switch (info.ssi_signo) {
	case SIGTSTP:
		terminal_restore();
		raise(SIGSTOP);
		return true; /* SIGCONT is the next one here */
	case SIGCONT:
		/* The shell may have changed the settings meanwhile. */
		terminal_raw();
		return true;
	default:
		s->pump->signal = (int)info.ssi_signo;
		return false;
	}
}

/* Reads keys. Sets *end and returns false when that ends the pump. */
static bool take_input(struct state *s, enum pump_end *end)
{
	char keys[1024];

	ssize_t n = read(s->pump->input, keys, sizeof(keys));
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (n <= 0) {
		*end = PUMP_HANGUP;
		return false;
	}
	size_t length = (size_t)n;
	char *escape = s->pump->escape < 0 ? NULL : memchr(keys, s->pump->escape, length);
	if (escape)
		length = (size_t)(escape - keys);
	if (s->in.from == s->in.to)
		s->in.from = s->in.to = 0;
	if (s->pump->read_only || !s->console_takes)
		length = 0;
	if (length > INPUT_MAX - s->in.to) {
		length = INPUT_MAX - s->in.to;
		if (write(s->writer, "\a", 1) < 0)
			errno = 0; /* a bell that is not heard is no loss */
	}
	memcpy(s->in_data + s->in.to, keys, length);
	s->in.to += length;
	if (!escape)
		return true;
	*end = PUMP_DETACHED;
	return false;
}

static void send_input(struct state *s)
{
	ssize_t n = send(s->pump->console, s->in_data + s->in.from, s->in.to - s->in.from,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0) {
		s->in.from += (size_t)n;
	} else if (n < 0 && errno != EAGAIN && errno != EINTR) {
		/* It reads no more; its last output may still be there. */
		s->console_takes = false;
		s->in.from = s->in.to = 0;
	}
}

static void take_output(struct state *s)
{
	ssize_t n = recv(s->pump->console, s->out_data, OUTPUT_MAX, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* A reset connection is an end like any other. */
	if (n <= 0)
		s->console_eof = true;
	s->out.from = 0;
	s->out.to = n > 0 ? (size_t)n : 0;
}

static bool write_output(struct state *s, enum pump_end *end)
{
	ssize_t n = write(s->writer, s->out_data + s->out.from, s->out.to - s->out.from);

	if (n >= 0) {
		s->out.from += (size_t)n;
		return true;
	}
	if (errno == EAGAIN || errno == EINTR)
		return true;
	s->pump->error = errno;
	*end = errno == EIO && s->pump->input >= 0 ? PUMP_HANGUP : PUMP_FAILED;
	return false;
}

enum { POLL_SIGNALS, POLL_INPUT, POLL_CONSOLE, POLL_OUTPUT, POLL_N };

static void poll_prepare(const struct state *s, struct pollfd fds[POLL_N])
{
	bool pending_out = s->out.from < s->out.to;
	int console = 0;

	if (!pending_out && !s->console_eof)
		console |= POLLIN;
	if (s->in.from < s->in.to)
		console |= POLLOUT;
	fds[POLL_SIGNALS] = (struct pollfd){.fd = s->signals, .events = POLLIN};
	fds[POLL_INPUT] = (struct pollfd){.fd = s->pump->input, .events = POLLIN};
	/* Without an interest a hung-up socket would be reported again and again. */
	fds[POLL_CONSOLE] =
		(struct pollfd){.fd = console ? s->pump->console : -1, .events = (short)console};
	fds[POLL_OUTPUT] = (struct pollfd){.fd = pending_out ? s->writer : -1, .events = POLLOUT};
}

static enum pump_end pump_loop(struct state *s)
{
	struct pollfd fds[POLL_N];
	enum pump_end end = PUMP_ENDED;

	while (!s->console_eof || s->out.from < s->out.to) {
		poll_prepare(s, fds);
		if (poll(fds, POLL_N, -1) < 0) {
			if (errno == EINTR)
				continue;
			s->pump->error = errno;
			return PUMP_FAILED;
		}
		if (fds[POLL_SIGNALS].revents && !take_signal(s))
			return PUMP_SIGNAL;
		if (fds[POLL_INPUT].revents && !take_input(s, &end))
			break;
		if ((fds[POLL_CONSOLE].revents & (POLLOUT | POLLERR)) && s->in.from < s->in.to)
			send_input(s);
		if ((fds[POLL_CONSOLE].revents & (POLLIN | POLLHUP | POLLERR)) &&
		    s->out.from == s->out.to)
			take_output(s);
		if (fds[POLL_OUTPUT].revents && !write_output(s, &end))
			break;
	}
	if (end == PUMP_DETACHED && s->in.from < s->in.to)
		send_input(s); /* keys before the escape key, as far as they are taken at once */
	return end;
}

enum pump_end pump_run(struct pump *pump)
{
	struct state s = {.pump = pump, .signals = -1, .console_takes = true};
	sigset_t saved;

	if (pump->input >= 0) {
		s.signals = signals_open(&saved);
		if (s.signals < 0) {
			pump->error = errno;
			return PUMP_FAILED;
		}
		int r = terminal_raw();
		if (r < 0) {
			pump->error = -r;
			close(s.signals);
			sigprocmask(SIG_SETMASK, &saved, NULL);
			return PUMP_FAILED;
		}
	}
	if (pump->greeting)
		fputs(pump->greeting, stderr);
	int own = writer_open(pump->output);
	s.writer = own >= 0 ? own : pump->output;
	enum pump_end end = pump_loop(&s);
	if (own >= 0)
		close(own);
	if (pump->input >= 0) {
		terminal_restore();
		close(s.signals);
		sigprocmask(SIG_SETMASK, &saved, NULL);
	}
	return end;
}
