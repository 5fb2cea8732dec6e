/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames, out of the guest and on the network's side. */
#include "guest_nic.h"

#include "net_backends.h"
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- the guest ---- */

uint32_t guest_nic_wrap(uint8_t *message, const uint8_t *frame, uint32_t size,
			const struct guest_info *info, unsigned int n)
{
	uint32_t at = 44;

	memset(message, 0, 44);
	for (unsigned int i = 0; i < n; i++, at += 16) {
		put32(message + at, 16);
		put32(message + at + 4, info[i].type);
		put32(message + at + 8, 12);
		put32(message + at + 12, info[i].value);
	}
	put32(message, 1);
	put32(message + 4, at + size);
	put32(message + 8, at - 8);
	put32(message + 12, size);
	if (n) {
		put32(message + 28, 36);
		put32(message + 32, 16 * n);
	}
	memcpy(message + at, frame, size);
	return at + size;
}

uint64_t guest_nic_send_buffer(struct guest_nic *nic, unsigned int channel, const uint8_t *message,
			       uint32_t size, unsigned int pieces)
{
	struct iovec iov[64];
	uint8_t nvsp[40] = {0};

	put32(nvsp, 107);
	put32(nvsp + 8, UINT32_MAX);
	for (unsigned int i = 0; i < pieces; i++) {
		uint32_t from = (uint32_t)((uint64_t)size * i / pieces);
		uint32_t to = (uint32_t)((uint64_t)size * (i + 1) / pieces);

		iov[i] = (struct iovec){(void *)(uintptr_t)(message + from), to - from};
	}
	fake_channel_send(nic->channels[channel],
			  &(struct fake_packet){.type = VMBUS_PACKET_DATA_USING_GPA_DIRECT,
						.flags = VMBUS_PACKET_WANTS_COMPLETION,
						.transaction_id = nic->transaction,
						.payload = nvsp,
						.size = sizeof(nvsp),
						.buffer = iov,
						.n_buffer = pieces});
	return nic->transaction++;
}

uint64_t guest_nic_send_section(struct guest_nic *nic, unsigned int channel, uint32_t section,
				const uint8_t *message, uint32_t size)
{
	uint8_t nvsp[40] = {0};

	guest_nic_copy(nic->send, GUEST_NIC_SEND, section * nic->send_section,
		       (uint8_t *)(uintptr_t)message, size, true);
	put32(nvsp, 107);
	put32(nvsp + 8, section);
	put32(nvsp + 12, size);
	fake_channel_send(nic->channels[channel],
			  &(struct fake_packet){.flags = VMBUS_PACKET_WANTS_COMPLETION,
						.transaction_id = nic->transaction,
						.payload = nvsp,
						.size = sizeof(nvsp)});
	return nic->transaction++;
}

uint32_t guest_nic_sent(struct guest_nic *nic)
{
	g_autoptr(GBytes) bytes = guest_nic_wait(nic, &nic->completions);
	const uint8_t *data;

	if (!bytes)
		return 0;
	data = g_bytes_get_data(bytes, NULL);
	g_assert_cmpuint(g_bytes_get_size(bytes), >=, 8);
	g_assert_cmpuint(get32(data), ==, 108);
	return get32(data + 4);
}

static size_t network_read(struct guest_nic *nic, void *to, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = recv(nic->network, (uint8_t *)to + done, size - done,
				 done == 0 ? MSG_DONTWAIT : 0);

		if (n <= 0)
			return 0;
		done += (size_t)n;
	}
	return done;
}

size_t guest_nic_network_receive(struct guest_nic *nic, struct virtio_net_hdr *header,
				 uint8_t *frame, size_t most)
{
	struct iovec iov[2] = {{header, sizeof(*header)}, {frame, most}};
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = 2};
	uint8_t prefix[4];
	size_t size;
	ssize_t n;

	if (!nic->stream) {
		n = recvmsg(nic->network, &message, MSG_DONTWAIT);
		return n < 0 ? 0 : (size_t)n - sizeof(*header);
	}
	memset(header, 0, sizeof(*header));
	if (network_read(nic, prefix, 4) == 0)
		return 0;
	size = (size_t)prefix[1] << 16 | (size_t)prefix[2] << 8 | prefix[3];
	g_assert_cmpuint(size, <=, most);
	g_assert_cmpuint(network_read(nic, frame, size), ==, size);
	return size;
}

void guest_nic_network_send(struct guest_nic *nic, const struct virtio_net_hdr *header,
			    const uint8_t *frame, size_t size)
{
	static const struct virtio_net_hdr plain;
	uint8_t prefix[4] = {0, (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size};
	struct iovec iov[2] = {{(void *)(uintptr_t)(header ? header : &plain), sizeof(plain)},
			       {(void *)(uintptr_t)frame, size}};
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = 2};

	if (nic->stream)
		iov[0] = (struct iovec){prefix, 4};
	g_assert_cmpint(sendmsg(nic->network, &message, 0), ==,
			(ssize_t)(iov[0].iov_len + iov[1].iov_len));
}
