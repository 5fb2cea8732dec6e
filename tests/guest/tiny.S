/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tiny kernel: says "tiny guest up" on COM1, then does what its command line asks. It is entered
 * by PVH (32-bit, EBX = hvm_start_info) or as a 64-bit kernel (RSI = boot_params), and executes a few
 * dozen instructions only, since some hosts emulate every one of them.
 *
 * Its first two instructions write 1 to port 0xf4, for benchmarks of the time until then.
 *
 * Command line, one of: (nothing) power off · halt · loop · spin · reboot · fault · panic · echo ·
 * count · answer
 */

/* ---- the note that makes it a PVH kernel ------------------------------------------------------ */
	.section .note.pvh, "a", @note
	.balign 4
	.long 4		/* size of the name */
	.long 8		/* size of the descriptor */
	.long 18	/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.quad tiny_start32

	.text
	.code32
	.globl tiny_start32
tiny_start32:
	movb $1, %al
	outb %al, $0xf4
	movl 24(%ebx), %edi	/* hvm_start_info.cmdline_paddr */
	movl $tiny_stack_end, %esp
#include "tiny_body.S"

	.balign 16
	.code64
	.globl tiny_start64
tiny_start64:
	movb $1, %al
	outb %al, $0xf4
	movl 0x228(%rsi), %edi	/* boot_params.hdr.cmd_line_ptr */
	movl $tiny_stack_end, %esp
#include "tiny_body.S"

	.section .rodata
tiny_up:	.asciz "tiny guest up\n"
tiny_panic:	.asciz "Kernel panic - not syncing: tiny\n"
	.balign 8
tiny_null_idt:	.word 0
		.quad 0

	.data
tiny_letter:	.byte 'a'

	.bss
tiny_count:	.skip 1
	.balign 16
	.skip 256
tiny_stack_end:
	.section .note.GNU-stack, "", @progbits
