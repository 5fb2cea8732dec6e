/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is asked of a partition beside running it. */
#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cpuid.h"
#include "kvm_fixture.h"

#define MIB	    0x100000ull
#define GUEST(name) guest_##name, guest_##name##_size

static void test_probe(void)
{
	struct partition_host host;

	partition_probe(&host);
	g_assert_true(host.usable);
	g_assert_cmpint(host.api_version, ==, 12);
	g_assert_cmpint(host.virt, !=, PARTITION_VIRT_NONE);
	g_assert_cmpuint(host.max_vps, >=, 8);
	g_assert_cmpuint(host.max_vps, <=, PARTITION_MAX_VPS);
	for (size_t i = 0; i < host.n_caps; i++) {
		g_assert_true(g_str_has_prefix(host.caps[i].name, "KVM_CAP_"));
		if (host.caps[i].required)
			g_assert_cmpint(host.caps[i].value, >, 0);
	}
}

static void test_properties_refused(void)
{
	static const struct partition_properties cases[] = {
		{.memory_size = MIB, .vp_count = 0},
		{.memory_size = MIB, .vp_count = PARTITION_MAX_VPS + 1},
		{.memory_size = MIB - 1, .vp_count = 1},
		{.memory_size = 0, .vp_count = 1},
		{.memory_size = UINT64_MAX, .vp_count = 1},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct partition *partition = NULL;
		struct hv_fault fault = {0};

		g_assert_cmpint(partition_create(&cases[i], &partition, &fault), ==,
				HV_STATUS_PROPERTY_VALUE_OUT_OF_RANGE);
		g_assert_null(partition);
		g_assert_nonnull(fault.call);
	}
}

static void test_too_much_memory(void)
{
	const struct partition_properties properties = {.memory_size = 1ull << 45, .vp_count = 1};
	struct partition *partition = NULL;
	struct hv_fault fault = {0};

	g_assert_cmpint(partition_create(&properties, &partition, &fault), ==,
			HV_STATUS_INSUFFICIENT_MEMORY);
	g_assert_null(partition);
}

static unsigned int open_files(void)
{
	unsigned int n = 0;
	DIR *dir = opendir("/proc/self/fd");

	g_assert_nonnull(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

/* Whichever descriptor is the one too many, the partition is refused and nothing is left behind. */
static void test_no_descriptors(void)
{
	const struct partition_properties properties = {
		.memory_size = MIB, .vp_count = 1, .irqchip = true};
	struct rlimit old, limit;
	unsigned int before = open_files();
	hv_status status = HV_STATUS_NO_RESOURCES;

	g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &old), ==, 0);
	limit = old;
	for (rlim_t n = 3; n < 64 && status != HV_STATUS_SUCCESS; n++) {
		struct partition *partition = NULL;
		struct hv_fault fault = {0};
		struct vp *vp;

		limit.rlim_cur = n;
		g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &limit), ==, 0);
		status = partition_create(&properties, &partition, &fault);
		if (status == HV_STATUS_SUCCESS)
			status = vp_create(partition, 0, &vp, &fault);
		g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &old), ==, 0);
		if (status != HV_STATUS_SUCCESS) {
			g_assert_cmpint(status, ==, HV_STATUS_NO_RESOURCES);
			g_assert_cmpint(fault.sys_errno, ==, EMFILE);
		}
		partition_delete(partition);
		g_assert_cmpuint(open_files(), ==, before);
	}
	g_assert_cmpint(status, ==, HV_STATUS_SUCCESS);
}

static void test_hypervisor_fd(void)
{
	struct hv_fault fault = {0};
	int fd = partition_open_hypervisor(&fault);
	int pipes[2];

	g_assert_cmpint(fd, >, STDERR_FILENO);
	unsigned int before = open_files();
	struct partition_properties properties = {
		.memory_size = MIB, .vp_count = 1, .hypervisor_fd = fd};
	for (int i = 0; i < 2; i++) { /* borrowed, so good again */
		struct partition *partition = NULL;

		g_assert_cmpint(partition_create(&properties, &partition, &fault), ==,
				HV_STATUS_SUCCESS);
		partition_delete(partition);
		g_assert_cmpuint(open_files(), ==, before);
	}
	close(fd);

	struct partition *none = NULL;
	g_assert_cmpint(partition_create(&properties, &none, &fault), !=, HV_STATUS_SUCCESS);
	g_assert_cmpint(fault.sys_errno, ==, EBADF);
	g_assert_cmpint(pipe(pipes), ==, 0);
	properties.hypervisor_fd = pipes[0];
	g_assert_cmpint(partition_create(&properties, &none, &fault), !=, HV_STATUS_SUCCESS);
	g_assert_null(none);
	close(pipes[0]);
	close(pipes[1]);
}

static void create_as_nobody(void)
{
	const struct partition_properties properties = {.memory_size = MIB, .vp_count = 1};
	struct partition *partition = NULL;
	struct partition_host host;
	struct hv_fault fault = {0};

	g_assert_cmpint(setgroups(0, NULL), ==, 0);
	g_assert_cmpint(setresgid(65534, 65534, 65534), ==, 0);
	g_assert_cmpint(setresuid(65534, 65534, 65534), ==, 0);
	hv_status status = partition_create(&properties, &partition, &fault);
	partition_delete(partition);
	if (status == HV_STATUS_SUCCESS)
		return; /* this machine lets anybody */
	g_assert_cmpint(status, ==, HV_STATUS_ACCESS_DENIED);
	g_assert_cmpint(fault.sys_errno, ==, EACCES);
	g_assert_cmpstr(fault.call, ==, "open(/dev/kvm)");
	partition_probe(&host);
	g_assert_false(host.usable);
	g_assert_cmpint(host.fault.status, ==, HV_STATUS_ACCESS_DENIED);
}

static void test_access_denied(void)
{
	if (geteuid() != 0) {
		g_test_skip("only root can become somebody without access to /dev/kvm");
		return;
	}
	pid_t pid = fork();
	int status = 0;

	g_assert_cmpint(pid, >=, 0);
	if (pid == 0) {
		create_as_nobody();
		_exit(0);
	}
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_cmpint(status, ==, 0);
}

static void test_vps(void)
{
	unsigned int before = open_files();
	struct machine *machine = machine_new(MIB, 2, true, GUEST(loop));
	struct hv_fault fault = {0};
	struct vp *vp = NULL;

	g_assert_cmpuint(partition_vp_count(machine->partition), ==, 2);
	g_assert_cmpuint(vp_index(machine->vps[1]), ==, 1);
	g_assert_cmpint(vp_create(machine->partition, 1, &vp, &fault), ==,
			HV_STATUS_INVALID_VP_INDEX);
	g_assert_cmpint(vp_create(machine->partition, 2, &vp, &fault), ==,
			HV_STATUS_INVALID_VP_INDEX);
	vp_delete(machine->vps[1]);
	vp_delete(NULL);
	partition_delete(NULL);
	machine_free(machine);
	g_assert_cmpuint(open_files(), ==, before);
}

static const hv_register_name general[] = {
	HV_X64_REGISTER_RAX, HV_X64_REGISTER_RCX, HV_X64_REGISTER_RDX, HV_X64_REGISTER_RBX,
	HV_X64_REGISTER_RSP, HV_X64_REGISTER_RBP, HV_X64_REGISTER_RSI, HV_X64_REGISTER_RDI,
	HV_X64_REGISTER_R8,  HV_X64_REGISTER_R9,  HV_X64_REGISTER_R10, HV_X64_REGISTER_R11,
	HV_X64_REGISTER_R12, HV_X64_REGISTER_R13, HV_X64_REGISTER_R14, HV_X64_REGISTER_R15,
	HV_X64_REGISTER_RIP,
};

static void test_general_registers(void)
{
	g_autoptr(machine_t) machine = machine_new(MIB, 1, true, GUEST(loop));
	union hv_register_value set[G_N_ELEMENTS(general)], got[G_N_ELEMENTS(general)];

	for (size_t i = 0; i < G_N_ELEMENTS(general); i++)
		set[i].reg64 = 0x1111111111111111 * (i % 15 + 1) + i;
	set[G_N_ELEMENTS(general) - 1].reg64 = 0x7000;
	g_assert_cmpint(vp_set_registers(machine->vps[0], general, set, G_N_ELEMENTS(general)), ==,
			HV_STATUS_SUCCESS);
	g_assert_cmpint(vp_get_registers(machine->vps[0], general, got, G_N_ELEMENTS(general)), ==,
			HV_STATUS_SUCCESS);
	for (size_t i = 0; i < G_N_ELEMENTS(general); i++)
		g_assert_cmphex(got[i].reg64, ==, set[i].reg64);
}

static void test_system_registers(void)
{
	g_autoptr(machine_t) machine = machine_new(MIB, 1, true, GUEST(loop));
	const hv_register_name names[] = {HV_X64_REGISTER_CR2, HV_X64_REGISTER_CR3,
					  HV_X64_REGISTER_DS, HV_X64_REGISTER_GDTR,
					  HV_X64_REGISTER_IDTR};
	const union hv_register_value set[] = {
		{.reg64 = 0x12345000},
		{.reg64 = 0x7000},
		{.segment = {.base = 0x1000,
			     .limit = 0xfffff,
			     .selector = 0x100,
			     .attributes = 0xc0f3}},
		{.table = {.base = 0x5000, .limit = 0x27}},
		{.table = {.base = 0x6000, .limit = 0xfff}},
	};
	union hv_register_value got[G_N_ELEMENTS(names)];

	g_assert_cmpint(vp_set_registers(machine->vps[0], names, set, G_N_ELEMENTS(names)), ==,
			HV_STATUS_SUCCESS);
	g_assert_cmpint(vp_get_registers(machine->vps[0], names, got, G_N_ELEMENTS(names)), ==,
			HV_STATUS_SUCCESS);
	g_assert_cmphex(got[0].reg64, ==, set[0].reg64);
	g_assert_cmphex(got[1].reg64, ==, set[1].reg64);
	g_assert_cmphex(got[2].segment.base, ==, 0x1000);
	g_assert_cmphex(got[2].segment.limit, ==, 0xfffff);
	g_assert_cmphex(got[2].segment.selector, ==, 0x100);
	g_assert_cmphex(got[2].segment.attributes, ==, 0xc0f3);
	g_assert_cmphex(got[3].table.base, ==, 0x5000);
	g_assert_cmphex(got[3].table.limit, ==, 0x27);
	g_assert_cmphex(got[4].table.base, ==, 0x6000);
	g_assert_cmphex(got[4].table.limit, ==, 0xfff);
}

static void test_registers_refused(void)
{
	g_autoptr(machine_t) machine = machine_new(MIB, 1, true, GUEST(loop));
	const hv_register_name unknown[] = {HV_X64_REGISTER_RAX, (hv_register_name)0x12345};
	const hv_register_name mixed[] = {HV_X64_REGISTER_RAX, HV_X64_REGISTER_CR4};
	const union hv_register_value values[] = {{.reg64 = 77}, {.reg64 = UINT64_MAX}};
	union hv_register_value got[2];
	uint64_t rax = get_register(machine->vps[0], HV_X64_REGISTER_RAX);

	g_assert_cmpint(vp_set_registers(machine->vps[0], unknown, values, 2), ==,
			HV_STATUS_INVALID_PARAMETER);
	g_assert_cmpint(vp_get_registers(machine->vps[0], unknown, got, 2), ==,
			HV_STATUS_INVALID_PARAMETER);
	g_assert_cmpint(vp_set_registers(machine->vps[0], mixed, values, 2), ==,
			HV_STATUS_INVALID_REGISTER_VALUE);
	g_assert_cmphex(get_register(machine->vps[0], HV_X64_REGISTER_RAX), ==, rax);
}

static void test_cpuid(void)
{
	g_autoptr(machine_t) machine = machine_new(MIB, 1, true, GUEST(loop));
	struct hv_cpuid_entry entries[256];
	size_t n = G_N_ELEMENTS(entries), too_few = 1;
	bool vendor = false;

	g_assert_cmpint(partition_supported_cpuid(machine->partition, entries, &too_few), ==,
			HV_STATUS_NO_RESOURCES);
	g_assert_cmpint(partition_supported_cpuid(machine->partition, entries, &n), ==,
			HV_STATUS_SUCCESS);
	for (size_t i = 0; i < n; i++)
		vendor |= entries[i].function == 0 && entries[i].ebx != 0;
	g_assert_true(vendor);
	g_assert_cmpint(vp_set_cpuid(machine->vps[0], entries, n), ==, HV_STATUS_SUCCESS);
	g_assert_cmpint(vp_set_cpuid(machine->vps[0], entries, 257), ==, HV_STATUS_NO_RESOURCES);
}

/* The table that hyperv/cpuid.h makes is one that KVM takes and a guest finds its place in. */
static void test_cpuid_built(void)
{
	const struct cpuid_topology topology = {1, 2, 2};
	g_autoptr(machine_t) machine = machine_new(MIB, 4, true, GUEST(cpuid));
	struct hv_cpuid_entry supported[CPUID_MAX_ENTRIES], built[CPUID_MAX_ENTRIES];
	struct hv_intercept intercept;
	size_t n = G_N_ELEMENTS(supported);
	uint32_t words[6];

	g_assert_cmpint(partition_supported_cpuid(machine->partition, supported, &n), ==,
			HV_STATUS_SUCCESS);
	for (uint32_t i = 4; i-- > 0;) {
		size_t n_built =
			cpuid_build(supported, n, &topology, i, true, built, CPUID_MAX_ENTRIES);

		g_assert_cmpuint(n_built, >, 0);
		g_assert_cmpint(vp_set_cpuid(machine->vps[i], built, n_built), ==,
				HV_STATUS_SUCCESS);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
		run_until(machine->vps[0], &intercept, HV_INTERCEPT_IO_PORT);
		memcpy(&words[i], intercept.io.data, 4);
	}
	g_assert_cmphex(words[0] >> 24, ==, 0);		    /* APIC id */
	g_assert_cmphex(words[0] >> 16 & 0xff, ==, 4);	    /* threads of the package */
	g_assert_cmphex(words[1] & 1u << 31, ==, 1u << 31); /* hypervisor */
	g_assert_cmphex(words[2] & 1u << 28, ==, 1u << 28); /* HTT */
	g_assert_cmphex(words[3], ==, 4);		    /* leaf 0xb: threads of the package */
	g_assert_cmphex(words[4], ==, 0x201);
	g_assert_cmphex(words[5], ==, 0);
}

struct seen {
	unsigned int n;
	bool exits;
};

static void see(void *context, const char *name, uint64_t value)
{
	struct seen *seen = context;

	seen->n++;
	if (g_str_equal(name, "exits") && value > 0)
		seen->exits = true;
}

static void test_counters(void)
{
	g_autoptr(machine_t) machine = machine_new(MIB, 1, true, GUEST(loop));
	struct partition_host host;
	struct hv_intercept intercept;
	struct seen partition = {0}, vp = {0};
	bool kept = false;

	partition_probe(&host);
	for (size_t i = 0; i < host.n_caps; i++)
		kept |= g_str_equal(host.caps[i].name, "KVM_CAP_BINARY_STATS_FD") &&
			host.caps[i].value > 0;
	run_until(machine->vps[0], &intercept, HV_INTERCEPT_IO_PORT);
	partition_foreach_counter(machine->partition, NULL, see, &partition);
	partition_foreach_counter(machine->partition, machine->vps[0], see, &vp);
	g_assert_cmpint(partition.n > 0, ==, kept);
	g_assert_cmpint(vp.exits, ==, kept);
}

/* A guest that is mapped from a file runs, and its writes do not reach the file. */
static void test_mapped_guest(void)
{
	g_autoptr(machine_t) machine = machine_new(MIB, 1, false, GUEST(loop));
	int fd = memfd_create("guest", MFD_CLOEXEC);
	char page[4096] = {0};
	struct hv_intercept intercept;

	memcpy(page, guest_port_io, guest_port_io_size);
	g_assert_cmpint(write(fd, page, sizeof(page)), ==, sizeof(page));
	g_assert_cmpint(partition_map_file(machine->partition, GUEST_LOAD_ADDRESS, fd, 0, 4096), ==,
			HV_STATUS_SUCCESS);
	run_until(machine->vps[0], &intercept, HV_INTERCEPT_IO_PORT);
	g_assert_cmphex(*(uint8_t *)intercept.io.data, ==, 0x42);
	close(fd);
}

/* Memory that is gone from under the guest ends the VP, not this process. */
static void test_lost_memory(void)
{
	g_autoptr(machine_t) machine = machine_new(MIB, 1, false, GUEST(loop));
	int fd = memfd_create("guest", MFD_CLOEXEC);
	struct hv_intercept intercept;

	g_assert_cmpint(ftruncate(fd, 4096), ==, 0);
	g_assert_cmpint(partition_map_file(machine->partition, GUEST_LOAD_ADDRESS, fd, 0, 4096), ==,
			HV_STATUS_SUCCESS);
	g_assert_cmpint(ftruncate(fd, 0), ==, 0);
	g_assert_cmpint(vp_run(machine->vps[0], &intercept), ==, HV_STATUS_SUCCESS);
	g_assert_cmpstr(hv_intercept_type_name(intercept.type), ==, "unrecoverable");
	g_test_message("reason %u, detail %" G_GUINT64_FORMAT, intercept.error.reason,
		       intercept.error.detail);
	g_assert_cmpint(vp_run(machine->vps[0], &intercept), ==, HV_STATUS_INVALID_VP_STATE);
	close(fd);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	int missing = kvm_missing();
	if (missing != 0)
		return missing;
	g_test_add_func("/kvm/probe", test_probe);
	g_test_add_func("/kvm/properties-refused", test_properties_refused);
	g_test_add_func("/kvm/too-much-memory", test_too_much_memory);
	g_test_add_func("/kvm/no-descriptors", test_no_descriptors);
	g_test_add_func("/kvm/hypervisor-fd", test_hypervisor_fd);
	g_test_add_func("/kvm/access-denied", test_access_denied);
	g_test_add_func("/kvm/vps", test_vps);
	g_test_add_func("/kvm/general-registers", test_general_registers);
	g_test_add_func("/kvm/system-registers", test_system_registers);
	g_test_add_func("/kvm/registers-refused", test_registers_refused);
	g_test_add_func("/kvm/cpuid", test_cpuid);
	g_test_add_func("/kvm/cpuid-built", test_cpuid_built);
	g_test_add_func("/kvm/counters", test_counters);
	g_test_add_func("/kvm/mapped-guest", test_mapped_guest);
	g_test_add_func("/kvm/lost-memory", test_lost_memory);
	return g_test_run();
}
