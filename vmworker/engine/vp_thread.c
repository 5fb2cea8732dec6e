/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vp_thread.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "hv.h"
#include "vp_group.h"

/* Intercepts are served without recursion or large locals; the guard page below it is glibc's.
 * AddressSanitizer's frames are several times larger. */
#ifdef __SANITIZE_ADDRESS__
#define VP_STACK_SIZE (512u << 10)
#else
#define VP_STACK_SIZE (128u << 10)
#endif

static _Thread_local uint32_t current_vp = UINT32_MAX;

uint32_t vp_group_current(void)
{
	return current_vp;
}

static uint64_t rip_read(struct vp *vp)
{
	const hv_register_name name = HV_X64_REGISTER_RIP;
	union hv_register_value value = {0};

	return vp_get_registers(vp, &name, &value, 1) == HV_STATUS_SUCCESS ? value.reg64 : 0;
}

static void halt_as(struct vp_thread *thread, enum engine_halt_what what, const char *detail)
{
	struct engine_halt halt = {.what = what, .vp = vp_index(thread->vp)};

	snprintf(halt.detail, sizeof(halt.detail), "%s", detail);
	vp_group_halt(thread->group, &halt);
}

static void serve_canceled(struct vp_thread *thread, struct hv_intercept *intercept)
{
	(void)thread; /* the loop looks at the gate */
	(void)intercept;
}

/* A hypercall, if it is one. */
static bool serve_call(struct vp_thread *thread, const struct hv_intercept *intercept)
{
	uint32_t value;

	if (!thread->hv || !intercept->io.write || intercept->io.size != sizeof(value) ||
	    intercept->io.count != 1)
		return false;
	memcpy(&value, intercept->io.data, sizeof(value));
	return hv_port_write(thread->hv, vp_index(thread->vp), intercept->io.port, value);
}

static void serve_io(struct vp_thread *thread, struct hv_intercept *intercept)
{
	if (serve_call(thread, intercept))
		return;
	if (intercept->io.write)
		io_bus_write(thread->bus, IO_SPACE_PORT, intercept->io.port, intercept->io.size,
			     intercept->io.count, intercept->io.data);
	else
		io_bus_read(thread->bus, IO_SPACE_PORT, intercept->io.port, intercept->io.size,
			    intercept->io.count, intercept->io.data);
}

static void serve_mmio(struct vp_thread *thread, struct hv_intercept *intercept)
{
	if (intercept->mmio.write)
		io_bus_write(thread->bus, IO_SPACE_MEMORY, intercept->mmio.gpa,
			     intercept->mmio.size, 1, intercept->mmio.data);
	else
		io_bus_read(thread->bus, IO_SPACE_MEMORY, intercept->mmio.gpa, intercept->mmio.size,
			    1, intercept->mmio.data);
}

/* Of an MSR that nobody serves the guest gets the #GP that a processor without it gives. */
static void serve_msr(struct vp_thread *thread, struct hv_intercept *intercept)
{
	uint32_t vp = vp_index(thread->vp), index = intercept->msr.index;
	uint64_t *value = intercept->msr.value;

	if (thread->hv && (intercept->msr.write ? hv_msr_write(thread->hv, vp, index, *value)
						: hv_msr_read(thread->hv, vp, index, value)))
		return;
	*intercept->msr.fault = true;
	atomic_fetch_add_explicit(&thread->msr_faults, 1, memory_order_relaxed);
}

/* Without an interrupt controller nothing can wake the VP but whoever moves the gate. */
static void serve_halt(struct vp_thread *thread, struct hv_intercept *intercept)
{
	(void)intercept;
	vp_group_idle(thread->group);
}

static void serve_triple_fault(struct vp_thread *thread, struct hv_intercept *intercept)
{
	uint64_t rip = rip_read(thread->vp);
	char detail[64];

	(void)intercept;
	/* AMD-V leaves the VP's state undefined and KVM resets it: the reset vector says nothing.
	 */
	if (rip == 0xfff0)
		snprintf(detail, sizeof(detail), "the processor does not tell at which RIP");
	else
		snprintf(detail, sizeof(detail), "RIP 0x%llx", (unsigned long long)rip);
	halt_as(thread, ENGINE_HALT_TRIPLE_FAULT, detail);
}

static void serve_reset(struct vp_thread *thread, struct hv_intercept *intercept)
{
	(void)intercept;
	halt_as(thread, ENGINE_HALT_RESET, "hypervisor");
}

static void serve_unrecoverable(struct vp_thread *thread, struct hv_intercept *intercept)
{
	char detail[96];

	snprintf(detail, sizeof(detail), "KVM exit reason %u, detail 0x%llx, RIP 0x%llx",
		 intercept->error.reason, (unsigned long long)intercept->error.detail,
		 (unsigned long long)rip_read(thread->vp));
	halt_as(thread, ENGINE_HALT_BROKEN, detail);
}

static void (*const serve[HV_INTERCEPT_N])(struct vp_thread *, struct hv_intercept *) = {
	[HV_INTERCEPT_CANCELED] = serve_canceled,
	[HV_INTERCEPT_IO_PORT] = serve_io,
	[HV_INTERCEPT_MMIO] = serve_mmio,
	[HV_INTERCEPT_MSR] = serve_msr,
	[HV_INTERCEPT_HALT] = serve_halt,
	[HV_INTERCEPT_TRIPLE_FAULT] = serve_triple_fault,
	[HV_INTERCEPT_RESET] = serve_reset,
	[HV_INTERCEPT_UNRECOVERABLE] = serve_unrecoverable,
};

/* Runs the guest until the gate calls. */
static void vp_thread_run(struct vp_thread *thread)
{
	while (vp_group_is_running(thread->group)) {
		struct hv_intercept intercept;
		if (thread->hv)
			hv_before_run(thread->hv, vp_index(thread->vp));
		hv_status status = vp_run(thread->vp, &intercept);

		if (status == HV_STATUS_SUCCESS && (unsigned int)intercept.type < HV_INTERCEPT_N)
			serve[intercept.type](thread, &intercept);
		else
			halt_as(thread, ENGINE_HALT_BROKEN, hv_status_name(status));
	}
}

static void *vp_thread_main(void *arg)
{
	struct vp_thread *thread = arg;
	char name[16];

	current_vp = vp_index(thread->vp);
	snprintf(name, sizeof(name), "vp%u", current_vp);
	prctl(PR_SET_NAME, name);
	/* A cookie of its own. Whether the kernel has them was told for the whole worker. */
	if (thread->own_core)
		prctl(PR_SCHED_CORE, PR_SCHED_CORE_CREATE, 0, PR_SCHED_CORE_SCOPE_THREAD, 0);
	sem_post(&thread->named);
	while (vp_group_enter(thread->group)) {
		vp_thread_run(thread);
		vp_group_leave(thread->group);
	}
	return NULL;
}

int vp_thread_start(struct vp_thread *thread)
{
	pthread_attr_t attr;

	sem_init(&thread->named, 0, 0);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, VP_STACK_SIZE);
	int r = pthread_create(&thread->id, &attr, vp_thread_main, thread);
	pthread_attr_destroy(&attr);
	while (r == 0 && sem_wait(&thread->named) < 0 && errno == EINTR)
		continue;
	sem_destroy(&thread->named);
	return r;
}

bool vp_thread_join(struct vp_thread *thread, const struct timespec *deadline)
{
	return pthread_clockjoin_np(thread->id, NULL, CLOCK_MONOTONIC, deadline) == 0;
}
