/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Flat 32-bit protected mode, linked at 0x1000: wakes every other processor with INIT and SIPI. They
 * start at 0x2000 in real mode, and each adds one at 0x500 and puts its number in that order at
 * port 0x101. When as many as 0x504 says have come, the first processor writes their number to port
 * 0x100.
 */
#define LAPIC_SVR	0xfee000f0
#define LAPIC_ICR_LOW	0xfee00300
#define OTHERS		0x000c0000
#define ASSERT_INIT	0x00004500
#define ASSERT_SIPI	0x00004600

	.text
	.code32
	movl $0x1ff, LAPIC_SVR
	movl $(OTHERS | ASSERT_INIT), LAPIC_ICR_LOW
	movl $(OTHERS | ASSERT_SIPI | 0x02), LAPIC_ICR_LOW
1:	pause
	movl 0x500, %eax
	cmpl 0x504, %eax
	jne 1b
	movw $0x100, %dx
	outl %eax, %dx
	cli
2:	hlt
	jmp 2b

	.org 0x1000
	.code16
	xorw %ax, %ax
	movw %ax, %ds
	movl $1, %eax
	lock xaddl %eax, 0x500
	movw $0x101, %dx
	outb %al, %dx
	cli
3:	hlt
	jmp 3b
	.section .note.GNU-stack, "", @progbits
