/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Flat 32-bit protected mode: an exception with no way to deliver it. */
	.text
	.code32
	lidt null_idt
	ud2
null_idt:
	.word 0
	.long 0
	.section .note.GNU-stack, "", @progbits
