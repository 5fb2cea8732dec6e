/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Real mode: says that it began, then loops for ever. */
	.code16
	.text
	movw $0x100, %dx
	outb %al, %dx
1:	pause
	jmp 1b
	.section .note.GNU-stack, "", @progbits
