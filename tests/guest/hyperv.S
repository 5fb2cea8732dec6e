/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Long mode, linked at 0x1000: does what a table at 0x20000 says, writes to port 0x100, and begins
 * again when it is run again. An element is eight words: operation, three operands, four results.
 * An operation that gives #GP has all ones as its last result.
 *
 * The test puts the handlers that the header names into the IDT. Each interrupt adds one to the word
 * at 0x500; unless the byte at 0x510 says not to, it is ended at the local APIC.
 */
#define TABLE	    0x20000
#define INTERRUPTS  0x500
#define NO_EOI	    0x510
#define HYPERCALL   0x518	/* address of the page */
#define APIC_EOI    0xfee000b0
#define APIC_SVR    0xfee000f0

	.text
	.code64
	jmp begin
	.balign 8
	.quad general_protection
	.quad interrupt

begin:
	movl $APIC_SVR, %eax
	movl $0x1ff, (%rax)
again:
	movl $TABLE, %ebp
next:
	leaq faulted(%rip), %r14
	xorl %r15d, %r15d
	movq (%rbp), %rax
	cmpq $1, %rax
	je op_cpuid
	cmpq $2, %rax
	je op_rdmsr
	cmpq $3, %rax
	je op_wrmsr
	cmpq $4, %rax
	je op_hypercall
	cmpq $5, %rax
	je op_rdtsc
	cmpq $6, %rax
	je op_wait
	cmpq $7, %rax
	je op_store
	cmpq $8, %rax
	je op_repeat
	cmpq $9, %rax
	je op_storage
	movw $0x100, %dx
	outb %al, %dx
	jmp again

done:
	movq $0, 56(%rbp)
	addq $64, %rbp
	jmp next
faulted:
	movq $-1, 56(%rbp)
	addq $64, %rbp
	jmp next

op_cpuid:
	movl 8(%rbp), %eax
	movl 16(%rbp), %ecx
	cpuid
	movl %eax, 32(%rbp)
	movl %ebx, 36(%rbp)
	movl %ecx, 40(%rbp)
	movl %edx, 44(%rbp)
	jmp done
op_rdmsr:
	movl 8(%rbp), %ecx
	rdmsr
	movl %eax, 32(%rbp)
	movl %edx, 36(%rbp)
	jmp done
op_wrmsr:
	movl 8(%rbp), %ecx
	movl 16(%rbp), %eax
	movl 20(%rbp), %edx
	wrmsr
	jmp done
op_hypercall:
	movq 8(%rbp), %rcx
	movq 16(%rbp), %rdx
	movq 24(%rbp), %r8
	movq $0x1234, %rbx
	movq HYPERCALL, %rax
	callq *%rax
	movq %rax, 32(%rbp)
	movq %rdx, 40(%rbp)
	movq %rcx, 48(%rbp)
	jmp done
op_rdtsc:			/* between two readings of a word, such as the sequence */
	rdtsc
	movl %eax, 32(%rbp)
	movl %edx, 36(%rbp)
	jmp done
op_wait:			/* until there were so many interrupts */
	movq 8(%rbp), %rcx
1:	cli
	cmpq %rcx, INTERRUPTS
	jae done
	sti
	hlt
	jmp 1b
op_store:			/* 32 bits: address, value */
	movq 8(%rbp), %rcx
	movl 16(%rbp), %eax
	movl %eax, (%rcx)
	jmp done

op_repeat:			/* a hypercall again and again: control, input, times */
	movq 24(%rbp), %rbx
1:	movq 8(%rbp), %rcx
	movq 16(%rbp), %rdx
	movq HYPERCALL, %rax
	callq *%rax
	decq %rbx
	jnz 1b
	movq %rax, 32(%rbp)
	jmp done

#include "hyperv_storage.S"

general_protection:
	addq $8, %rsp		/* error code */
	movq %r14, (%rsp)
	iretq
interrupt:
	pushq %rax
	lock incq INTERRUPTS
	cmpb $0, NO_EOI
	jne 1f
	movl $APIC_EOI, %eax
	movl $0, (%rax)
1:	popq %rax
	iretq
	.section .note.GNU-stack, "", @progbits
