/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The state of VP 0 at the kernel's entry, for either protocol. */
#include <glib.h>

#include "boot.h"
#include "boot_layout.h"

#define CR0_PE	   0x00000001ull
#define CR0_ET	   0x00000010ull
#define CR0_NE	   0x00000020ull
#define CR0_PG	   0x80000000ull
#define CR4_PAE	   0x020ull
#define EFER_LME   0x100ull
#define EFER_LMA   0x400ull
#define RFLAGS_ONE 0x002ull
/* hv_segment_register attributes */
#define SEGMENT_CODE64 0xa09bu /* granular, long, present, code readable accessed */
#define SEGMENT_CODE32 0xc09bu
#define SEGMENT_DATA   0xc093u
#define SEGMENT_TSS    0x008bu /* busy */
#define GDT_LIMIT      0x2fu   /* six descriptors */
#define TSS_LIMIT      0x67u

#define MAX_REGISTERS 24u

struct register_list {
	size_t n;
	hv_register_name names[MAX_REGISTERS];
	union hv_register_value values[MAX_REGISTERS];
};

static union hv_register_value *list_add(struct register_list *list, hv_register_name name)
{
	g_assert(list->n < MAX_REGISTERS);
	list->names[list->n] = name;
	list->values[list->n] = (union hv_register_value){0};
	return &list->values[list->n++];
}

static void list_add_reg64(struct register_list *list, hv_register_name name, uint64_t value)
{
	list_add(list, name)->reg64 = value;
}

static void list_add_segment(struct register_list *list, hv_register_name name, uint16_t selector,
			     uint32_t limit, uint16_t attributes)
{
	list_add(list, name)->segment = (struct hv_segment_register){
		.limit = limit, .selector = selector, .attributes = attributes};
}

static void list_add_segments(struct register_list *list, uint16_t code_attributes)
{
	static const hv_register_name data[] = {HV_X64_REGISTER_DS, HV_X64_REGISTER_ES,
						HV_X64_REGISTER_FS, HV_X64_REGISTER_GS,
						HV_X64_REGISTER_SS};

	list_add_segment(list, HV_X64_REGISTER_CS, BOOT_GDT_CODE, UINT32_MAX, code_attributes);
	for (size_t i = 0; i < G_N_ELEMENTS(data); i++)
		list_add_segment(list, data[i], BOOT_GDT_DATA, UINT32_MAX, SEGMENT_DATA);
	list_add_segment(list, HV_X64_REGISTER_TR, BOOT_GDT_TSS, TSS_LIMIT, SEGMENT_TSS);
}

static void list_add_linux64(struct register_list *list, const struct boot_entry *entry)
{
	list_add_segments(list, SEGMENT_CODE64);
	list_add(list, HV_X64_REGISTER_GDTR)->table =
		(struct hv_table_register){.limit = GDT_LIMIT, .base = entry->gdt};
	list_add_reg64(list, HV_X64_REGISTER_CR0, CR0_PE | CR0_ET | CR0_NE | CR0_PG);
	list_add_reg64(list, HV_X64_REGISTER_CR3, entry->page_table);
	list_add_reg64(list, HV_X64_REGISTER_CR4, CR4_PAE);
	list_add_reg64(list, HV_X64_REGISTER_EFER, EFER_LME | EFER_LMA);
	list_add_reg64(list, HV_X64_REGISTER_RSI, entry->parameters);
	list_add_reg64(list, HV_X64_REGISTER_RSP, BOOT_STACK_TOP);
}

static void list_add_pvh(struct register_list *list, const struct boot_entry *entry)
{
	list_add_segments(list, SEGMENT_CODE32);
	list_add(list, HV_X64_REGISTER_GDTR)->table = (struct hv_table_register){0};
	list_add_reg64(list, HV_X64_REGISTER_CR0, CR0_PE | CR0_ET);
	list_add_reg64(list, HV_X64_REGISTER_CR3, 0);
	list_add_reg64(list, HV_X64_REGISTER_CR4, 0);
	list_add_reg64(list, HV_X64_REGISTER_EFER, 0);
	list_add_reg64(list, HV_X64_REGISTER_RBX, entry->parameters);
}

hv_status boot_set_registers(struct vp *bootstrap, const struct boot_entry *entry)
{
	struct register_list list = {0};

	if (entry->protocol == BOOT_LINUX64)
		list_add_linux64(&list, entry);
	else
		list_add_pvh(&list, entry);
	list_add(&list, HV_X64_REGISTER_IDTR)->table = (struct hv_table_register){0};
	list_add_reg64(&list, HV_X64_REGISTER_RIP, entry->rip);
	list_add_reg64(&list, HV_X64_REGISTER_RFLAGS, RFLAGS_ONE);
	return vp_set_registers(bootstrap, list.names, list.values, list.n);
}
