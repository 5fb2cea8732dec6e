/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The TLFS's register names, and where KVM keeps what they name. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "kvm_private.h"

enum place { GENERAL, SPECIAL, SEGMENT, TABLE };

struct reg {
	hv_register_name name;
	enum place place;
	size_t offset; /* in struct kvm_regs for GENERAL, else in struct kvm_sregs */
};

#define G(n, field)                                                            \
	{                                                                      \
		HV_X64_REGISTER_##n, GENERAL, offsetof(struct kvm_regs, field) \
	}
#define S(n, field)                                                             \
	{                                                                       \
		HV_X64_REGISTER_##n, SPECIAL, offsetof(struct kvm_sregs, field) \
	}
#define D(n, field)                                                             \
	{                                                                       \
		HV_X64_REGISTER_##n, SEGMENT, offsetof(struct kvm_sregs, field) \
	}
#define T(n, field)                                                           \
	{                                                                     \
		HV_X64_REGISTER_##n, TABLE, offsetof(struct kvm_sregs, field) \
	}
static const struct reg regs_by_name[] = {
	G(RAX, rax),  G(RCX, rcx), G(RDX, rdx),	 G(RBX, rbx),  G(RSP, rsp), G(RBP, rbp),
	G(RSI, rsi),  G(RDI, rdi), G(R8, r8),	 G(R9, r9),    G(R10, r10), G(R11, r11),
	G(R12, r12),  G(R13, r13), G(R14, r14),	 G(R15, r15),  G(RIP, rip), G(RFLAGS, rflags),
	S(CR0, cr0),  S(CR2, cr2), S(CR3, cr3),	 S(CR4, cr4),  S(CR8, cr8), S(EFER, efer),
	D(ES, es),    D(CS, cs),   D(SS, ss),	 D(DS, ds),    D(FS, fs),   D(GS, gs),
	D(LDTR, ldt), D(TR, tr),   T(IDTR, idt), T(GDTR, gdt),
};
#undef G
#undef S
#undef D
#undef T

/* Both of KVM's register files, each read only when a name needs it. */
struct files {
	bool general, special;
	struct kvm_regs regs;
	struct kvm_sregs sregs;
};

static const struct reg *reg_find(hv_register_name name)
{
	for (size_t i = 0; i < sizeof(regs_by_name) / sizeof(regs_by_name[0]); i++)
		if (regs_by_name[i].name == name)
			return &regs_by_name[i];
	return NULL;
}

static hv_status files_read(struct vp *vp, const hv_register_name *names, size_t n,
			    struct files *files)
{
	hv_status status = kvm_flush_registers(vp);

	if (status != HV_STATUS_SUCCESS)
		return status;
	files->general = files->special = false;
	for (size_t i = 0; i < n; i++) {
		const struct reg *reg = reg_find(names[i]);

		if (reg == NULL)
			return HV_STATUS_INVALID_PARAMETER;
		if (reg->place == GENERAL)
			files->general = true;
		else
			files->special = true;
	}
	if (files->general && kvm_ioctl(vp->fd, KVM_GET_REGS, &files->regs) < 0)
		return kvm_fault_errno(NULL, "KVM_GET_REGS", errno);
	if (files->special && kvm_ioctl(vp->fd, KVM_GET_SREGS, &files->sregs) < 0)
		return kvm_fault_errno(NULL, "KVM_GET_SREGS", errno);
	return HV_STATUS_SUCCESS;
}

static struct hv_segment_register segment_from_kvm(const struct kvm_segment *from)
{
	return (struct hv_segment_register){
		.base = from->base,
		.limit = from->limit,
		.selector = from->selector,
		.attributes = (uint16_t)((from->type & 15u) | (from->s & 1u) << 4 |
					 (from->dpl & 3u) << 5 | (from->present & 1u) << 7 |
					 (from->avl & 1u) << 12 | (from->l & 1u) << 13 |
					 (from->db & 1u) << 14 | (from->g & 1u) << 15),
	};
}

static struct kvm_segment segment_to_kvm(const struct hv_segment_register *from)
{
	unsigned int attributes = from->attributes;
	uint8_t present = (attributes >> 7) & 1;

	return (struct kvm_segment){
		.base = from->base,
		.limit = from->limit,
		.selector = from->selector,
		.type = attributes & 15,
		.s = (attributes >> 4) & 1,
		.dpl = (attributes >> 5) & 3,
		.present = present,
		.unusable = !present,
		.avl = (attributes >> 12) & 1,
		.l = (attributes >> 13) & 1,
		.db = (attributes >> 14) & 1,
		.g = (attributes >> 15) & 1,
	};
}

static void value_get(const struct files *files, const struct reg *reg,
		      union hv_register_value *value)
{
	const void *at = reg->place == GENERAL ? (const uint8_t *)&files->regs + reg->offset
					       : (const uint8_t *)&files->sregs + reg->offset;

	memset(value, 0, sizeof(*value));
	switch (reg->place) {
	case GENERAL:
	case SPECIAL:
		memcpy(&value->reg64, at, sizeof(value->reg64));
		break;
	case SEGMENT:
		value->segment = segment_from_kvm(at);
		break;
	case TABLE:
		value->table.base = ((const struct kvm_dtable *)at)->base;
		value->table.limit = ((const struct kvm_dtable *)at)->limit;
		break;
	}
}

static void value_set(struct files *files, const struct reg *reg,
		      const union hv_register_value *value)
{
	void *at = reg->place == GENERAL ? (uint8_t *)&files->regs + reg->offset
					 : (uint8_t *)&files->sregs + reg->offset;

	switch (reg->place) {
	case GENERAL:
	case SPECIAL:
		memcpy(at, &value->reg64, sizeof(value->reg64));
		break;
	case SEGMENT:
		*(struct kvm_segment *)at = segment_to_kvm(&value->segment);
		break;
	case TABLE:
		*(struct kvm_dtable *)at =
			(struct kvm_dtable){.base = value->table.base, .limit = value->table.limit};
		break;
	}
}

hv_status vp_get_registers(struct vp *vp, const hv_register_name *names,
			   union hv_register_value *values, size_t n)
{
	struct files files;
	hv_status status = files_read(vp, names, n, &files);

	if (status != HV_STATUS_SUCCESS)
		return status;
	for (size_t i = 0; i < n; i++)
		value_get(&files, reg_find(names[i]), &values[i]);
	return HV_STATUS_SUCCESS;
}

hv_status vp_set_registers(struct vp *vp, const hv_register_name *names,
			   const union hv_register_value *values, size_t n)
{
	struct files files;
	hv_status status = files_read(vp, names, n, &files);

	if (status != HV_STATUS_SUCCESS)
		return status;
	for (size_t i = 0; i < n; i++)
		value_set(&files, reg_find(names[i]), &values[i]);
	/* The special ones first: they are the ones that KVM may refuse, and all at once. */
	if (files.special && kvm_ioctl(vp->fd, KVM_SET_SREGS, &files.sregs) < 0)
		return errno == EINVAL ? HV_STATUS_INVALID_REGISTER_VALUE
				       : kvm_fault_errno(NULL, "KVM_SET_SREGS", errno);
	if (files.general && kvm_ioctl(vp->fd, KVM_SET_REGS, &files.regs) < 0)
		return kvm_fault_errno(NULL, "KVM_SET_REGS", errno);
	return HV_STATUS_SUCCESS;
}

/* ---- the registers of hypercalls ------------------------------------------------------------- */

hv_status kvm_flush_registers(struct vp *vp)
{
	if ((vp->run->kvm_dirty_regs & KVM_SYNC_X86_REGS) == 0)
		return HV_STATUS_SUCCESS;
	vp->run->kvm_dirty_regs &= ~(uint64_t)KVM_SYNC_X86_REGS;
	if (kvm_ioctl(vp->fd, KVM_SET_REGS, &vp->run->s.regs.regs) < 0)
		return kvm_fault_errno(NULL, "KVM_SET_REGS", errno);
	return HV_STATUS_SUCCESS;
}

/* The shared ones, or all of them read into *copy; NULL when that fails. */
static struct kvm_regs *call_regs(struct vp *vp, struct kvm_regs *copy)
{
	if (vp->partition->sync_registers)
		return &vp->run->s.regs.regs;
	return kvm_ioctl(vp->fd, KVM_GET_REGS, copy) < 0 ? NULL : copy;
}

hv_status vp_get_call_registers(struct vp *vp, struct hv_call_registers *registers)
{
	struct kvm_regs copy = {0};
	const struct kvm_regs *regs = call_regs(vp, &copy);

	if (regs == NULL)
		return kvm_fault_errno(NULL, "KVM_GET_REGS", errno);
	*registers = (struct hv_call_registers){
		.rax = regs->rax,
		.rbx = regs->rbx,
		.rcx = regs->rcx,
		.rdx = regs->rdx,
		.rsi = regs->rsi,
		.rdi = regs->rdi,
		.r8 = regs->r8,
		.rflags = regs->rflags,
	};
	return HV_STATUS_SUCCESS;
}

/* KVM takes shared registers over before it completes the instruction that exited. */
hv_status vp_set_call_registers(struct vp *vp, const struct hv_call_registers *registers)
{
	struct kvm_regs copy = {0};
	struct kvm_regs *regs = call_regs(vp, &copy);

	if (regs == NULL)
		return kvm_fault_errno(NULL, "KVM_GET_REGS", errno);
	regs->rax = registers->rax;
	regs->rbx = registers->rbx;
	regs->rcx = registers->rcx;
	regs->rdx = registers->rdx;
	regs->rsi = registers->rsi;
	regs->rdi = registers->rdi;
	regs->r8 = registers->r8;
	regs->rflags = registers->rflags;
	if (vp->partition->sync_registers)
		vp->run->kvm_dirty_regs |= KVM_SYNC_X86_REGS;
	else if (kvm_ioctl(vp->fd, KVM_SET_REGS, regs) < 0)
		return kvm_fault_errno(NULL, "KVM_SET_REGS", errno);
	return HV_STATUS_SUCCESS;
}
