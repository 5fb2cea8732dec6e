/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vp_group.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "vp_thread.h"
#include "worker_error.h"

enum target { TARGET_RUN, TARGET_HOLD, TARGET_QUIT };

struct vp_group {
	struct vp_group_config config;
	pthread_mutex_t lock;
	pthread_cond_t changed;	     /* target or inside; CLOCK_MONOTONIC */
	_Atomic(enum target) target; /* written under the lock */
	uint32_t inside;	     /* threads inside the gate */
	bool halted;
	uint32_t n, started;
	struct vp_thread threads[];
};

struct vp_group *vp_group_new(const struct vp_group_config *config, struct vp *const *vps,
			      uint32_t n)
{
	struct vp_group *group = g_malloc0(sizeof(*group) + n * sizeof(group->threads[0]));
	pthread_condattr_t attr;

	group->config = *config;
	group->n = n;
	pthread_mutex_init(&group->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&group->changed, &attr);
	pthread_condattr_destroy(&attr);
	for (uint32_t i = 0; i < n; i++) {
		group->threads[i].group = group;
		group->threads[i].bus = config->bus;
		group->threads[i].hv = config->hv;
		group->threads[i].own_core = config->core_per_vp;
		group->threads[i].vp = vps[i];
	}
	return group;
}

void vp_group_free(struct vp_group *group)
{
	if (!group)
		return;
	pthread_cond_destroy(&group->changed);
	pthread_mutex_destroy(&group->lock);
	g_free(group);
}

static struct timespec deadline_after(unsigned int ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

/* Stores the target, then cancels: see the header. Locked. */
static void target_set(struct vp_group *group, enum target target)
{
	atomic_store(&group->target, target);
	pthread_cond_broadcast(&group->changed);
	if (target == TARGET_RUN)
		return;
	for (uint32_t i = 0; i < group->started; i++)
		vp_cancel(group->threads[i].vp);
}

gboolean vp_group_run(struct vp_group *group, GError **error)
{
	for (uint32_t i = 0; i < group->n; i++) {
		/* Under the lock, so that a halt by an earlier VP cancels the later ones too. */
		pthread_mutex_lock(&group->lock);
		int r = vp_thread_start(&group->threads[i]);
		if (r == 0)
			group->started++;
		pthread_mutex_unlock(&group->lock);
		if (r != 0) {
			g_set_error(
				error, WORKER_ERROR, WORKER_ERROR_FAILED,
				"no thread could be made for VP %u (%s); raise the limit of tasks or give fewer cpus",
				i, g_strerror(r));
			return FALSE;
		}
	}
	return TRUE;
}

bool vp_group_hold(struct vp_group *group, unsigned int timeout_ms)
{
	struct timespec deadline = deadline_after(timeout_ms);
	bool held = true;

	pthread_mutex_lock(&group->lock);
	target_set(group, TARGET_HOLD);
	while (group->inside > 0 && held)
		held = pthread_cond_timedwait(&group->changed, &group->lock, &deadline) == 0;
	held = group->inside == 0;
	if (!held && !group->halted)
		target_set(group, TARGET_RUN);
	pthread_mutex_unlock(&group->lock);
	return held;
}

void vp_group_release(struct vp_group *group)
{
	pthread_mutex_lock(&group->lock);
	if (!group->halted)
		target_set(group, TARGET_RUN);
	pthread_mutex_unlock(&group->lock);
}

bool vp_group_is_halted(struct vp_group *group)
{
	pthread_mutex_lock(&group->lock);
	bool halted = group->halted;
	pthread_mutex_unlock(&group->lock);
	return halted;
}

bool vp_group_quit(struct vp_group *group, unsigned int timeout_ms)
{
	struct timespec deadline = deadline_after(timeout_ms);

	pthread_mutex_lock(&group->lock);
	target_set(group, TARGET_QUIT);
	pthread_mutex_unlock(&group->lock);
	while (group->started > 0) {
		if (!vp_thread_join(&group->threads[group->started - 1], &deadline))
			return false;
		group->started--;
	}
	return true;
}

void vp_group_halt(struct vp_group *group, const struct engine_halt *halt)
{
	pthread_mutex_lock(&group->lock);
	bool first = !group->halted;
	group->halted = true;
	if (group->target == TARGET_RUN)
		target_set(group, TARGET_HOLD);
	pthread_mutex_unlock(&group->lock);
	if (first)
		group->config.halted(group->config.context, halt);
}

uint64_t vp_group_msr_faults(const struct vp_group *group)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < group->n; i++)
		sum += atomic_load_explicit(&group->threads[i].msr_faults, memory_order_relaxed);
	return sum;
}

bool vp_group_enter(struct vp_group *group)
{
	pthread_mutex_lock(&group->lock);
	while (group->target == TARGET_HOLD)
		pthread_cond_wait(&group->changed, &group->lock);
	bool go = group->target == TARGET_RUN;
	if (go)
		group->inside++;
	pthread_mutex_unlock(&group->lock);
	return go;
}

void vp_group_leave(struct vp_group *group)
{
	pthread_mutex_lock(&group->lock);
	group->inside--;
	pthread_cond_broadcast(&group->changed);
	pthread_mutex_unlock(&group->lock);
}

bool vp_group_is_running(const struct vp_group *group)
{
	return atomic_load_explicit(&group->target, memory_order_acquire) == TARGET_RUN;
}

void vp_group_idle(struct vp_group *group)
{
	pthread_mutex_lock(&group->lock);
	while (group->target == TARGET_RUN)
		pthread_cond_wait(&group->changed, &group->lock);
	pthread_mutex_unlock(&group->lock);
}
