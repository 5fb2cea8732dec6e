/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How vmms-nbd, which keeps one qemu-nbd, is told what to serve: the first message on its
 * SOCK_SEQPACKET socket, with the descriptors of a listening socket and of each layer. The other
 * end of that socket is its life: when the last copy is closed, the server ends. When qemu-nbd ends
 * before, its last words come as one message, and then the end.
 */
#ifndef VMMS_IMAGE_SERVER_WIRE_H
#define VMMS_IMAGE_SERVER_WIRE_H

#include <stdint.h>

#define VMMS_NBD_SOCKET	   "nbd" /* in the runtime directory: vmms-nbd.socket */
#define VMMS_NBD_MAGIC	   "VMMSNB1"
#define VMMS_NBD_LAYERS	   8u /* an image, and those that it is based on */
#define VMMS_NBD_WORDS_MAX 1000u

enum vmms_nbd_format {
	VMMS_NBD_RAW,
	VMMS_NBD_QCOW2,
	VMMS_NBD_VHD,
	VMMS_NBD_VHDX,
	VMMS_NBD_FORMATS,
};

enum vmms_nbd_cache {
	VMMS_NBD_WRITEBACK,
	VMMS_NBD_WRITETHROUGH,
	VMMS_NBD_NONE,
	VMMS_NBD_UNSAFE,
	VMMS_NBD_CACHES,
};

struct vmms_nbd_order {
	char magic[8];
	uint8_t n_layers;		  /* 1 to VMMS_NBD_LAYERS; the first is the disk's */
	uint8_t formats[VMMS_NBD_LAYERS]; /* enum vmms_nbd_format */
	uint8_t cache;			  /* enum vmms_nbd_cache */
	uint8_t read_only, discard;	  /* 0, 1 */
	uint8_t lasting; /* 0, 1: also without a client; else it ends with the first one */
	uint8_t zero[3];
	uint64_t size; /* bytes that the image is given before it is served; 0: as it is */
};

_Static_assert(sizeof(struct vmms_nbd_order) == 32, "wire");

#endif
