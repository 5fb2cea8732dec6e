/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Real mode: writes and reads a word above 1 MiB, and says what it read on a port. */
	.code16
	.text
	movw $0xffff, %ax
	movw %ax, %ds
	movw $0x1234, 0x10	/* GPA 0x100000 */
	movb $0x56, 0x12
	movw 0x14, %ax
	movw $0x100, %dx
	outw %ax, %dx
	hlt
	.section .note.GNU-stack, "", @progbits
