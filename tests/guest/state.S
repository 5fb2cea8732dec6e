/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Long mode: ten bytes from port 0x100 are added up in R13, with a count at 0x810 beside; what was
 * in XMM3 from the start goes to 0x820 at the end, and to unbacked memory at 2 MiB (virtual) in two
 * accesses. Then it writes to the port.
 */
	.text
	.code64
	movups 0x800, %xmm3
	xorl %r13d, %r13d
	movl $10, %r12d
	movw $0x100, %dx
1:	inb %dx, %al
	movzbl %al, %eax
	addq %rax, %r13
	incq 0x810
	decq %r12
	jnz 1b
	movups %xmm3, 0x820
	movups %xmm3, 0x200000
	outb %al, %dx
	hlt
	.section .note.GNU-stack, "", @progbits
