/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What QEMU counts, given to the disks that it is of. */
#include "disk_counters.h"

#define COUNTS(reads, written)                                                                \
	"{\"rd_operations\":" #reads ",\"wr_bytes\":" #written ",\"failed_rd_operations\":2," \
	"\"failed_unmap_operations\":3,\"timed_stats\":[]}"

static struct engine_disk disks[] = {
	{.format = ENGINE_DISK_QCOW2, .controller = 0, .lun = 0},
	{.format = ENGINE_DISK_RAW, .controller = 0, .lun = 1},
	{.format = ENGINE_DISK_RAW, .controller = 1, .lun = 10},
};
static const struct engine_devices devices = {.disks = disks, .n_disks = G_N_ELEMENTS(disks)};

static void note(void *context, const char *name, uint64_t value)
{
	if (value > 0)
		g_string_append_printf(context, "%s=%" G_GUINT64_FORMAT " ", name, value);
}

static void reads(const char *answer, const char *expected)
{
	g_autoptr(GString) seen = g_string_new(NULL);

	g_assert_true(disk_counters_read(answer, &devices, note, seen));
	g_assert_cmpstr(seen->str, ==, expected);
}

/* In QEMU's order, which is not ours; by name, and by path. */
static void test_disks(void)
{
	reads("{\"return\":[{\"qdev\":\"/machine/peripheral/scsi0-0-0-1/virtio\",\"stats\":" COUNTS(
		      7,
		      18446744073709551000) "},"
					    "{\"device\":\"\",\"qdev\":\"served0\",\"stats\":" COUNTS(
						    1, 512) "}]}",
	      "disk.1.reads=7 disk.1.writtenBytes=18446744073709551000 disk.1.errors=5 "
	      "disk.0.reads=1 disk.0.writtenBytes=512 disk.0.errors=5 ");
}

static void test_others(void)
{
	reads("{\"return\":[]}", "");
	reads("{\"return\":[7,null,{\"qdev\":7,\"stats\":" COUNTS(1, 1) "}]}", "");
	reads("{\"return\":[{\"device\":\"floppy0\",\"stats\":" COUNTS(
		      1, 1) "},"
			    "{\"qdev\":\"served01\",\"stats\":" COUNTS(
				    1, 1) "},"
					  "{\"qdev\":\"xserved0\",\"stats\":" COUNTS(
						  1,
						  1) "},"
						     "{\"qdev\":\"scsi1-0-0-1\",\"stats\":" COUNTS(
							     1, 1) "},"
								   "{\"qdev\":\"served0\"}]}",
	      "");
}

static void test_none(void)
{
	static const char *const answers[] = {"", "[]", "{}", "{\"return\":7}", "{\"return\":["};

	for (size_t i = 0; i < G_N_ELEMENTS(answers); i++)
		g_assert_false(disk_counters_read(answers[i], &devices, note, NULL));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/translate/disk-counters/disks", test_disks);
	g_test_add_func("/translate/disk-counters/others", test_others);
	g_test_add_func("/translate/disk-counters/none", test_none);
	return g_test_run();
}
