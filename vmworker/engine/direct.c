/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "direct_private.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "boot.h"
#include "cpuid.h"
#include "hv_error.h"
#include "io_bus.h"
#include "worker_error.h"

/* A VP leaves the guest in microseconds; this much is for a host that hardly runs us. */
#define STOP_TIMEOUT_MS 5000u

/* ---- callbacks from the VP threads ----------------------------------------------------------- */

static void direct_on_halt(void *context, const struct engine_halt *halt)
{
	struct engine *engine = context;

	mailbox_post_halt(engine->mailbox, halt);
}

static void direct_on_line(void *context, uint32_t gsi, bool level)
{
	struct engine *engine = context;

	/* The devices are reset while there is no partition; the new one's lines begin low. */
	if (engine->partition)
		(void)partition_set_interrupt_line(engine->partition, gsi, level);
}

static void direct_on_request(void *context, enum machine_request request, const char *how)
{
	struct engine *engine = context;
	struct engine_halt halt = {
		.what = request == MACHINE_POWER_OFF ? ENGINE_HALT_POWER_OFF : ENGINE_HALT_RESET,
		.vp = vp_group_current(),
	};

	snprintf(halt.detail, sizeof(halt.detail), "%s", how);
	vp_group_halt(engine->group, &halt);
}

static void direct_on_panic(void *context, const char *line, size_t size)
{
	struct engine *engine = context;

	mailbox_post_panic(engine->mailbox, line, size);
}

static void direct_on_crash(void *context, const char *line, size_t size, const char *detail)
{
	struct engine *engine = context;

	mailbox_post_crash(engine->mailbox, line, size, detail);
}

/* On the disks' thread. */
static void direct_on_disk_stopped(void *context, const char *text)
{
	struct engine *engine = context;

	mailbox_post_disk(engine->mailbox, text);
}

static void direct_on_server_lost(void *context, uint32_t controller, uint32_t lun)
{
	struct engine *engine = context;

	mailbox_post_server(engine->mailbox, controller, lun);
}

/* ---- building -------------------------------------------------------------------------------- */

static gboolean hv_failed(struct engine *engine, hv_status status, const char *call, GError **error)
{
	const struct hv_fault fault = {.status = status, .call = call};

	hv_error_set(error, engine->config.vm_name, engine->config.memory, &fault);
	return FALSE;
}

static gboolean direct_build_vps(struct engine *engine, GError **error)
{
	const struct engine_config *config = &engine->config;
	const struct cpuid_topology topology = {
		.sockets = config->sockets ? config->sockets : 1,
		.cores = config->sockets ? config->cores : config->vp_count,
		.threads = config->sockets ? config->threads : 1,
	};
	struct hv_cpuid_entry supported[CPUID_MAX_ENTRIES], table[CPUID_MAX_ENTRIES];
	struct hv *hv = guest_interface_hv(engine->interface);
	size_t n = G_N_ELEMENTS(supported);
	struct hv_fault fault = {0};

	hv_status status = partition_supported_cpuid(engine->partition, supported, &n);
	if (status != HV_STATUS_SUCCESS)
		return hv_failed(engine, status, "reading the supported CPUID", error);
	for (uint32_t i = 0; i < engine->config.vp_count; i++) {
		if (vp_create(engine->partition, i, &engine->vps[i], &fault) != HV_STATUS_SUCCESS) {
			hv_error_set(error, engine->config.vm_name, engine->config.memory, &fault);
			return FALSE;
		}
	}
	status = hv_attach(hv, engine->partition, engine->vps);
	if (status != HV_STATUS_SUCCESS)
		return hv_failed(engine, status, "attaching the hypervisor interface", error);
	for (uint32_t i = 0; i < engine->config.vp_count; i++) {
		/* Without KVM's leaves, which Linux would prefer. */
		size_t n_table =
			cpuid_build(supported, n, &topology, i, false, table, G_N_ELEMENTS(table));
		if (n_table > 0)
			n_table = hv_cpuid_apply(hv, table, n_table, G_N_ELEMENTS(table));
		status = vp_set_cpuid(engine->vps[i], table, n_table);
		if (n_table == 0 || status != HV_STATUS_SUCCESS)
			return hv_failed(engine, status, "setting a processor's CPUID", error);
	}
	return TRUE;
}

/* Boot's errors under the names that callers know. */
static void boot_error_propagate(GError **error, GError *from)
{
	enum worker_error code = g_error_matches(from, BOOT_ERROR, BOOT_ERROR_IO)
					 ? WORKER_ERROR_FAILED
					 : WORKER_ERROR_INVALID_IMAGE;

	g_set_error_literal(error, WORKER_ERROR, (gint)code, from->message);
	g_error_free(from);
}

/* Once the interface is attached. */
static bool direct_has_vmbus(struct engine *engine)
{
	return hv_features_served(guest_interface_hv(engine->interface)).on &
	       HV_FEATURE_BIT(HV_FEATURE_SYNIC);
}

static gboolean direct_load(struct engine *engine, GError **error)
{
	const struct boot_config boot = {
		.kernel_fd = engine->config.kernel_fd,
		.payload_fd = engine->config.payload_fd,
		.initrd_fd = engine->config.initrd_fd,
		.cmdline = engine->config.cmdline,
		.vp_count = engine->config.vp_count,
		.kernel_name = engine->config.kernel_name,
		.initrd_name = engine->config.initrd_name,
		.name = engine->config.vm_name,
		.uuid = engine->config.vm_uuid,
		.no_vmbus = !direct_has_vmbus(engine),
	};
	struct boot_entry entry;
	GError *boot_error = NULL;

	if (!boot_load(engine->partition, &boot, &entry, &boot_error)) {
		boot_error_propagate(error, boot_error);
		return FALSE;
	}
	hv_status status = boot_set_registers(engine->vps[0], &entry);
	if (status != HV_STATUS_SUCCESS)
		return hv_failed(engine, status, "setting the first processor's registers", error);
	return TRUE;
}

/* The guest's memory, processors and kernel: all that a reset makes anew. */
static gboolean direct_build_partition(struct engine *engine, GError **error)
{
	const struct partition_properties properties = {
		.memory_size = engine->config.memory,
		.vp_count = engine->config.vp_count,
		.irqchip = true,
		.hypervisor_fd = engine->hypervisor_fd,
		.pages_fd = engine->pages_fd,
		.synthetic_msrs = true,
		.apic_assist = direct_wants_apic_assist(&engine->config.devices),
	};
	const struct vp_group_config group = {
		.bus = machine_bus(engine->machine),
		.hv = guest_interface_hv(engine->interface),
		.core_per_vp = engine->config.core_per_vp,
		.halted = direct_on_halt,
		.context = engine,
	};
	struct hv_fault fault = {0};

	if (partition_create(&properties, &engine->partition, &fault) != HV_STATUS_SUCCESS) {
		hv_error_set(error, engine->config.vm_name, engine->config.memory, &fault);
		return FALSE;
	}
	if (!direct_build_vps(engine, error) ||
	    !(engine->saved ? direct_saved_load(engine, error) : direct_load(engine, error)))
		return FALSE;
	engine->group = vp_group_new(&group, engine->vps, engine->config.vp_count);
	return TRUE;
}

/* The reverse of it; false when a VP does not stop. */
static bool direct_drop_partition(struct engine *engine)
{
	if (engine->group) {
		if (!vp_group_quit(engine->group, STOP_TIMEOUT_MS))
			return false;
		engine->past_msr_faults += vp_group_msr_faults(engine->group);
		for (uint32_t i = 0; i < engine->config.vp_count; i++) {
			struct vp_statistics now;
			vp_get_statistics(engine->vps[i], &now);
			for (size_t type = 0; type < HV_INTERCEPT_N; type++)
				engine->past[i].intercepts[type] += now.intercepts[type];
		}
		vp_group_free(g_steal_pointer(&engine->group));
	}
	synthetic_stop(g_steal_pointer(&engine->synthetic));
	/* Its timers must not find the partition any more. */
	if (engine->interface)
		hv_detach(guest_interface_hv(engine->interface));
	partition_delete(g_steal_pointer(&engine->partition));
	return true;
}

static gboolean direct_free(struct engine *engine)
{
	if (!engine)
		return TRUE;
	if (!direct_drop_partition(engine))
		return FALSE;
	disk_set_free(engine->disks);
	nic_cables_free(engine->cables);
	guest_interface_free(engine->interface);
	machine_free(engine->machine);
	mailbox_free(engine->mailbox);
	if (engine->hypervisor_fd >= 0)
		close(engine->hypervisor_fd);
	if (engine->pages_fd >= 0)
		close(engine->pages_fd);
	direct_saved_free(engine->saved);
	g_free(engine->past);
	g_free(engine->vps);
	g_free(engine);
	return TRUE;
}

static struct guest_interface *direct_interface_new(struct engine *engine)
{
	const struct hv_features features = direct_features(&engine->config.devices);
	const struct guest_interface_config config = {
		.vp_count = engine->config.vp_count,
		.features = &features,
		.clock = machine_clock(engine->machine),
		.request = direct_on_request,
		.crashed = direct_on_crash,
		.context = engine,
	};

	return guest_interface_new(&config);
}

static gboolean direct_build_disks(struct engine *engine, GError **error)
{
	const struct engine_devices *devices = &engine->config.devices;
	struct disk_set_config config = {
		.disks = devices->disks,
		.n = devices->n_disks,
		.vm_name = engine->config.vm_name,
		.stopped = direct_on_disk_stopped,
		.server_lost = direct_on_server_lost,
		.context = engine,
	};

	/* None now: one may be attached, and a ring can be made only before the sandbox closes. */
	if (!direct_has_vmbus(engine))
		return TRUE;
	memcpy(config.vm_uuid, engine->config.vm_uuid, sizeof(config.vm_uuid));
	engine->disks = disk_set_new(&config, config.n > 0 ? error : NULL);
	return engine->disks ||
	       config.n == 0; /* a host without io_uring is for VMs without disks */
}

static struct engine *direct_build(const struct engine_config *config, GError **error)
{
	struct engine *engine = g_new0(struct engine, 1);
	const struct machine_callbacks callbacks = {
		.line = direct_on_line,
		.request = direct_on_request,
		.panic = direct_on_panic,
		.context = engine,
	};
	struct hv_fault fault = {0};

	engine->config = *config;
	engine->hypervisor_fd = engine->pages_fd = -1;
	if (!direct_check_devices(config, error)) {
		g_free(engine);
		return NULL;
	}
	engine->vps = g_new0(struct vp *, config->vp_count);
	engine->past = g_new0(struct vp_statistics, config->vp_count);
	engine->pages_fd = partition_open_pages();
	engine->hypervisor_fd = partition_open_hypervisor(&fault);
	if (engine->hypervisor_fd < 0)
		hv_error_set(error, config->vm_name, config->memory, &fault);
	else if (direct_saved_open(engine, error) &&
		 (engine->mailbox = mailbox_new(config->event, &config->events, error)) &&
		 (engine->machine =
			  machine_new(config->event, config->console_fd, &callbacks, error)) &&
		 (engine->interface = direct_interface_new(engine)) &&
		 direct_build_partition(engine, error) && direct_build_disks(engine, error) &&
		 (engine->cables = nic_cables_new(config, error)))
		return engine;
	direct_free(engine); /* no thread exists, so nothing can stay behind */
	return NULL;
}

/* ---- running --------------------------------------------------------------------------------- */

static void direct_press_button(void *context)
{
	const struct engine *engine = context;

	machine_power_button(engine->machine);
}

static gboolean direct_run(struct engine *engine, GError **error)
{
	const struct synthetic_config config = {.vm_name = engine->config.vm_name,
						.vp_count = engine->config.vp_count,
						.cables = engine->cables,
						.hv = guest_interface_hv(engine->interface),
						.partition = engine->partition,
						.disks = engine->disks,
						.event = engine->config.event,
						.vsock_fd = engine->config.vsock_fd,
						.press_button = direct_press_button,
						.button = engine,
						.events = engine->config.events};
	bool restored = engine->saved != NULL;

	if (direct_has_vmbus(engine)) {
		engine->synthetic = synthetic_start(&config, error);
		if (!engine->synthetic || (engine->disks && !disk_set_start(engine->disks, error)))
			return FALSE;
	} else if (engine->config.vsock_fd >= 0) {
		/* Who connects is refused, rather than waiting for ever. */
		(void)shutdown(engine->config.vsock_fd, SHUT_RDWR);
	}
	if (!direct_saved_run(engine, error) || !vp_group_run(engine->group, error))
		return FALSE;
	if (restored)
		direct_saved_release(engine);
	return TRUE;
}

gboolean direct_pause(struct engine *engine, GError **error)
{
	/* A reset that failed leaves no processors. */
	if (!engine->group || vp_group_hold(engine->group, STOP_TIMEOUT_MS)) {
		guest_set_paused(direct_guest(engine), true);
		hv_set_paused(guest_interface_hv(engine->interface), true);
		return TRUE;
	}
	g_set_error(
		error, WORKER_ERROR, WORKER_ERROR_TIMED_OUT,
		"virtual machine %s: a virtual processor did not stop within %u s; try again when the host is less busy, or stop the machine",
		engine->config.vm_name, STOP_TIMEOUT_MS / 1000);
	return FALSE;
}

static gboolean direct_resume(struct engine *engine, GError **error)
{
	(void)error;
	hv_set_paused(guest_interface_hv(engine->interface), false);
	guest_set_paused(direct_guest(engine), false);
	if (engine->disks)
		disk_set_resume(engine->disks);
	vp_group_release(engine->group);
	return TRUE;
}

static gboolean direct_reset(struct engine *engine, GError **error)
{
	if (!direct_drop_partition(engine)) {
		g_set_error(
			error, WORKER_ERROR, WORKER_ERROR_TIMED_OUT,
			"virtual machine %s: a virtual processor did not stop within %u s; stop the machine",
			engine->config.vm_name, STOP_TIMEOUT_MS / 1000);
		return FALSE;
	}
	mailbox_clear(engine->mailbox);
	machine_reset(engine->machine);
	return direct_build_partition(engine, error) && direct_run(engine, error);
}

/* ---- devices that come and go ---------------------------------------------------------------- */

static gboolean direct_can_plug(const struct engine *engine, GError **error)
{
	if (engine->synthetic)
		return TRUE;
	g_set_error(error, WORKER_ERROR, WORKER_ERROR_NOT_SUPPORTED,
		    "VM %s: disks and network adapters come by VMBus, which this VM is not given; "
		    "make the hypervisor visible and leave synic on",
		    engine->config.vm_name);
	return FALSE;
}

static gboolean direct_can_plug_disk(const struct engine *engine, GError **error)
{
	if (!direct_can_plug(engine, error))
		return FALSE;
	if (engine->disks)
		return TRUE;
	g_set_error(error, WORKER_ERROR, WORKER_ERROR_NOT_SUPPORTED,
		    "VM %s: it was started without disks on a host that gave it no io_uring; allow "
		    "that (sysctl kernel.io_uring_disabled) and start it again",
		    engine->config.vm_name);
	return FALSE;
}

static gboolean direct_attach_disk(struct engine *engine, const struct engine_disk *disk,
				   GError **error)
{
	return direct_can_plug_disk(engine, error) && disk_set_attach(engine->disks, disk, error);
}

static gboolean direct_detach_disk(struct engine *engine, uint32_t controller, uint32_t lun,
				   GError **error)
{
	return direct_can_plug_disk(engine, error) &&
	       disk_set_detach(engine->disks, controller, lun, error);
}

static gboolean direct_suspend_disk(struct engine *engine, uint32_t controller, uint32_t lun,
				    GError **error)
{
	return direct_can_plug_disk(engine, error) &&
	       disk_set_suspend(engine->disks, controller, lun, error);
}

static gboolean direct_refresh_disk(struct engine *engine, uint32_t controller, uint32_t lun,
				    uint64_t *ret_size, GError **error)
{
	return direct_can_plug_disk(engine, error) &&
	       disk_set_refresh(engine->disks, controller, lun, ret_size, error);
}

static gboolean direct_attach_nic(struct engine *engine, const struct engine_nic *nic,
				  GError **error)
{
	return direct_can_plug(engine, error) &&
	       synthetic_attach_nic(engine->synthetic, nic, error);
}

static gboolean direct_detach_nic(struct engine *engine, const uint8_t mac[6], GError **error)
{
	return direct_can_plug(engine, error) &&
	       synthetic_detach_nic(engine->synthetic, mac, error);
}

static void direct_power_button(struct engine *engine)
{
	if (!guest_shutdown(direct_guest(engine)))
		direct_press_button(engine);
}

static gboolean direct_console(struct engine *engine, uint32_t port, uint32_t flags, int *ret_fd,
			       GError **error)
{
	return machine_console(engine->machine, port, flags, ret_fd, error);
}

/* ---- statistics ------------------------------------------------------------------------------ */

struct counter_prefix {
	const char *prefix;
	engine_counter_visit visit;
	void *context;
};

static void counter_prefixed(void *context, const char *name, uint64_t value)
{
	const struct counter_prefix *to = context;
	char full[128];

	snprintf(full, sizeof(full), "%s%s", to->prefix, name);
	to->visit(to->context, full, value);
}

static void direct_vp_statistics(struct engine *engine, uint32_t i, uint64_t sums[HV_INTERCEPT_N],
				 engine_counter_visit visit, void *context)
{
	struct vp_statistics now;
	char name[64];

	vp_get_statistics(engine->vps[i], &now);
	for (size_t type = 0; type < HV_INTERCEPT_N; type++) {
		uint64_t value = engine->past[i].intercepts[type] + now.intercepts[type];
		sums[type] += value;
		snprintf(name, sizeof(name), "vp.%u.exits.%s", i,
			 hv_intercept_type_name((enum hv_intercept_type)type));
		visit(context, name, value);
	}
	snprintf(name, sizeof(name), "vp.%u.kvm.", i);
	struct counter_prefix kvm = {name, visit, context};
	partition_foreach_counter(engine->partition, engine->vps[i], counter_prefixed, &kvm);
}

static void direct_statistics(struct engine *engine, engine_counter_visit visit, void *context)
{
	uint64_t sums[HV_INTERCEPT_N] = {0};
	struct counter_prefix kvm = {"kvm.", visit, context};
	char name[64];

	for (uint32_t i = 0; i < engine->config.vp_count; i++)
		direct_vp_statistics(engine, i, sums, visit, context);
	for (size_t type = 0; type < HV_INTERCEPT_N; type++) {
		snprintf(name, sizeof(name), "exits.%s",
			 hv_intercept_type_name((enum hv_intercept_type)type));
		visit(context, name, sums[type]);
	}
	partition_foreach_counter(engine->partition, NULL, counter_prefixed, &kvm);
	visit(context, "io.unclaimed", io_bus_unclaimed(machine_bus(engine->machine)));
	visit(context, "msr.faults", engine->past_msr_faults + vp_group_msr_faults(engine->group));
	hv_statistics(guest_interface_hv(engine->interface), visit, context);
	if (engine->synthetic)
		synthetic_statistics(engine->synthetic, visit, context);
	if (engine->disks)
		disk_set_statistics(engine->disks, visit, context);
	visit(context, "console.bytes", machine_console_bytes(engine->machine));
}

const struct engine_ops direct_engine = {
	.name = "direct",
	.build = direct_build,
	.run = direct_run,
	.pause = direct_pause,
	.resume = direct_resume,
	.save = direct_save,
	.reset = direct_reset,
	.attach_disk = direct_attach_disk,
	.detach_disk = direct_detach_disk,
	.suspend_disk = direct_suspend_disk,
	.refresh_disk = direct_refresh_disk,
	.attach_nic = direct_attach_nic,
	.detach_nic = direct_detach_nic,
	.power_button = direct_power_button,
	.console = direct_console,
	.statistics = direct_statistics,
	.describe = direct_describe,
	.type = direct_type,
	.set_pair = direct_set_pair,
	.copy = direct_copy,
	.cancel_copy = direct_cancel_copy,
	.freeze = direct_freeze,
	.thaw = direct_thaw,
	.reboot = direct_reboot,
	.hibernate = direct_hibernate,
	.sync_time = direct_sync_time,
	.host_connected = direct_host_connected,
	.free = direct_free,
};
