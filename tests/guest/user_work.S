/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Work that is the same in a guest's user mode and in a process of the host: R12 times over 64 KiB at
 * RBX, with multiplications, loads, stores and branches that are hard to guess; the sum is in RAX.
 * At the end it returns, or, when R13 is not 0, writes to port 0x100.
 */
#define SIZE 65536

	.text
	.code64
	xorl %eax, %eax
	movabsq $0x5851f42d4c957f2d, %r8
1:	xorl %ecx, %ecx
2:	movq (%rbx, %rcx), %rdx
	imulq %r8, %rdx
	addq %rdx, %rax
	testb $0x10, %al
	jz 3f
	rolq $7, %rax
3:	movq %rax, (%rbx, %rcx)
	addq $8, %rcx
	cmpq $SIZE, %rcx
	jne 2b
	decq %r12
	jnz 1b
	testq %r13, %r13
	jnz 4f
	ret
4:	movw $0x100, %dx
	outb %al, %dx
	ud2
	.section .note.GNU-stack, "", @progbits
