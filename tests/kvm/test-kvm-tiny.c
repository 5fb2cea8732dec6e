/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tiny kernel does what its command line says, by either entry. */
#include <elf.h>
#include <string.h>

#include "kvm_fixture.h"

#define MEMORY	   (4ull << 20)
#define START_INFO 0x5000ull
#define CMDLINE	   0x6000ull
#define PML4	   0x9000ull
#define PDPT	   0xa000ull
#define PD	   0xb000ull

#define CMDLINE_IN_START_INFO  24
#define CMDLINE_IN_BOOT_PARAMS 0x228

static void put(struct machine *machine, uint64_t gpa, const void *data, size_t size)
{
	g_assert_cmpint(partition_write_gpa(machine->partition, gpa, data, size), ==, 0);
}

static void put64(struct machine *machine, uint64_t gpa, uint64_t value)
{
	put(machine, gpa, &value, sizeof(value));
}

/* Loads the segments; *pvh is what the note says, *entry what the header says. */
static void load(struct machine *machine, uint64_t *entry, uint64_t *pvh)
{
	Elf64_Ehdr header;

	g_assert_cmpuint(guest_tiny_size, >, sizeof(header));
	memcpy(&header, guest_tiny, sizeof(header));
	*entry = header.e_entry;
	*pvh = 0;
	for (unsigned int i = 0; i < header.e_phnum; i++) {
		Elf64_Phdr segment;

		memcpy(&segment, guest_tiny + header.e_phoff + i * sizeof(segment),
		       sizeof(segment));
		if (segment.p_type == PT_LOAD)
			put(machine, segment.p_paddr, guest_tiny + segment.p_offset,
			    segment.p_filesz);
		else if (segment.p_type == PT_NOTE) /* header of 12 bytes, "Xen\0", the address */
			memcpy(pvh, guest_tiny + segment.p_offset + 16, sizeof(*pvh));
	}
	g_assert_cmphex(*pvh, !=, 0);
}

static struct machine *tiny_new(const char *cmdline, bool long_mode)
{
	struct machine *machine = machine_new(MEMORY, 1, false, guest_loop, guest_loop_size);
	struct vp *vp = machine->vps[0];
	uint64_t entry, pvh;

	load(machine, &entry, &pvh);
	put(machine, CMDLINE, cmdline, strlen(cmdline) + 1);
	put64(machine, START_INFO + (long_mode ? CMDLINE_IN_BOOT_PARAMS : CMDLINE_IN_START_INFO),
	      CMDLINE);
	if (long_mode) {
		put64(machine, PML4, PDPT | 3);
		put64(machine, PDPT, PD | 3);
		put64(machine, PD, 0x83);
		set_long_mode(vp, PML4);
	} else {
		set_protected_mode(vp);
	}
	set_register(vp, long_mode ? HV_X64_REGISTER_RSI : HV_X64_REGISTER_RBX, START_INFO);
	set_register(vp, HV_X64_REGISTER_RIP, long_mode ? entry : pvh);
	return machine;
}

/* Runs up to an exit that is not the console's, of which *console gets the text. */
static void run_console(struct vp *vp, struct hv_intercept *intercept, GString *console,
			const char *input)
{
	for (;;) {
		g_assert_cmpint(vp_run(vp, intercept), ==, HV_STATUS_SUCCESS);
		if (intercept->type != HV_INTERCEPT_IO_PORT)
			return;
		uint8_t *data = intercept->io.data;

		if (intercept->io.port == 0x3fd && !intercept->io.write)
			*data = 0x61; /* can send, has received */
		else if (intercept->io.port == 0x3f8 && intercept->io.write)
			g_string_append_c(console, (char)*data);
		else if (intercept->io.port == 0x3f8 && *input != '\0')
			*data = (uint8_t)*input++;
		else
			return;
	}
}

static const struct tiny_case {
	const char *path, *cmdline;
	const char *console;
	enum hv_intercept_type type;
	uint16_t port;
	uint32_t value;
} cases[] = {
	{"power-off", "", "tiny guest up\n", HV_INTERCEPT_IO_PORT, 0x604, 0x3400},
	{"other-words", "console=ttyS0", "tiny guest up\n", HV_INTERCEPT_IO_PORT, 0x604, 0x3400},
	{"halt", "halt", "tiny guest up\n", HV_INTERCEPT_HALT, 0, 0},
	{"reboot", "reboot", "tiny guest up\n", HV_INTERCEPT_IO_PORT, 0xcf9, 6},
	{"fault", "fault", "tiny guest up\n", HV_INTERCEPT_TRIPLE_FAULT, 0, 0},
	{"panic", "panic", "tiny guest up\nKernel panic - not syncing: tiny\n",
	 HV_INTERCEPT_IO_PORT, 0xcf9, 6},
	{"echo", "echo", "tiny guest up\nhello\n", HV_INTERCEPT_IO_PORT, 0x604, 0x3400},
};

static void check_case(const struct tiny_case *c, bool long_mode)
{
	g_autoptr(machine_t) machine = tiny_new(c->cmdline, long_mode);
	g_autoptr(GString) console = g_string_new(NULL);
	struct hv_intercept intercept;

	/* The mark of benchmarks comes before everything else. */
	run_until(machine->vps[0], &intercept, HV_INTERCEPT_IO_PORT);
	g_assert_cmphex(intercept.io.port, ==, 0xf4);
	g_assert_cmphex(*(uint8_t *)intercept.io.data, ==, 1);

	run_console(machine->vps[0], &intercept, console, "hello\n");
	g_assert_cmpstr(console->str, ==, c->console);
	g_assert_cmpstr(hv_intercept_type_name(intercept.type), ==,
			hv_intercept_type_name(c->type));
	if (c->type == HV_INTERCEPT_IO_PORT) {
		uint32_t value = 0;

		g_assert_cmphex(intercept.io.port, ==, c->port);
		memcpy(&value, intercept.io.data, intercept.io.size);
		g_assert_cmphex(value, ==, c->value);
	}
}

static void test_pvh(gconstpointer data)
{
	check_case(data, false);
}

static void test_linux64(gconstpointer data)
{
	check_case(data, true);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	int missing = kvm_missing();
	if (missing != 0)
		return missing;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *pvh = g_strconcat("/kvm/tiny/pvh/", cases[i].path, NULL);
		g_autofree char *linux64 = g_strconcat("/kvm/tiny/linux64/", cases[i].path, NULL);

		g_test_add_data_func(pvh, &cases[i], test_pvh);
		g_test_add_data_func(linux64, &cases[i], test_linux64);
	}
	return g_test_run();
}
