/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "speed.h"

#include <glib.h>
#include <time.h>

#include "partition.h"

/* A host that is slow itself may need as long as the first to begin. */
#define FIRST_US    5000u
#define LAST_US	    80000u
#define MEMORY_SIZE (UINT64_C(2) << 20)
/* Where things are in the guest: page tables that map its memory, for user code, too. */
#define TABLE_4	 0x1000u
#define TABLE_3	 0x2000u
#define TABLE_2	 0x3000u
#define CODE	 0x4000u
#define ENTRY	 0x7u  /* present, writable, user */
#define BIG_PAGE 0x80u /* of 2 MiB */

/* 1: inc %rax; jmp 1b */
static const uint8_t loop[] = {0x48, 0xff, 0xc0, 0xeb, 0xfb};
#define LOOP_INSTRUCTIONS 2

struct mode {
	struct hv_segment_register code, data;
};

static const struct mode kernel_mode = {
	.code = {.limit = UINT32_MAX, .selector = 0x08, .attributes = 0xa09b},
	.data = {.limit = UINT32_MAX, .selector = 0x10, .attributes = 0xc093},
};
static const struct mode user_mode = {
	.code = {.limit = UINT32_MAX, .selector = 0x1b, .attributes = 0xa0fb},
	.data = {.limit = UINT32_MAX, .selector = 0x23, .attributes = 0xc0f3},
};

static bool write_guest(struct partition *partition)
{
	const struct {
		uint64_t gpa, entry;
	} tables[] = {{TABLE_4, TABLE_3 | ENTRY},
		      {TABLE_3, TABLE_2 | ENTRY},
		      {TABLE_2, ENTRY | BIG_PAGE}};

	for (size_t i = 0; i < G_N_ELEMENTS(tables); i++)
		if (partition_write_gpa(partition, tables[i].gpa, &tables[i].entry,
					sizeof(tables[i].entry)) != HV_STATUS_SUCCESS)
			return false;
	return partition_write_gpa(partition, CODE, loop, sizeof(loop)) == HV_STATUS_SUCCESS;
}

/* All in one call: the hypervisor looks at the whole of it. */
static bool enter_mode(struct vp *vp, const struct mode *mode)
{
	const struct {
		hv_register_name name;
		union hv_register_value value;
	} set[] = {
		{HV_X64_REGISTER_CS, {.segment = mode->code}},
		{HV_X64_REGISTER_DS, {.segment = mode->data}},
		{HV_X64_REGISTER_ES, {.segment = mode->data}},
		{HV_X64_REGISTER_SS, {.segment = mode->data}},
		{HV_X64_REGISTER_CR0, {.reg64 = 0x80000011}},
		{HV_X64_REGISTER_CR3, {.reg64 = TABLE_4}},
		{HV_X64_REGISTER_CR4, {.reg64 = 0x20}},
		{HV_X64_REGISTER_EFER, {.reg64 = 0x500}},
		{HV_X64_REGISTER_RAX, {.reg64 = 0}},
		{HV_X64_REGISTER_RIP, {.reg64 = CODE}},
		{HV_X64_REGISTER_RFLAGS, {.reg64 = 2}},
	};
	hv_register_name names[G_N_ELEMENTS(set)];
	union hv_register_value values[G_N_ELEMENTS(set)];

	for (size_t i = 0; i < G_N_ELEMENTS(set); i++) {
		names[i] = set[i].name;
		values[i] = set[i].value;
	}
	return vp_set_registers(vp, names, values, G_N_ELEMENTS(set)) == HV_STATUS_SUCCESS;
}

/* Of this thread, so that a busy host does not make the guest look slow. */
static int64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

struct stopper {
	struct vp *vp;
	unsigned int us;
};

static void *stopper_run(void *context)
{
	const struct stopper *stopper = context;

	g_usleep(stopper->us);
	vp_cancel(stopper->vp);
	return NULL;
}

static int64_t measure_mode(struct vp *vp, const struct mode *mode, unsigned int us)
{
	struct stopper config = {.vp = vp, .us = us};
	const hv_register_name rax = HV_X64_REGISTER_RAX;
	union hv_register_value turns = {0};
	struct hv_intercept intercept;

	if (!enter_mode(vp, mode))
		return SPEED_UNKNOWN;
	GThread *stopper = g_thread_new("stopper", stopper_run, &config);
	int64_t begin = now_ns();
	hv_status status = vp_run(vp, &intercept);
	int64_t taken = now_ns() - begin;
	(void)g_thread_join(stopper);
	if (status != HV_STATUS_SUCCESS || intercept.type != HV_INTERCEPT_CANCELED || taken <= 0 ||
	    vp_get_registers(vp, &rax, &turns, 1) != HV_STATUS_SUCCESS || turns.reg64 == 0)
		return SPEED_UNKNOWN;
	return (int64_t)((double)turns.reg64 * LOOP_INSTRUCTIONS * 1e9 / (double)taken);
}

/* A partition for each, since one that a mode broke cannot run again. */
static int64_t measure_for(const struct mode *mode, unsigned int us)
{
	const struct partition_properties properties = {.memory_size = MEMORY_SIZE, .vp_count = 1};
	struct partition *partition = NULL;
	struct hv_fault fault = {0};
	struct vp *vp = NULL;
	int64_t speed = SPEED_UNKNOWN;

	if (partition_create(&properties, &partition, &fault) != HV_STATUS_SUCCESS)
		return SPEED_UNKNOWN;
	if (vp_create(partition, 0, &vp, &fault) == HV_STATUS_SUCCESS && write_guest(partition))
		speed = measure_mode(vp, mode, us);
	partition_delete(partition);
	return speed;
}

static int64_t measure(const struct mode *mode)
{
	int64_t speed = SPEED_UNKNOWN;

	for (unsigned int us = FIRST_US; speed == SPEED_UNKNOWN && us <= LAST_US; us *= 4)
		speed = measure_for(mode, us);
	return speed;
}

void speed_measure(struct speed *ret)
{
	ret->kernel = measure(&kernel_mode);
	ret->user = measure(&user_mode);
}
