/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The part of tiny.S that is the same text in 32-bit and in 64-bit mode, assembled once for each.
 * EDI = the command line's address or 0. Labels are local numbers because it is included twice.
 */
#define COM1		0x3f8
#define LSR_THRE	0x20
#define PM1A_CONTROL	0x604
#define SLP_EN		0x2000
#define SLP_TYP(n)	((n) << 10)
#define RESET_PORT	0xcf9
#define LAPIC		0xfee00000
#define LAPIC_SVR	0xf0
#define LAPIC_ICR_LOW	0x300
#define OTHERS		0x000c0000
#define ASSERT_INIT	0x00004500
#define ASSERT_SIPI	0x00004600
#define AP_PAGE		0x8000

	cld
	movl $tiny_up, %esi
	call 60f

	/* The first four bytes tell the words apart. */
	xorl %eax, %eax
	testl %edi, %edi
	jz 1f
	movl (%edi), %eax
1:	cmpl $0x746c6168, %eax	/* "halt" */
	je 20f
	cmpl $0x706f6f6c, %eax	/* "loop" */
	je 30f
	cmpl $0x6e697073, %eax	/* "spin" */
	je 35f
	cmpl $0x6f626572, %eax	/* "rebo" */
	je 40f
	cmpl $0x6c756166, %eax	/* "faul" */
	je 50f
	cmpl $0x696e6170, %eax	/* "pani" */
	je 10f
	cmpl $0x6f686365, %eax	/* "echo" */
	je 70f
	cmpl $0x6e756f63, %eax	/* "coun" */
	je 80f
	cmpl $0x77736e61, %eax	/* "answ" */
	je 90f

	/* Power off: S5 is type 5 here and type 0 on QEMU's machines. */
	movw $PM1A_CONTROL, %dx
	movw $(SLP_EN | SLP_TYP(5)), %ax
	outw %ax, %dx
	movw $SLP_EN, %ax
	outw %ax, %dx

20:	/* halt */
	cli
	hlt
	jmp 20b

30:	/* loop: for ever in the guest, without an intercept */
	pause
	jmp 30b

35:	/* spin: loop on every processor; the others are woken by INIT and SIPI, and run this page's
	 * CLI, JMP to itself. Entered by PVH only, with the local APIC within reach. */
	movl $AP_PAGE, %edi
	movl $0x90feebfa, (%edi)
	movl $LAPIC, %edi
	movl $0x1ff, LAPIC_SVR(%edi)
	movl $(OTHERS | ASSERT_INIT), LAPIC_ICR_LOW(%edi)
	movl $(OTHERS | ASSERT_SIPI | (AP_PAGE >> 12)), LAPIC_ICR_LOW(%edi)
36:	jmp 36b	/* no PAUSE, which a hypervisor takes for a wish to let others run */

10:	/* panic */
	movl $tiny_panic, %esi
	call 60f

40:	/* reboot; where there is no reset port, a triple fault does it */
	movw $RESET_PORT, %dx
	movb $6, %al
	outb %al, %dx

50:	/* fault: with no interrupt table every exception is fatal */
	lidt tiny_null_idt
	ud2

60:	/* Prints the string at ESI. */
	lodsb
	testb %al, %al
	jz 69f
	movb %al, %cl
	movw $(COM1 + 5), %dx
61:	inb %dx, %al
	testb $LSR_THRE, %al
	jz 61b
	movw $COM1, %dx
	movb %cl, %al
	outb %al, %dx
	jmp 60b
69:	ret

70:	/* echo: sends back what it receives until a newline, then powers off */
	movw $(COM1 + 5), %dx
71:	inb %dx, %al
	testb $1, %al
	jz 71b
	movw $COM1, %dx
	inb %dx, %al
	outb %al, %dx
	cmpb $10, %al
	jne 70b
	movw $PM1A_CONTROL, %dx
	movw $(SLP_EN | SLP_TYP(5)), %ax
	outw %ax, %dx
	movw $SLP_EN, %ax
	outw %ax, %dx
	jmp 20b

80:	/* count: the letters from a to z, for ever, not too fast; which is next is in memory */
	movb $0, tiny_count
81:	movl $100, %ecx
82:	pause
	decl %ecx
	jnz 82b
	movw $(COM1 + 5), %dx
83:	inb %dx, %al
	testb $LSR_THRE, %al
	jz 83b
	movw $COM1, %dx
	movb tiny_count, %al
	addb $97, %al
	outb %al, %dx
	incb tiny_count
	cmpb $26, tiny_count
	jne 81b
	jmp 80b

90:	/* answer: for each byte that it receives the next letter of the alphabet, which it keeps in
	   memory */
	movw $(COM1 + 5), %dx
91:	inb %dx, %al
	testb $1, %al
	jz 91b
	movw $COM1, %dx
	inb %dx, %al
	movb tiny_letter, %al
	outb %al, %dx
	incb tiny_letter
	jmp 90b
