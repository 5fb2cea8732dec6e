/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The adapters of a machine: descriptors become cables, cables outlive the guest's bus. */
#include <dirent.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest_nic.h"
#include "synthetic_nics.h"
#include "worker_error.h"

static const uint8_t uuid[16] = {0x12, 0x34, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};

static struct engine_config config_of(const struct engine_nic *nics, size_t n)
{
	struct engine_config config = {.vm_name = "web1", .devices = {.nics = nics, .n_nics = n}};

	memcpy(config.vm_uuid, uuid, sizeof(uuid));
	return config;
}

static struct engine_nic nic_of(enum engine_nic_type type, uint8_t last)
{
	struct engine_nic nic = {.type = type, .connected = true, .mtu = 1500};

	memcpy(nic.mac, guest_nic_mac, 6);
	nic.mac[5] = (uint8_t)(nic.mac[5] + last);
	return nic;
}

static struct nic_cables *cables_of(const struct engine_nic *nics, size_t n)
{
	const struct engine_config config = config_of(nics, n);
	g_autoptr(GError) error = NULL;
	struct nic_cables *cables = nic_cables_new(&config, &error);

	g_assert_no_error(error);
	g_assert_nonnull(cables);
	return cables;
}

static struct synthetic_nics *nics_of(struct nic_cables *cables, struct vmbus *bus, uint32_t vps)
{
	g_autoptr(GError) error = NULL;
	struct synthetic_nics *nics = synthetic_nics_start(cables, bus, vps, &error);

	g_assert_no_error(error);
	g_assert_nonnull(nics);
	return nics;
}

struct counter {
	const char *name;
	uint64_t value;
	unsigned int found;
};

static void on_counter(void *context, const char *name, uint64_t value)
{
	struct counter *counter = context;

	if (strcmp(name, counter->name) == 0) {
		counter->value = value;
		counter->found++;
	}
}

static uint64_t counter_of(struct synthetic_nics *nics, const char *name)
{
	struct counter counter = {.name = name};

	synthetic_nics_statistics(nics, on_counter, &counter);
	g_assert_cmpuint(counter.found, ==, 1);
	return counter.value;
}

static unsigned int open_files(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned int n = 0;

	g_assert_nonnull(directory);
	while (readdir(directory))
		n++;
	closedir(directory);
	return n;
}

/* ---- a guest on an adapter that was made elsewhere ------------------------------------------- */

static void driver_up(struct guest_nic *guest, struct vmbus *bus, int network, bool stream)
{
	const struct guest_nic_options options = {.stream = stream};

	*guest = (struct guest_nic){
		.bus = bus, .network = network, .stream = stream, .transaction = 100};
	guest->device = fake_vmbus_find(bus, "nic0");
	g_assert_nonnull(guest->device);
	guest->thread = fake_device_config(guest->device)->thread;
	guest->receive_size = GUEST_NIC_RECEIVE;
	guest_nic_make_memory(guest);
	guest_nic_open(guest);
	guest_nic_start(guest, &options);
}

static void driver_down(struct guest_nic *guest)
{
	fake_channel_close(guest->channels[0]);
	guest_nic_free_memory(guest);
}

/* A frame each way. */
static void ping(struct guest_nic *guest)
{
	struct test_frame out = {.from_guest = true, .udp = true, .payload = 100};
	struct test_frame in = {.udp = true, .payload = 200};
	uint8_t frame[2048], message[2048], got[2048];
	struct virtio_net_hdr header;
	struct guest_frame *received;
	size_t size = test_frame_make(&out, frame);
	uint32_t n = guest_nic_wrap(message, frame, (uint32_t)size, NULL, 0);

	guest_nic_send_buffer(guest, 0, message, n, 1);
	g_assert_cmpuint(guest_nic_sent(guest), ==, 1);
	g_assert_cmpuint(guest_nic_network_receive(guest, &header, got, sizeof(got)), ==, size);
	g_assert_cmpint(memcmp(got, frame, size), ==, 0);
	size = test_frame_make(&in, frame);
	guest_nic_network_send(guest, NULL, frame, size);
	received = guest_nic_receive(guest);
	g_assert_nonnull(received);
	g_assert_cmpuint(received->size, ==, size);
	guest_frame_free(received);
}

/* What the lender closes afterwards stays plugged in, over a reset of the guest, too. */
static void test_life(gconstpointer data)
{
	bool stream = GPOINTER_TO_INT(data);
	struct engine_nic nic = nic_of(stream ? ENGINE_NIC_USER : ENGINE_NIC_PRIVATE, 0);
	struct vmbus_guid before = {0};
	struct nic_cables *cables;
	int pair[2];

	g_assert_cmpint(socketpair(AF_UNIX, (stream ? SOCK_STREAM : SOCK_SEQPACKET) | SOCK_CLOEXEC,
				   0, pair),
			==, 0);
	nic.fds[0] = pair[1];
	nic.n_fds = 1;
	cables = cables_of(&nic, 1);
	close(pair[1]);
	for (int i = 0; i < 2; i++) {
		struct vmbus *bus = fake_vmbus_new();
		struct synthetic_nics *nics = nics_of(cables, bus, 1);
		struct guest_nic guest;
		struct vmbus_guid now;

		driver_up(&guest, bus, pair[0], stream);
		now = fake_device_config(guest.device)->instance_id;
		ping(&guest);
		g_assert_cmpuint(counter_of(nics, "nic.0.sent"), ==, 1);
		g_assert_cmpuint(counter_of(nics, "nic.0.received"), ==, 1);
		g_assert_cmpuint(counter_of(nics, "nic.0.link"), ==, 1);
		g_assert_cmpuint(counter_of(nics, "nic.0.channels"), ==, 1);
		g_assert_cmpuint(counter_of(nics, "nic.0.version"), ==, 0x60001);
		g_assert_cmpuint(counter_of(nics, "nic.0.faults"), ==, 0);
		g_assert_cmpint(memcmp(&now, &before, sizeof(now)) == 0, ==, i > 0);
		before = now;
		driver_down(&guest);
		synthetic_nics_stop(nics);
		fake_vmbus_free(bus);
	}
	nic_cables_free(cables);
	close(pair[0]);
}

/* The other side sees the end of the VM: passt ends by it. */
static void test_hang_up(void)
{
	struct engine_nic nic = nic_of(ENGINE_NIC_USER, 0);
	struct nic_cables *cables;
	int pair[2];
	char byte;

	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
	nic.fds[0] = pair[1];
	nic.n_fds = 1;
	cables = cables_of(&nic, 1);
	close(pair[1]);
	g_assert_cmpint(recv(pair[0], &byte, 1, MSG_DONTWAIT), ==, -1);
	nic_cables_free(cables);
	g_assert_cmpint(recv(pair[0], &byte, 1, MSG_DONTWAIT), ==, 0);
	close(pair[0]);
}

/* ---- what the guest is offered --------------------------------------------------------------- */

static struct vmbus_guid instance_of(const struct engine_config *config)
{
	struct nic_cables *cables = nic_cables_new(config, NULL);
	struct vmbus *bus = fake_vmbus_new();
	struct synthetic_nics *nics = nics_of(cables, bus, 1);
	struct vmbus_guid guid = fake_device_config(fake_vmbus_find(bus, "nic0"))->instance_id;

	synthetic_nics_stop(nics);
	fake_vmbus_free(bus);
	nic_cables_free(cables);
	return guid;
}

/* Of the machine and the address, and of nothing else. */
static void test_instance(void)
{
	/* Fixed for ever: interfaces in guests are named after it. */
	static const uint8_t known[16] = {0x56, 0xb9, 0x5d, 0x00, 0x6e, 0x66, 0x88, 0x88,
					  0xbd, 0x84, 0x9c, 0x25, 0x13, 0x6a, 0xdf, 0x57};
	struct engine_nic nic = nic_of(ENGINE_NIC_NONE, 0);
	struct engine_config config = config_of(&nic, 1);
	struct vmbus_guid first = instance_of(&config), other;

	g_assert_cmpint(memcmp(first.bytes, known, 16), ==, 0);
	nic.bandwidth = 1000000;
	nic.connected = false;
	config.vm_name = "renamed";
	other = instance_of(&config);
	g_assert_cmpint(memcmp(first.bytes, other.bytes, 16), ==, 0);
	nic.mac[5]++;
	other = instance_of(&config);
	g_assert_cmpint(memcmp(first.bytes, other.bytes, 16), !=, 0);
	nic.mac[5]--;
	config.vm_uuid[0]++;
	other = instance_of(&config);
	g_assert_cmpint(memcmp(first.bytes, other.bytes, 16), !=, 0);
}

static void test_many(void)
{
	struct engine_nic nics[VMMS_MAX_NICS];
	struct nic_cables *cables;
	struct vmbus *bus = fake_vmbus_new();
	struct synthetic_nics *adapters;

	for (size_t i = 0; i < VMMS_MAX_NICS; i++) {
		nics[i] = nic_of(ENGINE_NIC_NONE, (uint8_t)i);
		nics[i].connected = i % 2 == 0;
	}
	cables = cables_of(nics, VMMS_MAX_NICS);
	adapters = nics_of(cables, bus, VMMS_MAX_VPS);
	for (size_t i = 0; i < VMMS_MAX_NICS; i++) {
		g_autofree char *name = g_strdup_printf("nic%zu", i);
		struct vmbus_device *device = fake_vmbus_find(bus, name);
		g_assert_nonnull(device);
		g_assert_cmpuint(fake_device_config(device)->max_sub_channels, ==,
				 NETVSP_CHANNELS_MAX - 1);
	}
	g_assert_cmpuint(counter_of(adapters, "nic.7.link"), ==, 0);
	synthetic_nics_stop(adapters);
	nic_cables_free(cables);
	fake_vmbus_free(bus);
}

/* The cable is out although there is something at its end. */
static void test_unplugged(void)
{
	struct engine_nic nic = nic_of(ENGINE_NIC_PRIVATE, 0);
	struct vmbus *bus = fake_vmbus_new();
	struct synthetic_nics *nics;
	struct nic_cables *cables;
	int pair[2];

	g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), ==, 0);
	nic.fds[0] = pair[1];
	nic.n_fds = 1;
	nic.connected = false;
	cables = cables_of(&nic, 1);
	nics = nics_of(cables, bus, 1);
	g_assert_cmpuint(counter_of(nics, "nic.0.link"), ==, 0);
	synthetic_nics_stop(nics);
	nic_cables_free(cables);
	fake_vmbus_free(bus);
	close(pair[0]);
	close(pair[1]);
}

/* A guest may not send under another's address, nor faster than it is allowed to. */
static void test_limits(void)
{
	struct test_frame out = {.from_guest = true, .udp = true, .payload = 1000};
	struct engine_nic nic = nic_of(ENGINE_NIC_PRIVATE, 1); /* not the address of the frames */
	struct vmbus *bus = fake_vmbus_new();
	uint8_t frame[2048], message[2048];
	struct synthetic_nics *nics;
	struct nic_cables *cables;
	struct guest_nic guest;
	int pair[2];
	uint32_t size;

	g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), ==, 0);
	nic.fds[0] = pair[1];
	nic.n_fds = 1;
	nic.bandwidth = 4096;
	cables = cables_of(&nic, 1);
	nics = nics_of(cables, bus, 1);
	driver_up(&guest, bus, pair[0], false);
	size = (uint32_t)test_frame_make(&out, frame);
	for (int i = 0; i < 100; i++) {
		guest_nic_send_buffer(&guest, 0, message,
				      guest_nic_wrap(message, frame, size, NULL, 0), 1);
		if (i == 0) {
			g_assert_cmpuint(counter_of(nics, "nic.0.send-invalid"), ==, 1);
			frame[11]++; /* its own from now on */
		}
	}
	g_assert_cmpuint(counter_of(nics, "nic.0.send-invalid"), ==, 1);
	g_assert_cmpuint(counter_of(nics, "nic.0.sent"), <, 99);
	g_assert_cmpuint(counter_of(nics, "nic.0.throttled"), >, 0);
	driver_down(&guest);
	synthetic_nics_stop(nics);
	nic_cables_free(cables);
	fake_vmbus_free(bus);
	close(pair[0]);
	close(pair[1]);
}

/* ---- adapters that come and go --------------------------------------------------------------- */

static void attach(struct nic_cables *cables, struct synthetic_nics *nics,
		   const struct engine_nic *nic)
{
	g_autoptr(GError) error = NULL;

	g_assert_true(synthetic_nics_attach(cables, nics, nic, &error));
	g_assert_no_error(error);
}

/* The first one of a machine that had none, into a bus that a guest uses; and after a reset. */
static void test_attach(void)
{
	struct engine_nic nic = nic_of(ENGINE_NIC_PRIVATE, 0);
	struct vmbus *bus = fake_vmbus_new();
	struct nic_cables *cables = cables_of(NULL, 0);
	struct synthetic_nics *nics = nics_of(cables, bus, 2);
	uint8_t macs[VMMS_MAX_NICS][6];
	struct guest_nic guest;
	int pair[2];
	char byte;

	g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), ==, 0);
	nic.fds[0] = pair[1];
	nic.n_fds = 1;
	attach(cables, nics, &nic);
	close(pair[1]);
	g_assert_cmpuint(nic_cables_macs(cables, macs), ==, 1);
	g_assert_cmpint(memcmp(macs[0], nic.mac, 6), ==, 0);
	driver_up(&guest, bus, pair[0], false);
	ping(&guest);
	driver_down(&guest);
	synthetic_nics_stop(nics);
	nics = nics_of(cables, bus, 2);
	driver_up(&guest, bus, pair[0], false);
	ping(&guest);
	g_assert_cmpuint(counter_of(nics, "nic.0.sent"), ==, 1);
	/* It goes while the guest has it open. */
	g_assert_true(synthetic_nics_detach(cables, nics, nic.mac, NULL));
	g_assert_null(fake_vmbus_find(bus, "nic0"));
	g_assert_cmpint(recv(pair[0], &byte, 1, MSG_DONTWAIT), ==, 0);
	g_assert_cmpuint(nic_cables_macs(cables, macs), ==, 0);
	g_array_free(guest.kept, TRUE);
	g_free(guest.receive);
	g_free(guest.send);
	g_queue_clear_full(&guest.answers, (GDestroyNotify)g_bytes_unref);
	g_queue_clear_full(&guest.completions, (GDestroyNotify)g_bytes_unref);
	synthetic_nics_stop(nics);
	fake_vmbus_free(bus);
	nic_cables_free(cables);
	close(pair[0]);
}

/* The others stay what they are, in their order, and a name is given once. */
static void test_detach_middle(void)
{
	struct engine_nic given[3] = {nic_of(ENGINE_NIC_NONE, 0), nic_of(ENGINE_NIC_NONE, 1),
				      nic_of(ENGINE_NIC_NONE, 2)};
	struct nic_cables *cables = cables_of(given, 3);
	struct vmbus *bus = fake_vmbus_new();
	struct synthetic_nics *nics = nics_of(cables, bus, 1);
	uint8_t macs[VMMS_MAX_NICS][6];
	struct vmbus_device *last = fake_vmbus_find(bus, "nic2");

	g_assert_true(synthetic_nics_detach(cables, nics, given[1].mac, NULL));
	g_assert_null(fake_vmbus_find(bus, "nic1"));
	g_assert_true(fake_vmbus_find(bus, "nic2") == last);
	g_assert_cmpuint(nic_cables_macs(cables, macs), ==, 2);
	g_assert_cmpint(memcmp(macs[1], given[2].mac, 6), ==, 0);
	g_assert_cmpuint(counter_of(nics, "nic.1.sent"), ==, 0);
	given[1].mac[4]++;
	attach(cables, nics, &given[1]);
	g_assert_nonnull(fake_vmbus_find(bus, "nic1"));
	g_assert_cmpuint(nic_cables_macs(cables, macs), ==, 3);
	g_assert_cmpint(memcmp(macs[2], given[1].mac, 6), ==, 0);
	synthetic_nics_stop(nics);
	fake_vmbus_free(bus);
	nic_cables_free(cables);
}

static void attach_refused(struct nic_cables *cables, struct synthetic_nics *nics,
			   const struct engine_nic *nic, int code, const char *part)
{
	unsigned int files = open_files();
	g_autoptr(GError) error = NULL;

	g_assert_false(synthetic_nics_attach(cables, nics, nic, &error));
	g_assert_error(error, WORKER_ERROR, code);
	if (!strstr(error->message, part) || !g_str_has_prefix(error->message, "VM web1: "))
		g_error("\"%s\" lacks \"%s\"", error->message, part);
	g_assert_cmpuint(open_files(), ==, files);
}

static void test_attach_refused(void)
{
	struct engine_nic nic = nic_of(ENGINE_NIC_NONE, 0), wrong = nic_of(ENGINE_NIC_USER, 50);
	struct nic_cables *cables = cables_of(&nic, 1);
	struct vmbus *bus = fake_vmbus_new();
	struct synthetic_nics *nics = nics_of(cables, bus, 1);
	g_autoptr(GError) error = NULL;

	attach_refused(cables, nics, &nic, WORKER_ERROR_INVALID_ARGUMENT,
		       "there is one of this address already");
	attach_refused(cables, nics, &wrong, WORKER_ERROR_FAILED, "'nic1'");
	nic.mac[5]++;
	fake_vmbus_fail_offers(bus, 1);
	attach_refused(cables, nics, &nic, WORKER_ERROR_FAILED, "adapter ");
	g_assert_false(synthetic_nics_detach(cables, nics, nic.mac, &error));
	g_assert_error(error, WORKER_ERROR, WORKER_ERROR_INVALID_ARGUMENT);
	for (int i = 1; i < (int)VMMS_MAX_NICS; i++) {
		attach(cables, nics, &nic);
		nic.mac[5]++;
	}
	attach_refused(cables, nics, &nic, WORKER_ERROR_INVALID_ARGUMENT,
		       "as many as there may be");
	synthetic_nics_stop(nics);
	fake_vmbus_free(bus);
	nic_cables_free(cables);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void assert_refused(const struct engine_config *config, int code, const char *part)
{
	unsigned int files = open_files();
	g_autoptr(GError) error = NULL;

	g_assert_null(nic_cables_new(config, &error));
	g_assert_error(error, WORKER_ERROR, code);
	if (!strstr(error->message, part) || !g_str_has_prefix(error->message, "VM web1: "))
		g_error("\"%s\" lacks \"%s\"", error->message, part);
	g_assert_cmpuint(open_files(), ==, files);
}

/* Without VMBus there are none, which the engine has seen to before. */
static void test_none(void)
{
	struct engine_config config = config_of(NULL, 0);
	struct nic_cables *cables = nic_cables_new(&config, NULL);

	g_assert_nonnull(cables);
	nic_cables_free(cables);
}

static void test_wrong_descriptors(void)
{
	static const struct {
		enum engine_nic_type type;
		const char *part;
	} cases[] = {
		{ENGINE_NIC_USER, "'nic1' cannot be used, it is no stream socket"},
		{ENGINE_NIC_BRIDGE, "'nic1' cannot be used, it is no TAP"},
		{ENGINE_NIC_PRIVATE, "'nic1'"},
	};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	g_assert_cmpint(null, >=, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct engine_nic nics[2] = {nic_of(ENGINE_NIC_NONE, 0), nic_of(cases[i].type, 1)};
		struct engine_config config = config_of(nics, 2);

		nics[1].fds[0] = null;
		nics[1].n_fds = 1;
		assert_refused(&config, WORKER_ERROR_FAILED, cases[i].part);
		nics[1].n_fds = 0;
		assert_refused(&config, WORKER_ERROR_FAILED, "'nic1'");
	}
	g_assert_cmpint(fcntl(null, F_GETFD), >=, 0); /* the lender's still */
	close(null);
}

/* A bus without room: nothing stays, and the cables can be used again. */
static void test_bus_full(void)
{
	struct engine_nic nics[2] = {nic_of(ENGINE_NIC_NONE, 0), nic_of(ENGINE_NIC_NONE, 1)};
	struct nic_cables *cables = cables_of(nics, 2);
	struct vmbus *bus = fake_vmbus_new();
	unsigned int files = open_files();
	g_autoptr(GError) error = NULL;

	fake_vmbus_fail_offers(bus, 1);
	g_assert_null(synthetic_nics_start(cables, bus, 2, &error));
	g_assert_nonnull(error);
	g_assert_null(fake_vmbus_find(bus, "nic0"));
	g_assert_cmpuint(open_files(), ==, files);
	synthetic_nics_stop(nics_of(cables, bus, 2));
	synthetic_nics_stop(NULL);
	synthetic_nics_statistics(NULL, on_counter, NULL);
	fake_vmbus_free(bus);
	nic_cables_free(cables);
	nic_cables_free(NULL);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_data_func("/worker/nics/life/user", GINT_TO_POINTER(1), test_life);
	g_test_add_data_func("/worker/nics/life/private", GINT_TO_POINTER(0), test_life);
	g_test_add_func("/worker/nics/hang-up", test_hang_up);
	g_test_add_func("/worker/nics/instance", test_instance);
	g_test_add_func("/worker/nics/many", test_many);
	g_test_add_func("/worker/nics/unplugged", test_unplugged);
	g_test_add_func("/worker/nics/limits", test_limits);
	g_test_add_func("/worker/nics/none", test_none);
	g_test_add_func("/worker/nics/wrong-descriptors", test_wrong_descriptors);
	g_test_add_func("/worker/nics/bus-full", test_bus_full);
	g_test_add_func("/worker/nics/attach", test_attach);
	g_test_add_func("/worker/nics/detach-middle", test_detach_middle);
	g_test_add_func("/worker/nics/attach-refused", test_attach_refused);
	return g_test_run();
}
