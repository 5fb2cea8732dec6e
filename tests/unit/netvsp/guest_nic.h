/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guest's side of the synthetic adapter, as a driver would do it, over vmbus_fake. It is
 * written from the protocol and shares no code with the VSP: messages are bytes at offsets. The
 * network is the other end of the back end's socket.
 */
#ifndef GUEST_NIC_H
#define GUEST_NIC_H

#include <linux/virtio_net.h>

#include "fake_vmbus.h"
#include "netvsp.h"

#define GUEST_NIC_CHANNELS	8
#define GUEST_NIC_RECEIVE	(1024u * 1024u)
#define GUEST_NIC_SEND		(256u * 1024u)
#define GUEST_NIC_RECEIVE_ID	0xcafeu
#define GUEST_NIC_RECEIVE_GPADL 7u
#define GUEST_NIC_SEND_GPADL	8u

struct guest_nic_options {
	bool stream;	       /* passt's framing instead of a switch's port */
	bool tap;	       /* or what reads and writes like a TAP */
	unsigned int channels; /* of the adapter; 0: 1 */
	uint32_t version;      /* NVSP; 0: 0x60001 */
	uint32_t mtu;	       /* 0: 1500 */
	bool large_receive;    /* asks for pieces of large frames */
	bool fixed_mac;
	uint64_t send_limit, receive_limit;
	uint32_t receive_size;	     /* bytes of the receive buffer; 0: GUEST_NIC_RECEIVE */
	struct net_backend *backend; /* instead of one with a network behind it; taken over */
};

struct guest_frame {
	uint8_t *data;
	uint32_t size;
	uint32_t checksum, hash, vlan; /* information; UINT32_MAX: none */
	uint32_t n_pieces;	       /* 1 unless it came in pieces */
	unsigned int channel;
};

struct guest_nic {
	struct vmbus *bus;
	struct io_thread *thread;
	struct net_backend *backend;
	struct netvsp *netvsp;
	struct vmbus_device *device;
	int network; /* the other end of the back end */
	bool stream;
	unsigned int n_channels; /* open */
	struct vmbus_channel *channels[GUEST_NIC_CHANNELS];
	uint8_t *receive, *send; /* the guest's buffers */
	uint32_t receive_size, section_size, n_sections, send_section;
	uint32_t request; /* the last RNDIS request */
	uint64_t transaction;
	GQueue frames;	    /* struct guest_frame that came */
	GQueue answers;	    /* GBytes, RNDIS control messages that came */
	GQueue completions; /* GBytes, of what was sent */
	bool unfinished;    /* the last piece that came was not the last of its frame */
	bool keep;	    /* does not complete what it receives */
	GArray *kept;	    /* uint64_t, and the channel in the top byte */
	GHashTable *lent;   /* offset in the receive buffer -> transaction that has it */
	unsigned int indirection_tables, associations;
	uint32_t indirection[16];
};

extern const uint8_t guest_nic_mac[6];

/* The guest's own memory, for an adapter that was made elsewhere; receive_size is set. */
void guest_nic_make_memory(struct guest_nic *nic);
void guest_nic_free_memory(struct guest_nic *nic);
/* Makes the adapter; no channel is open. */
void guest_nic_build(struct guest_nic *nic, const struct guest_nic_options *options);
/* Makes the GPADLs of its buffers. */
void guest_nic_make_gpadls(struct guest_nic *nic);
/* Opens the primary channel and makes them. */
void guest_nic_open(struct guest_nic *nic);
/* All that a driver does until frames flow. */
void guest_nic_start(struct guest_nic *nic, const struct guest_nic_options *options);
/* build, open and start. */
void guest_nic_up(struct guest_nic *nic, const struct guest_nic_options *options);
void guest_nic_free(struct guest_nic *nic);

/* An NVSP message that is answered: returns the answer's size. Fails without one. */
uint32_t guest_nic_ask(struct guest_nic *nic, const void *message, uint32_t size, uint8_t *answer,
		       uint32_t most);
/* One that is not. */
void guest_nic_tell(struct guest_nic *nic, const void *message, uint32_t size);
uint32_t guest_nic_negotiate(struct guest_nic *nic, uint32_t min, uint32_t max); /* status */
uint32_t guest_nic_lend(struct guest_nic *nic, bool send, uint32_t gpadl);	 /* status */

/* RNDIS requests. Return the RNDIS status. */
uint32_t guest_nic_query(struct guest_nic *nic, uint32_t oid, const void *input,
			 uint32_t input_size, void *value, uint32_t most, uint32_t *size);
uint32_t guest_nic_set(struct guest_nic *nic, uint32_t oid, const void *value, uint32_t size);
/* Sends an RNDIS control message as it is; returns the NVSP status of its completion. */
uint32_t guest_nic_control(struct guest_nic *nic, const void *message, uint32_t size);

/* Per-packet information of a frame to send. */
struct guest_info {
	uint32_t type, value;
};
/* An RNDIS packet message, in `message`; returns its size. */
uint32_t guest_nic_wrap(uint8_t *message, const uint8_t *frame, uint32_t size,
			const struct guest_info *info, unsigned int n);
/* Sends a message (one or more RNDIS messages in a row) by its own buffer, in `pieces` pieces, or
 * by a send section; returns the transaction. */
uint64_t guest_nic_send_buffer(struct guest_nic *nic, unsigned int channel, const uint8_t *message,
			       uint32_t size, unsigned int pieces);
uint64_t guest_nic_send_section(struct guest_nic *nic, unsigned int channel, uint32_t section,
				const uint8_t *message, uint32_t size);
/* The status of the oldest completion of a sent packet; 0: none came. */
uint32_t guest_nic_sent(struct guest_nic *nic);

/* Takes all that the VSP sent, completing frames. */
void guest_nic_poll(struct guest_nic *nic);
/* The next frame, waiting for it; NULL: none within a second or so. */
struct guest_frame *guest_nic_receive(struct guest_nic *nic);
void guest_frame_free(struct guest_frame *frame);
/* Holds the adapter and writes it down; guest_nic_release lets it go on. */
void guest_nic_save(struct guest_nic *nic, struct state_writer *writer);
void guest_nic_release(struct guest_nic *nic);
/* A new adapter, made with the same options, takes up what was saved of one that is held, with the
 * guest's memory; it is held too. The old one is gone then, unless the state was refused. */
bool guest_nic_restore(struct guest_nic *nic, const struct guest_nic_options *options,
		       struct state_reader *reader);
/* All of these. */
void guest_nic_move(struct guest_nic *nic, const struct guest_nic_options *options);

/* Completes what was kept. */
void guest_nic_complete_kept(struct guest_nic *nic);

/* The network's side: a frame, with its header on a port. Returns its size; 0: none came. */
size_t guest_nic_network_receive(struct guest_nic *nic, struct virtio_net_hdr *header,
				 uint8_t *frame, size_t most);
void guest_nic_network_send(struct guest_nic *nic, const struct virtio_net_hdr *header,
			    const uint8_t *frame, size_t size);

void put16(uint8_t *at, uint16_t value); /* little-endian */
void put32(uint8_t *at, uint32_t value);
uint32_t get32(const uint8_t *at);

/* Frames for tests: Ethernet to the guest (or from it), IPv4 or IPv6, TCP or UDP, with right
 * checksums and a payload of bytes that count. Returns the size. */
struct test_frame {
	bool from_guest, ip6, udp, vlan;
	uint16_t source_port, destination_port;
	size_t payload;
	uint8_t tcp_flags;
};
size_t test_frame_make(const struct test_frame *wanted, uint8_t *frame);
/* With a number in its last four bytes, whatever its checksum says. */
size_t test_frame_numbered(const struct test_frame *wanted, uint8_t *frame, uint32_t number);
/* The checksums of a frame, computed byte by byte, are right. */
bool test_frame_good(const uint8_t *frame, size_t size);
size_t test_frame_l3(const uint8_t *frame);
size_t test_frame_l4(const uint8_t *frame);

/* ---- for guest_nic_frames.c ------------------------------------------------------------------ */

/* To or from a buffer that the guest lent, whose pages are not in order. */
void guest_nic_copy(uint8_t *memory, uint32_t size, uint32_t offset, uint8_t *data, uint32_t n,
		    bool out);
/* The next of a queue of what came, waiting for it; NULL: none within WAIT_MS. */
gpointer guest_nic_wait(struct guest_nic *nic, GQueue *queue);

#endif
