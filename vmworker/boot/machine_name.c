/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "machine_name.h"

#include <elf.h>
#include <glib.h>

#ifndef EM_LOONGARCH
#define EM_LOONGARCH 258
#endif

struct machine {
	uint16_t number;
	const char *name;
};

static const struct machine elf_machines[] = {
	{EM_386, "32-bit x86"},	     {EM_68K, "m68k"},		 {EM_MIPS, "MIPS"},
	{EM_PARISC, "PA-RISC"},	     {EM_PPC, "32-bit PowerPC"}, {EM_PPC64, "PowerPC 64"},
	{EM_S390, "s390x"},	     {EM_ARM, "32-bit ARM"},	 {EM_SPARCV9, "SPARC 64"},
	{EM_IA_64, "Itanium"},	     {EM_AARCH64, "AArch64"},	 {EM_RISCV, "RISC-V"},
	{EM_LOONGARCH, "LoongArch"},
};

/* PE/COFF specification, "Machine Types". */
static const struct machine pe_machines[] = {
	{0x014c, "32-bit x86"}, {0x01c0, "32-bit ARM"}, {0x01c2, "32-bit ARM"},
	{0x01c4, "32-bit ARM"}, {0x5032, "RISC-V"},	{0x5064, "RISC-V"},
	{0x6232, "LoongArch"},	{0x6264, "LoongArch"},	{0x8664, "x86-64"},
	{0xaa64, "AArch64"},	{0x0200, "Itanium"},
};

static const char *machine_find(const struct machine *machines, size_t n, uint16_t number)
{
	for (size_t i = 0; i < n; i++) {
		if (machines[i].number == number)
			return machines[i].name;
	}
	return NULL;
}

const char *machine_name_of_elf(uint16_t e_machine)
{
	return machine_find(elf_machines, G_N_ELEMENTS(elf_machines), e_machine);
}

const char *machine_name_of_pe(uint16_t machine)
{
	return machine_find(pe_machines, G_N_ELEMENTS(pe_machines), machine);
}
