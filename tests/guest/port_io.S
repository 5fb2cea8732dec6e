/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Real mode: writes and reads a port in each width, then halts. */
	.code16
	.text
	movb $0x42, %al
	movw $0x100, %dx
	outb %al, %dx
	inb %dx, %al
	outb %al, %dx
	movw $0x1234, %ax
	outw %ax, %dx
	inw %dx, %ax
	outw %ax, %dx
	movl $0x12345678, %eax
	outl %eax, %dx
	inl %dx, %eax
	outl %eax, %dx
	hlt
	.section .note.GNU-stack, "", @progbits
