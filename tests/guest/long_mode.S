/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Long mode: one access of eight bytes to unbacked memory at 2 MiB (virtual), then a port. */
	.text
	.code64
	movq $0x1122334455667788, %rax
	movq %rax, 0x200000
	movq 0x200008, %rbx
	movq %rbx, %r15
	movw $0x100, %dx
	outb %al, %dx
	hlt
	.section .note.GNU-stack, "", @progbits
