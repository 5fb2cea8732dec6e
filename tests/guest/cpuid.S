/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Real mode: CPUID of leaf 1 and of leaf 0xb, sub-leaf 1, each word to a port. */
	.code16
	.text
	movl $1, %eax
	xorl %ecx, %ecx
	cpuid
	movw $2, %di
1:	movl %edx, %esi
	movw $0x100, %dx
	movl %ebx, %eax
	outl %eax, %dx
	movl %ecx, %eax
	outl %eax, %dx
	movl %esi, %eax
	outl %eax, %dx
	movl $0xb, %eax
	movl $1, %ecx
	cpuid
	decw %di
	jnz 1b
	hlt
	.section .note.GNU-stack, "", @progbits
