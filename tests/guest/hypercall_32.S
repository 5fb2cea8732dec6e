/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Flat 32-bit protected mode, linked at 0x1000: a hypercall with the control word at 0x540 and the
 * input at 0x548, by the page whose address is at 0x518. The result goes to 0x550; then a port.
 */
	.text
	.code32
1:	movl 0x540, %eax
	movl 0x544, %edx
	movl 0x548, %ecx
	movl 0x54c, %ebx
	xorl %esi, %esi
	xorl %edi, %edi
	call *0x518
	movl %eax, 0x550
	movl %edx, 0x554
	movw $0x100, %dx
	outb %al, %dx
	jmp 1b
	.section .note.GNU-stack, "", @progbits
