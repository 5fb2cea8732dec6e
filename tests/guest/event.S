/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Real mode: writes 1 and then 2 to a port, of which a test binds the first to an event. */
	.code16
	.text
	movw $0x100, %dx
	movl $1, %eax
	outl %eax, %dx		/* bound by the test */
	movl $2, %eax
	outl %eax, %dx		/* not bound */
	hlt
	.section .note.GNU-stack, "", @progbits
