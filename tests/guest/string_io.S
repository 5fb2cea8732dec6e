/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Real mode: rep outsb and rep insb of eight bytes, then sends them back. */
	.code16
	.text
	xorw %ax, %ax
	movw %ax, %ds
	movw %ax, %es
	cld
	movw $0x200, %dx
	movw $text, %si
	movw $8, %cx
	rep outsb
	movw $0x600, %di
	movw $8, %cx
	rep insb
	movw $0x600, %si
	movw $4, %cx
	rep outsw
	hlt
text:	.ascii "ABCDEFGH"
	.section .note.GNU-stack, "", @progbits
