/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tiny kernel, loaded by boot_load and entered by a real hypervisor, through both protocols. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "boot.h"
#include "guests.h"
#include "kernel_builder.h"

#define ENTRY_PORT     0xf4
#define INTERCEPTS_MAX 10000
#define UP	       "tiny guest up\n"

/* Runs VP 0 until it has said that it is up; *entered: the port of its first instruction was hit.
 */
static void run(struct vp *vp, gboolean *entered, GString *output)
{
	for (size_t i = 0; i < INTERCEPTS_MAX && !strstr(output->str, UP); i++) {
		struct hv_intercept intercept;

		g_assert_cmpint(vp_run(vp, &intercept), ==, HV_STATUS_SUCCESS);
		g_assert_cmpint(intercept.type, ==, HV_INTERCEPT_IO_PORT);
		if (!intercept.io.write)
			memset(intercept.io.data, 0x60, intercept.io.size); /* LSR: empty */
		else if (intercept.io.port == ENTRY_PORT)
			*entered = TRUE;
		else if (intercept.io.port == MACHINE_COM1_PORT)
			g_string_append_c(output, *(const char *)intercept.io.data);
	}
}

static void boot_tiny(gconstpointer data)
{
	enum boot_protocol protocol = (enum boot_protocol)GPOINTER_TO_INT(data);
	static const struct partition_properties properties = {
		.memory_size = 128 << 20, .vp_count = 1, .irqchip = true};
	g_autoptr(GByteArray) elf = g_byte_array_new();
	g_autoptr(GByteArray) image = NULL;
	g_autoptr(GString) output = g_string_new(NULL);
	g_autoptr(GError) error = NULL;
	struct boot_config config = {.initrd_fd = -1, .payload_fd = -1, .vp_count = 1};
	struct partition *partition;
	struct boot_entry entry;
	struct hv_fault fault;
	struct vp *vp;
	gboolean entered = FALSE;

	g_byte_array_append(elf, (const guint8 *)guest_tiny, (guint)guest_tiny_size);
	image = build_bzimage(&build_bzimage_default, elf);
	if (protocol == BOOT_LINUX64) {
		config.kernel_fd = build_file(image->data, image->len);
		config.payload_fd = build_file(elf->data, elf->len);
	} else {
		config.kernel_fd = build_file(elf->data, elf->len);
	}
	g_assert_cmpint(partition_create(&properties, &partition, &fault), ==, HV_STATUS_SUCCESS);
	g_assert_cmpint(vp_create(partition, 0, &vp, &fault), ==, HV_STATUS_SUCCESS);
	boot_load(partition, &config, &entry, &error);
	g_assert_no_error(error);
	g_assert_cmpint(entry.protocol, ==, protocol);
	g_assert_cmpint(boot_set_registers(vp, &entry), ==, HV_STATUS_SUCCESS);
	run(vp, &entered, output);
	g_assert_true(entered);
	g_assert_cmpstr(output->str, ==, UP);
	partition_delete(partition);
	close(config.kernel_fd);
	if (config.payload_fd >= 0)
		close(config.payload_fd);
}

int main(int argc, char **argv)
{
	struct partition_host host;

	g_test_init(&argc, &argv, NULL);
	partition_probe(&host);
	if (!host.usable) {
		g_print("1..0 # skip no partition can be created here: %s\n", host.fault.call);
		return 77;
	}
	g_test_add_data_func("/boot/kvm/linux64", GINT_TO_POINTER(BOOT_LINUX64), boot_tiny);
	g_test_add_data_func("/boot/kvm/pvh", GINT_TO_POINTER(BOOT_PVH), boot_tiny);
	return g_test_run();
}
