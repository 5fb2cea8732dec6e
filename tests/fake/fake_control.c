/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a test sets for the whole process: failures, the host's answer, the guest program. */
#include "fake_private.h"

struct failure {
	bool armed;
	unsigned int skip;
	hv_status status;
	int sys_errno;
};

/* The one place of process-wide state: a test cannot name a partition before it exists. */
static struct {
	GMutex lock;
	struct failure failures[FAKE_CALL_N];
	unsigned int calls[FAKE_CALL_N];
	unsigned int live_vps;
	GPtrArray *partitions; /* alive, in order of creation */
	bool host_set;
	struct partition_host host;
	fake_guest guest;
	void *guest_context;
	bool tsc_set, tsc_stable;
	uint64_t tsc_frequency, tsc;
	struct partition_native_calls native;
} control;

#define DEFAULT_TSC_FREQUENCY 2000000000ull

static const struct partition_host default_host = {
	.virt = PARTITION_VIRT_AMDV,
	.usable = true,
	.fault = {.status = HV_STATUS_SUCCESS, .call = ""},
	.api_version = 12,
	.max_vps = 64,
	.n_caps = 2,
	.caps =
		{
			{.name = "KVM_CAP_IRQCHIP", .required = true, .value = 1},
			{.name = "KVM_CAP_USER_MEMORY", .required = true, .value = 1},
		},
};

void fake_fail(enum fake_call call, unsigned int skip, hv_status status, int sys_errno)
{
	g_mutex_lock(&control.lock);
	control.failures[call] = (struct failure){.armed = status != HV_STATUS_SUCCESS,
						  .skip = skip,
						  .status = status,
						  .sys_errno = sys_errno};
	g_mutex_unlock(&control.lock);
}

void fake_set_host(const struct partition_host *host)
{
	g_mutex_lock(&control.lock);
	control.host_set = host != NULL;
	if (host != NULL)
		control.host = *host;
	g_mutex_unlock(&control.lock);
}

void fake_set_guest(fake_guest guest, void *context)
{
	g_mutex_lock(&control.lock);
	control.guest = guest;
	control.guest_context = context;
	g_mutex_unlock(&control.lock);
}

void fake_reset(void)
{
	g_mutex_lock(&control.lock);
	for (size_t i = 0; i < FAKE_CALL_N; i++) {
		control.failures[i] = (struct failure){0};
		control.calls[i] = 0;
	}
	control.host_set = false;
	control.guest = NULL;
	control.guest_context = NULL;
	control.tsc_set = false;
	control.native = (struct partition_native_calls){0};
	g_mutex_unlock(&control.lock);
}

unsigned int fake_calls(enum fake_call call)
{
	g_mutex_lock(&control.lock);
	unsigned int n = control.calls[call];
	g_mutex_unlock(&control.lock);
	return n;
}

unsigned int fake_live_vps(void)
{
	g_mutex_lock(&control.lock);
	unsigned int n = control.live_vps;
	g_mutex_unlock(&control.lock);
	return n;
}

unsigned int fake_live_partitions(void)
{
	g_mutex_lock(&control.lock);
	unsigned int n = control.partitions == NULL ? 0 : control.partitions->len;
	g_mutex_unlock(&control.lock);
	return n;
}

struct partition *fake_partition_last(void)
{
	g_mutex_lock(&control.lock);
	struct partition *last = NULL;
	if (control.partitions != NULL && control.partitions->len != 0)
		last = g_ptr_array_index(control.partitions, control.partitions->len - 1);
	g_mutex_unlock(&control.lock);
	return last;
}

void fake_count_partition(struct partition *partition, bool born)
{
	g_mutex_lock(&control.lock);
	if (control.partitions == NULL)
		control.partitions = g_ptr_array_new();
	if (born)
		g_ptr_array_add(control.partitions, partition);
	else
		g_ptr_array_remove(control.partitions, partition);
	if (control.partitions->len == 0)
		g_clear_pointer(&control.partitions, g_ptr_array_unref);
	g_mutex_unlock(&control.lock);
}

void fake_count_vp(bool born)
{
	g_mutex_lock(&control.lock);
	if (born)
		control.live_vps++;
	else
		control.live_vps--;
	g_mutex_unlock(&control.lock);
}

bool fake_call_fails(enum fake_call call, const char *name, hv_status *status,
		     struct hv_fault *fault)
{
	bool fails = false;

	g_mutex_lock(&control.lock);
	struct failure *failure = &control.failures[call];
	control.calls[call]++;
	if (failure->armed && failure->skip != 0) {
		failure->skip--;
	} else if (failure->armed) {
		fails = true;
		*status = failure->status;
		if (fault != NULL)
			*fault = (struct hv_fault){failure->status, failure->sys_errno, name};
	}
	g_mutex_unlock(&control.lock);
	return fails;
}

bool fake_run_guest(struct vp *vp, uint64_t step, struct hv_intercept *intercept)
{
	g_mutex_lock(&control.lock);
	fake_guest guest = control.guest;
	void *context = control.guest_context;
	g_mutex_unlock(&control.lock);
	return guest != NULL && guest(context, vp, step, intercept);
}

void partition_probe(struct partition_host *host)
{
	g_mutex_lock(&control.lock);
	*host = control.host_set ? control.host : default_host;
	g_mutex_unlock(&control.lock);
}

void fake_set_native_calls(const struct partition_native_calls *calls)
{
	g_mutex_lock(&control.lock);
	control.native = calls != NULL ? *calls : (struct partition_native_calls){0};
	g_mutex_unlock(&control.lock);
}

void partition_native_calls(const struct partition *partition, struct partition_native_calls *out)
{
	g_mutex_lock(&control.lock);
	*out = control.native;
	out->apic_assist &= partition->apic_assist;
	g_mutex_unlock(&control.lock);
}

/* ---- time ------------------------------------------------------------------------------------ */

void fake_set_tsc(uint64_t frequency, uint64_t tsc, bool stable)
{
	g_mutex_lock(&control.lock);
	control.tsc_set = true;
	control.tsc_frequency = frequency;
	control.tsc = tsc;
	control.tsc_stable = stable;
	g_mutex_unlock(&control.lock);
}

bool partition_tsc_is_stable(void)
{
	g_mutex_lock(&control.lock);
	bool stable = !control.tsc_set || control.tsc_stable;
	g_mutex_unlock(&control.lock);
	return stable;
}

uint64_t partition_tsc_frequency(const struct partition *partition)
{
	(void)partition;
	g_mutex_lock(&control.lock);
	uint64_t frequency = control.tsc_set ? control.tsc_frequency : DEFAULT_TSC_FREQUENCY;
	g_mutex_unlock(&control.lock);
	return frequency;
}

uint64_t partition_guest_tsc(const struct partition *partition)
{
	(void)partition;
	g_mutex_lock(&control.lock);
	uint64_t tsc = control.tsc_set ? control.tsc : 0;
	g_mutex_unlock(&control.lock);
	return tsc;
}
