/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The last page of a ROM that the measured processor begins in, at its reset vector: to long mode,
 * "k" to port 0xe9, a loop in kernel mode, "u", the same loop in user mode, ".", and out by port 0xf4.
 */
#include "measure_rom.h"

#define BASE	0xff000 /* where the first megabyte shows the page */
#define AT(label) (BASE + label - measure_rom)
/* In the segment that the processor begins with. */
#define OFFSET(label) (0xf000 + label - measure_rom)

#define CODE_32	  0x08
#define DATA	  0x10
#define CODE_64	  0x18
#define USER_CODE 0x23
#define USER_DATA 0x2b
#define STACK	  0x8000

	.section .rodata
	.globl measure_rom
	.balign 16
measure_rom:
	.code16
begin:
	lgdtl %cs:OFFSET(gdt_pointer)
	movl $1, %eax
	movl %eax, %cr0
	ljmpl $CODE_32, $AT(protected)

	.code32
protected:
	movl $DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	/* One page of 2 MiB, for user code, too; memory begins zeroed. */
	movl $0x2007, 0x1000
	movl $0x3007, 0x2000
	movl $0x87, 0x3000
	movl $0x1000, %eax
	movl %eax, %cr3
	movl $0x20, %eax
	movl %eax, %cr4
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x100, %eax
	wrmsr
	movl $0x80000001, %eax
	movl %eax, %cr0
	ljmpl $CODE_64, $AT(kernel)

	.code64
kernel:
	movb $'k', %al
	outb %al, $0xe9
	movl $MEASURE_TURNS, %ecx
1:	decl %ecx
	jnz 1b
	movb $'u', %al
	outb %al, $0xe9
	movl $STACK, %esp
	pushq $USER_DATA
	pushq $STACK
	pushq $0x3002 /* its ports are its own */
	pushq $USER_CODE
	pushq $AT(user)
	iretq
user:
	movl $MEASURE_TURNS, %ecx
1:	decl %ecx
	jnz 1b
	movb $'.', %al
	outb %al, $0xe9
	outb %al, $0xf4
1:	jmp 1b

	.balign 8
gdt:
	.quad 0
	.quad 0x00cf9b000000ffff
	.quad 0x00cf93000000ffff
	.quad 0x00af9b000000ffff
	.quad 0x00affb000000ffff
	.quad 0x00cff3000000ffff
gdt_pointer:
	.word gdt_pointer - gdt - 1
	.long AT(gdt)

	.org measure_rom + MEASURE_ROM_SIZE - 16
	.code16
	jmp begin
	.org measure_rom + MEASURE_ROM_SIZE
	.section .note.GNU-stack, "", @progbits
