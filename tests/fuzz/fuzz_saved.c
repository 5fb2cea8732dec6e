/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A saved machine that anybody made: its file's head and memory, and the state of its devices. */
#include <glib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz_input.h"
#include "partition.h"
#include "quiet_machine.h"
#include "state_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MEMORY (UINT64_C(1) << 20)

/* A guest that looks at everything, and writes what the input goes on with. */
static void use_devices(struct machine *machine, sd_event *event, struct fuzz_input *in)
{
	uint32_t value;

	for (uint64_t port = 0; port < 0xd00; port++)
		io_bus_read(machine_bus(machine), IO_SPACE_PORT, port, 1, 1, &value);
	while (in->size > 0) {
		uint16_t port = fuzz_u16(in) % 0xd00;

		value = fuzz_u32(in);
		io_bus_write(machine_bus(machine), IO_SPACE_PORT, port, 1, 1, &value);
	}
	(void)sd_event_run(event, 0);
	machine_reset(machine);
}

static void take_up_devices(struct fuzz_input *in)
{
	static sd_event *event;
	int consoles[ENGINE_CONSOLES];
	struct state_reader reader;
	struct machine *machine;

	if (!event && sd_event_new(&event) < 0)
		g_error("no event loop");
	for (size_t i = 0; i < ENGINE_CONSOLES; i++)
		consoles[i] = memfd_create("console", MFD_CLOEXEC);
	machine = machine_new(event, consoles, &quiet_callbacks, NULL);
	if (!machine)
		g_error("no machine");
	state_reader_init(&reader, in->data, in->size);
	if (machine_restore(machine, &reader)) {
		in->data = reader.at;
		in->size = (size_t)(reader.end - reader.at);
		use_devices(machine, event, in);
	}
	machine_free(machine);
	for (size_t i = 0; i < ENGINE_CONSOLES; i++)
		close(consoles[i]);
}

static void take_up_file(struct fuzz_input *in)
{
	const struct partition_properties properties = {.memory_size = MEMORY, .vp_count = 1};
	const struct state_file_machine machine = {.memory = MEMORY, .vp_count = 1};
	uint64_t length = (uint64_t)fuzz_u16(in) * 64;
	int fd = memfd_create("state", MFD_CLOEXEC);
	struct partition *partition = NULL;
	struct hv_fault fault;
	size_t size = fuzz_u16(in);

	if (partition_create(&properties, &partition, &fault) != HV_STATUS_SUCCESS)
		g_error("no partition");
	if (write(fd, in->data, in->size) != (ssize_t)in->size || ftruncate(fd, (off_t)length) < 0)
		g_error("no file");
	g_free(state_file_read(fd, &machine, &size, NULL));
	(void)state_file_read_memory(fd, size, partition, NULL);
	partition_delete(partition);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {.data = data, .size = size};

	if (fuzz_u8(&in) % 4 == 3)
		take_up_file(&in);
	else
		take_up_devices(&in);
	return 0;
}
