/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Running a VP, and cancelling that without losing a cancel.
 *
 * vp_cancel sets kvm_run.immediate_exit and, when a thread is in vp_run, sends it a signal with an
 * empty handler. The flag stops an entry that has not happened yet, the signal one that has; the
 * flag stays set until vp_run has returned for it, so it does not matter where the thread was. The
 * signal is SIGRTMIN: this file claims it for the process (installed on first use), and vp_run
 * unblocks it in the threads that run VPs.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kvm_private.h"

/* vp->run's `error` byte is handed out as a bool. */
_Static_assert(sizeof(bool) == sizeof(((struct kvm_run *)NULL)->msr.error), "one byte each");

/* ---- the signal ------------------------------------------------------------------------------ */

static pthread_once_t signal_once = PTHREAD_ONCE_INIT;
static _Thread_local pid_t self_tid; /* 0 until this thread first runs a VP */

static void on_signal(int number)
{
	(void)number; /* its arrival is what counts */
}

static void signal_install(void)
{
	/* SA_RESTART: whatever else the thread may be doing goes on; KVM_RUN never restarts. */
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

	(void)sigemptyset(&action.sa_mask);
	(void)sigaction(SIGRTMIN, &action, NULL);
}

static pid_t thread_prepare(void)
{
	if (self_tid == 0) {
		sigset_t set;

		(void)pthread_once(&signal_once, signal_install);
		(void)sigemptyset(&set);
		(void)sigaddset(&set, SIGRTMIN);
		(void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
		self_tid = gettid();
	}
	return self_tid;
}

void vp_cancel(struct vp *vp)
{
	/* Sequentially consistent, as are the accesses to tid: a thread that is not seen in vp_run
	 * here sees the flag when it gets there. */
	__atomic_store_n(&vp->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	pid_t tid = atomic_load(&vp->tid);
	if (tid != 0)
		(void)tgkill(getpid(), tid, SIGRTMIN);
}

/* ---- decoding -------------------------------------------------------------------------------- */

typedef void (*decode_fn)(struct kvm_run *run, struct hv_intercept *intercept);

static void decode_io(struct kvm_run *run, struct hv_intercept *intercept)
{
	intercept->type = HV_INTERCEPT_IO_PORT;
	intercept->io.port = run->io.port;
	intercept->io.size = run->io.size;
	intercept->io.write = run->io.direction == KVM_EXIT_IO_OUT;
	intercept->io.count = run->io.count;
	intercept->io.data = (uint8_t *)run + run->io.data_offset;
}

static void decode_mmio(struct kvm_run *run, struct hv_intercept *intercept)
{
	intercept->type = HV_INTERCEPT_MMIO;
	intercept->mmio.gpa = run->mmio.phys_addr;
	intercept->mmio.size = (uint8_t)run->mmio.len;
	intercept->mmio.write = run->mmio.is_write != 0;
	intercept->mmio.data = run->mmio.data;
}

static void decode_msr(struct kvm_run *run, struct hv_intercept *intercept)
{
	intercept->type = HV_INTERCEPT_MSR;
	intercept->msr.index = run->msr.index;
	intercept->msr.write = run->exit_reason == KVM_EXIT_X86_WRMSR;
	intercept->msr.value = (uint64_t *)&run->msr.data;
	run->msr.error = 0;
	intercept->msr.fault = (bool *)&run->msr.error;
}

static void decode_halt(struct kvm_run *run, struct hv_intercept *intercept)
{
	(void)run;
	intercept->type = HV_INTERCEPT_HALT;
}

static void decode_shutdown(struct kvm_run *run, struct hv_intercept *intercept)
{
	(void)run;
	intercept->type = HV_INTERCEPT_TRIPLE_FAULT;
}

static void decode_canceled(struct kvm_run *run, struct hv_intercept *intercept)
{
	(void)run;
	intercept->type = HV_INTERCEPT_CANCELED;
}

static void unrecoverable(struct hv_intercept *intercept, uint32_t reason, uint64_t detail)
{
	intercept->type = HV_INTERCEPT_UNRECOVERABLE;
	intercept->error.reason = reason;
	intercept->error.detail = detail;
}

static void decode_system_event(struct kvm_run *run, struct hv_intercept *intercept)
{
	if (run->system_event.type == KVM_SYSTEM_EVENT_RESET)
		intercept->type = HV_INTERCEPT_RESET;
	else
		unrecoverable(intercept, run->exit_reason, run->system_event.type);
}

static void decode_unknown(struct kvm_run *run, struct hv_intercept *intercept)
{
	unrecoverable(intercept, run->exit_reason, run->hw.hardware_exit_reason);
}

static void decode_fail_entry(struct kvm_run *run, struct hv_intercept *intercept)
{
	unrecoverable(intercept, run->exit_reason, run->fail_entry.hardware_entry_failure_reason);
}

static void decode_internal_error(struct kvm_run *run, struct hv_intercept *intercept)
{
	unrecoverable(intercept, run->exit_reason, run->internal.suberror);
}

/* A guest that goes by KVM's instruction itself, rather than by its hypercall page: of what KVM
 * does not serve there is nothing to be had that way. Looks as if somebody had canceled. */
static void decode_hyperv(struct kvm_run *run, struct hv_intercept *intercept)
{
	if (run->hyperv.type == KVM_EXIT_HYPERV_HCALL)
		run->hyperv.u.hcall.result = HV_STATUS_INVALID_HYPERCALL_CODE;
	intercept->type = HV_INTERCEPT_CANCELED;
}

/* Every exit that a partition as created here can have; any other one ends the VP. */
static const decode_fn decoders[] = {
	[KVM_EXIT_UNKNOWN] = decode_unknown,
	[KVM_EXIT_IO] = decode_io,
	[KVM_EXIT_HLT] = decode_halt,
	[KVM_EXIT_MMIO] = decode_mmio,
	[KVM_EXIT_SHUTDOWN] = decode_shutdown,
	[KVM_EXIT_FAIL_ENTRY] = decode_fail_entry,
	[KVM_EXIT_INTR] = decode_canceled,
	[KVM_EXIT_INTERNAL_ERROR] = decode_internal_error,
	[KVM_EXIT_SYSTEM_EVENT] = decode_system_event,
	[KVM_EXIT_HYPERV] = decode_hyperv,
	[KVM_EXIT_X86_RDMSR] = decode_msr,
	[KVM_EXIT_X86_WRMSR] = decode_msr,
};

static void decode(struct kvm_run *run, struct hv_intercept *intercept)
{
	uint32_t reason = run->exit_reason;

	if (reason < sizeof(decoders) / sizeof(decoders[0]) && decoders[reason] != NULL)
		decoders[reason](run, intercept);
	else
		unrecoverable(intercept, reason, 0);
}

/* ---- running --------------------------------------------------------------------------------- */

/* 0, or the errno that KVM_RUN ended with. */
static int vp_enter(struct vp *vp)
{
	int error;

	atomic_store(&vp->tid, thread_prepare());
	do /* EAGAIN: an application processor that got its INIT and goes on waiting */
		error = ioctl(vp->fd, KVM_RUN, 0) < 0 ? errno : 0;
	while (error == EAGAIN);
	atomic_store(&vp->tid, 0);
	return error;
}

hv_status vp_run(struct vp *vp, struct hv_intercept *intercept)
{
	if (vp->dead)
		return HV_STATUS_INVALID_VP_STATE;

	int error = vp->exited ? 0 : vp_enter(vp);
	vp->exited = false;
	vp->unfinished = error == 0;
	memset(intercept, 0, sizeof(*intercept));
	if (error == EINTR) {
		__atomic_store_n(&vp->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
		intercept->type = HV_INTERCEPT_CANCELED;
	} else if (error != 0) {
		unrecoverable(intercept, HV_INTERCEPT_ERROR_RUN, (uint64_t)error);
	} else {
		decode(vp->run, intercept);
	}
	vp->dead = intercept->type == HV_INTERCEPT_UNRECOVERABLE;
	atomic_fetch_add_explicit(&vp->intercepts[intercept->type], 1, memory_order_relaxed);
	return HV_STATUS_SUCCESS;
}

hv_status vp_halt(struct vp *vp)
{
	const struct kvm_mp_state state = {.mp_state = KVM_MP_STATE_HALTED};

	if (!vp->partition->irqchip)
		return HV_STATUS_INVALID_PARTITION_STATE;
	if (kvm_ioctl(vp->fd, KVM_SET_MP_STATE, &state) < 0)
		return kvm_fault_errno(NULL, "KVM_SET_MP_STATE", errno);
	return HV_STATUS_SUCCESS;
}

void vp_get_statistics(const struct vp *vp, struct vp_statistics *out)
{
	for (size_t i = 0; i < HV_INTERCEPT_N; i++)
		out->intercepts[i] = atomic_load_explicit(&vp->intercepts[i], memory_order_relaxed);
}
