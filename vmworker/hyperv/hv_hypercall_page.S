/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the guest calls for a hypercall (TLFS, section 3.13). It must not touch a register but RAX
 * and the flags (some guests declare nothing else as changed), and must do in 32-bit mode too.
 *
 * Ports are those of hv.h. An `out` to HV_PORT_SIGNAL that no eventfd takes exits to the worker,
 * which answers by RAX with the carry flag set, or with it clear for success.
 *
 * What goes to HV_PORT_CALL and HV_PORT_CALL_32 is at fixed places, with the call code in AX:
 * hv_hypercall.c puts calls there that the hypervisor below serves.
 */
#define HV_PORT_CALL	0xe0
#define HV_PORT_SIGNAL	0xe4
#define HV_PORT_CALL_32 0xe8
#define SIGNAL_EVENT_FAST 0x1005d
/* As in hv_private.h. */
#define ROUTE_64 0x40
#define ROUTE_32 0x80
#define PAGE_END 0xc0

	.section .rodata
	.globl hv_hypercall_page, hv_hypercall_page_size
	.balign 16
hv_hypercall_page:
	.code64
	endbr64			/* or Linux gives up its branch tracking */
	cmpb %al, %al
	/* Two no-operations in 64-bit mode. In 32-bit mode: decrement EAX, nothing, increment it,
	 * nothing; which clears ZF unless EAX, the call code, is 0, and no call has that. */
	.byte 0x48, 0x90, 0x40, 0x90
	jne 3f
	movl $SIGNAL_EVENT_FAST, %eax
	cmpq %rax, %rcx
	jne 2f
	movq %rdx, %rax		/* connection id, and above it the flag number */
	shrq $32, %rax
	jnz 2f
	movl %edx, %eax
	clc
	outl %eax, $HV_PORT_SIGNAL
	jc 1f
	xorl %eax, %eax
1:	ret
2:	movl %ecx, %eax
	.org hv_hypercall_page + ROUTE_64, 0x90
	outl %eax, $HV_PORT_CALL
	ret
	.org hv_hypercall_page + ROUTE_32, 0xcc
3:	outl %eax, $HV_PORT_CALL_32
	ret
	.org hv_hypercall_page + PAGE_END, 0xcc
	.balign 8, 0xcc
hv_hypercall_page_size:
	.quad hv_hypercall_page_size - hv_hypercall_page
	.section .note.GNU-stack, "", @progbits
