/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Part of hyperv.S: a storage driver's hot loop. Packets of 128 bytes, 512 of them prepared in a row,
 * go through a ring whose data are 64 KiB; their answers come back through another. The operand is
 * the address of this block:
 *
 *   0 how many, 8 how many at once, 16 the packets, 24 the ring to the host, 32 the ring from it,
 *   40 RCX and 48 RDX of the signal, 56 the word with the channel's event flag, 64 all its other bits,
 *   72 counts answers that say no, 80 counts signals
 */
#define WRITE	0
#define READ	4
#define MASK	8
#define DATA	4096

op_storage:
	movq 8(%rbp), %rbx
	movq (%rbx), %r12
	movq 8(%rbx), %r13
	movq 24(%rbx), %r10
	movq 32(%rbx), %r11
	xorl %r8d, %r8d			/* sent */
	xorl %r9d, %r9d			/* answered */
send:
	movl WRITE(%r10), %r15d
	movl %r15d, %edx
1:	cmpq %r12, %r8
	jae 2f
	movq %r8, %rax
	subq %r9, %rax
	cmpq %r13, %rax
	jae 2f
	movl %r8d, %esi
	andl $511, %esi
	shll $7, %esi
	addq 16(%rbx), %rsi
	leaq DATA(%r10,%rdx), %rdi
	movl $16, %ecx
	rep movsq
	addl $128, %edx
	andl $0xffff, %edx
	incq %r8
	jmp 1b
2:	cmpl %r15d, %edx
	je sleep
	movl %edx, WRITE(%r10)
	mfence
	cmpl $0, MASK(%r10)		/* the host reads already */
	jne sleep
	cmpl %r15d, READ(%r10)		/* it has not read what was there before */
	jne sleep
	incq 80(%rbx)
	pushq %r8
	movq 40(%rbx), %rcx
	movq 48(%rbx), %rdx
	movq HYPERCALL, %rax
	callq *%rax
	popq %r8
sleep:
	movl $0, MASK(%r11)
	mfence
1:	movq 56(%rbx), %rax		/* before looking: the flag that is set again interrupts */
	movl 64(%rbx), %ecx
	lock andl %ecx, (%rax)
	movl READ(%r11), %edx
	cli
	cmpl WRITE(%r11), %edx
	jne 2f
	sti
	hlt
	jmp 1b
2:	sti
	movl $1, MASK(%r11)
take:
	cmpl WRITE(%r11), %edx
	je 2f
	leal 24(%rdx), %ecx		/* the SRB's status */
	andl $0xffff, %ecx
	cmpb $1, DATA+6(%r11,%rcx)
	je 1f
	incq 72(%rbx)
1:	movzwl DATA+4(%r11,%rdx), %eax	/* the length in words of 8 bytes, without the trailer */
	leal 8(%rdx,%rax,8), %edx
	andl $0xffff, %edx
	incq %r9
	jmp take
2:	movl %edx, READ(%r11)
	cmpq %r12, %r9
	jb send
	jmp done
