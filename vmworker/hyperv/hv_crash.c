/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a guest tells of its crash: five parameters, and perhaps the end of its log. */
#include "hv_private.h"

static uint64_t *parameter(struct hv *hv, uint32_t index)
{
	return index < HV_MSR_CRASH_CTL ? &hv->crash[index - HV_MSR_CRASH_P0] : NULL;
}

bool hv_crash_read(struct hv_vp *vp, uint32_t index, uint64_t *value)
{
	const uint64_t *from = parameter(vp->hv, index);

	pthread_mutex_lock(&vp->hv->lock);
	*value = from ? *from : HV_CRASH_NOTIFY | HV_CRASH_MESSAGE; /* what it may ask for */
	pthread_mutex_unlock(&vp->hv->lock);
	return true;
}

static void crash_report(struct hv *hv, bool message)
{
	struct hv_crash crash = {.size = 0};

	_Static_assert(sizeof(crash.parameters) == sizeof(hv->crash), "as many as registers");
	pthread_mutex_lock(&hv->lock);
	memcpy(crash.parameters, hv->crash, sizeof(crash.parameters));
	uint64_t size = MIN(crash.parameters[4], sizeof(crash.text));
	if (message && partition_read_gpa(hv->partition, crash.parameters[3], crash.text, size) ==
			       HV_STATUS_SUCCESS)
		crash.size = size;
	pthread_mutex_unlock(&hv->lock);
	hv->config.crashed(hv->config.context, &crash);
}

bool hv_crash_write(struct hv_vp *vp, uint32_t index, uint64_t value)
{
	struct hv *hv = vp->hv;

	if (index < HV_MSR_CRASH_CTL) {
		pthread_mutex_lock(&hv->lock);
		hv->crash[index - HV_MSR_CRASH_P0] = value;
		pthread_mutex_unlock(&hv->lock);
	} else if ((value & HV_CRASH_NOTIFY) != 0) {
		crash_report(hv, (value & HV_CRASH_MESSAGE) != 0);
	}
	return true;
}
