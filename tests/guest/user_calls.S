/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A hypercall again and again in user mode that may use ports, since on some hosts kernel mode is
 * emulated, an instruction after the other: R12 is the control word, R13 the input, R15 the page, RBX
 * how often. At the end it writes to port 0x100.
 */
	.text
	.code64
1:	movq %r12, %rcx
	movq %r13, %rdx
	callq *%r15
	decq %rbx
	jnz 1b
	movw $0x100, %dx
	outb %al, %dx
	ud2
	.section .note.GNU-stack, "", @progbits
