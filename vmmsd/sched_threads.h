/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The threads of a worker, and of its children, as PROC/<pid>/task shows them. A worker calls the
 * thread of processor N "vpN", and QEMU calls it "CPU N/TCG"; they could lie, but only about their
 * own threads.
 */
#ifndef SCHED_THREADS_H
#define SCHED_THREADS_H

#include <glib.h>
#include <stdint.h>
#include <sys/types.h>

#define SCHED_THREADS_NO_VP UINT32_MAX

struct sched_thread {
	pid_t pid, tid;
	uint32_t vp; /* SCHED_THREADS_NO_VP: it serves something else */
};

/* pid_t: the process, and then its children; g_array_unref. */
GArray *sched_processes_list(const char *proc_root, pid_t pid);

/* struct sched_thread, by tid; empty when the process is gone. At most one thread for each of the
 * vcpus processors; g_array_unref. */
GArray *sched_threads_list(const char *proc_root, pid_t pid, uint32_t vcpus);

/* 0 or -errno; -ESRCH when the thread has ended. Unlike a cpuset it lasts only until somebody else
 * sets it. */
int sched_thread_bind(pid_t tid, const GArray *cpus);

/* The CPUs (uint32_t, ascending) on which it may run now, by cpusets, too; empty when it has ended;
 * g_array_unref. */
GArray *sched_thread_bound(pid_t tid);

/* What the kernel counts of a thread, in ns; FALSE when it is gone. */
struct sched_thread_time {
	uint64_t used, ready, slices;
	int64_t cpu; /* where it ran last; -1: unknown */
};
gboolean sched_thread_read(const char *proc_root, pid_t pid, pid_t tid,
			   struct sched_thread_time *ret);

#endif
