/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "i8042.h"

#include <glib.h>

enum {
	STATUS_OUTPUT_FULL = 0x01,
	STATUS_SYSTEM = 0x04,  /* the self test passed */
	STATUS_COMMAND = 0x08, /* the last write went to the command port */
	STATUS_UNLOCKED = 0x10,
	STATUS_AUX = 0x20, /* the output buffer holds a byte of the mouse's */
	STATUS_TIMEOUT = 0x40,
	STATUS_BITS = 0x7d, /* of these */

	OUTPUT_RUN = 0x01, /* 0 pulls the processor's reset line */
	OUTPUT_A20 = 0x02,
	OUTPUT_IDLE = 0xcc, /* clock and data lines let go */

	MODE_SYSTEM = 0x04,
	MODE_KEYBOARD_OFF = 0x10,
	MODE_AUX_OFF = 0x20,

	CMD_READ_RAM = 0x20,  /* ..0x3f; byte 0 is the mode */
	CMD_WRITE_RAM = 0x60, /* ..0x7f */
	CMD_AUX_DISABLE = 0xa7,
	CMD_AUX_ENABLE = 0xa8,
	CMD_AUX_TEST = 0xa9,
	CMD_SELF_TEST = 0xaa,
	CMD_KEYBOARD_TEST = 0xab,
	CMD_KEYBOARD_DISABLE = 0xad,
	CMD_KEYBOARD_ENABLE = 0xae,
	CMD_READ_INPUT = 0xc0,
	CMD_READ_OUTPUT = 0xd0,
	CMD_WRITE_OUTPUT = 0xd1,
	CMD_KEYBOARD_LOOP = 0xd2,
	CMD_AUX_LOOP = 0xd3,
	CMD_AUX_SEND = 0xd4,
	CMD_PULSE = 0xf0, /* ..0xff: pulls the output lines whose bits are 0 */

	REPLY_TEST_PASSED = 0x55,
	REPLY_PORT_GOOD = 0x00,
	REPLY_CLOCK_LOW = 0x01,
	REPLY_RESEND = 0xfe, /* comes with STATUS_TIMEOUT: nobody is there */
	REPLY_INPUT_PORT = 0xb0,
};

struct i8042 {
	struct machine_requests requests;

	GMutex lock; /* all below */
	uint8_t status, output, data;
	uint8_t command; /* waits for its parameter; 0: none */
	uint8_t ram[32];
};

static void i8042_reply(struct i8042 *i8042, uint8_t data, uint8_t flags)
{
	i8042->data = data;
	i8042->status &= (uint8_t) ~(STATUS_AUX | STATUS_TIMEOUT);
	i8042->status |= STATUS_OUTPUT_FULL | flags;
}

static void i8042_set_output(struct i8042 *i8042, uint8_t value)
{
	i8042->output = value | OUTPUT_RUN;
	if (!(value & OUTPUT_RUN))
		i8042->requests.request(i8042->requests.context, MACHINE_RESET,
					"keyboard controller");
}

static bool i8042_takes_parameter(uint8_t command)
{
	switch (command) {
	case CMD_WRITE_RAM ... CMD_WRITE_RAM + 0x1f:
	case CMD_WRITE_OUTPUT:
	case CMD_KEYBOARD_LOOP:
	case CMD_AUX_LOOP:
	case CMD_AUX_SEND:
		return true;
	default:
		return false;
	}
}

static void i8042_command(struct i8042 *i8042, uint8_t command)
{
	uint8_t *mode = &i8042->ram[0];

	i8042->command = 0;
	i8042->status |= STATUS_COMMAND;
	switch (command) {
	case CMD_READ_RAM ... CMD_READ_RAM + 0x1f:
		i8042_reply(i8042, i8042->ram[command - CMD_READ_RAM], 0);
		break;
	case CMD_AUX_DISABLE:
		*mode |= MODE_AUX_OFF;
		break;
	case CMD_AUX_ENABLE:
		*mode &= (uint8_t)~MODE_AUX_OFF;
		break;
	case CMD_AUX_TEST: /* no second port: drivers stop looking for a mouse */
		i8042_reply(i8042, REPLY_CLOCK_LOW, 0);
		break;
	case CMD_SELF_TEST:
		i8042->status |= STATUS_SYSTEM;
		i8042_reply(i8042, REPLY_TEST_PASSED, 0);
		break;
	case CMD_KEYBOARD_TEST:
		i8042_reply(i8042, REPLY_PORT_GOOD, 0);
		break;
	case CMD_KEYBOARD_DISABLE:
		*mode |= MODE_KEYBOARD_OFF;
		break;
	case CMD_KEYBOARD_ENABLE:
		*mode &= (uint8_t)~MODE_KEYBOARD_OFF;
		break;
	case CMD_READ_INPUT:
		i8042_reply(i8042, REPLY_INPUT_PORT, 0);
		break;
	case CMD_READ_OUTPUT:
		i8042_reply(i8042, i8042->output, 0);
		break;
	case CMD_PULSE ... 0xff:
		if (!(command & OUTPUT_RUN))
			i8042_set_output(i8042, i8042->output & (uint8_t)~OUTPUT_RUN);
		break;
	default:
		if (i8042_takes_parameter(command))
			i8042->command = command;
		break;
	}
}

/* A byte at the data port: a command's parameter, or something for the keyboard. */
static void i8042_parameter(struct i8042 *i8042, uint8_t value)
{
	uint8_t command = i8042->command;

	i8042->command = 0;
	i8042->status &= (uint8_t)~STATUS_COMMAND;
	switch (command) {
	case CMD_WRITE_RAM ... CMD_WRITE_RAM + 0x1f:
		i8042->ram[command - CMD_WRITE_RAM] = value;
		if (command == CMD_WRITE_RAM && (value & MODE_SYSTEM))
			i8042->status |= STATUS_SYSTEM;
		else if (command == CMD_WRITE_RAM)
			i8042->status &= (uint8_t)~STATUS_SYSTEM;
		break;
	case CMD_WRITE_OUTPUT:
		i8042_set_output(i8042, value);
		break;
	case CMD_KEYBOARD_LOOP:
		i8042_reply(i8042, value, 0);
		break;
	case CMD_AUX_LOOP:
	case CMD_AUX_SEND:
		i8042_reply(i8042, REPLY_RESEND, STATUS_AUX | STATUS_TIMEOUT);
		break;
	default:
		i8042->ram[0] &= (uint8_t)~MODE_KEYBOARD_OFF; /* sending opens the port */
		i8042_reply(i8042, REPLY_RESEND, STATUS_TIMEOUT);
		break;
	}
}

static uint64_t i8042_read_data(void *device, uint64_t offset G_GNUC_UNUSED,
				unsigned int size G_GNUC_UNUSED)
{
	struct i8042 *i8042 = device;
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&i8042->lock);

	i8042->status &= (uint8_t) ~(STATUS_OUTPUT_FULL | STATUS_AUX | STATUS_TIMEOUT);
	return i8042->data;
}

static void i8042_write_data(void *device, uint64_t offset G_GNUC_UNUSED,
			     unsigned int size G_GNUC_UNUSED, uint64_t value)
{
	struct i8042 *i8042 = device;
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&i8042->lock);

	i8042_parameter(i8042, (uint8_t)value);
}

static uint64_t i8042_read_status(void *device, uint64_t offset G_GNUC_UNUSED,
				  unsigned int size G_GNUC_UNUSED)
{
	struct i8042 *i8042 = device;
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&i8042->lock);

	return i8042->status;
}

static void i8042_write_command(void *device, uint64_t offset G_GNUC_UNUSED,
				unsigned int size G_GNUC_UNUSED, uint64_t value)
{
	struct i8042 *i8042 = device;
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&i8042->lock);

	i8042_command(i8042, (uint8_t)value);
}

const struct io_ops i8042_data_ops = {
	.read = i8042_read_data, .write = i8042_write_data, .width = 1};
const struct io_ops i8042_command_ops = {
	.read = i8042_read_status, .write = i8042_write_command, .width = 1};

static void i8042_reset_locked(struct i8042 *i8042)
{
	i8042->status = STATUS_UNLOCKED | STATUS_SYSTEM;
	i8042->output = OUTPUT_RUN | OUTPUT_A20 | OUTPUT_IDLE;
	i8042->data = i8042->command = 0;
	for (size_t i = 0; i < G_N_ELEMENTS(i8042->ram); i++)
		i8042->ram[i] = 0;
	i8042->ram[0] = MODE_SYSTEM | MODE_KEYBOARD_OFF | MODE_AUX_OFF;
}

void i8042_reset(struct i8042 *i8042)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&i8042->lock);

	i8042_reset_locked(i8042);
}

void i8042_save(struct i8042 *i8042, struct state_writer *writer)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&i8042->lock);

	state_begin(writer, "i8042", 1);
	state_put_u8(writer, i8042->status);
	state_put_u8(writer, i8042->output);
	state_put_u8(writer, i8042->data);
	state_put_u8(writer, i8042->command);
	state_put_bytes(writer, i8042->ram, sizeof(i8042->ram));
	state_end(writer);
}

bool i8042_restore(struct i8042 *i8042, struct state_reader *reader)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&i8042->lock);

	if (!state_enter(reader, "i8042", 1))
		return false;
	i8042->status = state_get_u8(reader);
	i8042->output = state_get_u8(reader);
	i8042->data = state_get_u8(reader);
	i8042->command = state_get_u8(reader);
	state_get_bytes(reader, i8042->ram, sizeof(i8042->ram));
	if ((i8042->status & ~STATUS_BITS) || !(i8042->output & OUTPUT_RUN) ||
	    (i8042->command && !i8042_takes_parameter(i8042->command)))
		state_fail(reader, "registers as no controller has them");
	state_leave(reader);
	return state_ok(reader);
}

struct i8042 *i8042_new(const struct machine_requests *requests)
{
	struct i8042 *i8042 = g_new0(struct i8042, 1);

	i8042->requests = *requests;
	g_mutex_init(&i8042->lock);
	i8042_reset_locked(i8042);
	return i8042;
}

void i8042_free(struct i8042 *i8042)
{
	if (!i8042)
		return;
	g_mutex_clear(&i8042->lock);
	g_free(i8042);
}
