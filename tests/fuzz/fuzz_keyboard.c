/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest's messages to the keyboard, and what is typed: text and names of keys. */
#include <string.h>

#include "fake_io.h"
#include "fake_vmbus.h"
#include "keyboard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t fuzz_now(void *context)
{
	return fake_io_now(context);
}

static void fuzz_type(struct keyboard *keyboard, const uint8_t *data, size_t size, bool names)
{
	g_autofree char *text = g_strndup((const char *)data, size);
	g_autoptr(GArray) strokes =
		names ? scan_code_of_combination(text, NULL) : scan_code_of_text(text, NULL);

	if (strokes)
		keyboard_press(keyboard, (const struct keystroke *)(void *)strokes->data,
			       strokes->len);
}

static void fuzz_step(struct vmbus_channel *channel, struct keyboard *keyboard,
		      struct io_thread *thread, const uint8_t *data, size_t size)
{
	struct fake_packet packet = {.payload = data + 2, .size = (uint32_t)size - 2};

	switch (data[0] & 3) {
	case 0:
	case 1:
		fuzz_type(keyboard, data + 2, size - 2, data[0] & 1);
		break;
	case 2:
		fake_io_advance(thread, (uint64_t)data[0] * 1000000);
		if (fake_channel_is_open(channel))
			fake_channel_limit(channel, data[0] & 4 ? UINT32_MAX : data[0]);
		break;
	case 3:
		packet.flags = data[0] >> 2 & 1;
		packet.type = data[0] & 8 ? VMBUS_PACKET_COMPLETION : VMBUS_PACKET_DATA_INBAND;
		if (fake_channel_is_open(channel))
			fake_channel_send(channel, &packet);
		break;
	}
	fake_io_settle(thread);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vmbus *bus = fake_vmbus_new();
	struct io_thread *thread = io_thread_new("fuzz", NULL);
	struct keyboard *keyboard = keyboard_new(
		&(struct keyboard_config){
			.bus = bus, .thread = thread, .monotonic_ns = fuzz_now, .context = thread},
		NULL);
	struct vmbus_channel *channel = fake_channel_open(fake_vmbus_nth(bus, 0), 0, NULL);

	while (size >= 2) {
		size_t n = MIN(2 + (size_t)data[1], size);

		fuzz_step(channel, keyboard, thread, data, n);
		data += n;
		size -= n;
	}
	keyboard_free(keyboard);
	fake_vmbus_free(bus);
	io_thread_free(thread);
	return 0;
}
