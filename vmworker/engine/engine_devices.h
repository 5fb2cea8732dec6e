/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The disks and adapters that an engine is to give its guest, and what it may show of itself: as
 * the definition has them, with descriptors that vmmsd has opened. Strings and descriptors are
 * the lender's, who may close them once the engine has them.
 */
#ifndef ENGINE_DEVICES_H
#define ENGINE_DEVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmms1.h"

enum engine_disk_format {
	ENGINE_DISK_RAW,
	ENGINE_DISK_QCOW2,
	ENGINE_DISK_VHD,
	ENGINE_DISK_VHDX,
};

/* What is between a guest's write and stable storage. */
enum engine_disk_cache {
	ENGINE_CACHE_WRITEBACK,	   /* the host's page cache, until the guest flushes */
	ENGINE_CACHE_WRITETHROUGH, /* the same, and every write is flushed */
	ENGINE_CACHE_NONE,	   /* O_DIRECT; the device's own, until the guest flushes */
	ENGINE_CACHE_UNSAFE,	   /* the guest's flushes do nothing */
};

/* What an I/O error of the host leads to. */
enum engine_disk_error { ENGINE_DISK_ERROR_REPORT, ENGINE_DISK_ERROR_PAUSE };

struct engine_disk {
	/* A regular file or a block device, open for reading, and for writing unless read_only,
	 * without O_DIRECT and O_NONBLOCK. It holds the lock on the image: that ends with its last
	 * duplicate. Of a format other than raw: the connected socket of an NBD server, which has
	 * the image, its lock and its cache mode. */
	int fd;
	int life_fd;	  /* of a server: it lasts as long as a duplicate of this; -1: none */
	const char *path; /* for messages; cannot be opened any more */
	enum engine_disk_format format;
	enum engine_disk_cache cache;
	enum engine_disk_error on_error;
	bool dvd;
	bool read_only; /* always for a DVD */
	bool discard;	/* the guest may give space back */
	const char *serial;
	uint32_t controller, lun; /* 0 to 3, 0 to 63; no two disks have the same */
	uint64_t iops, bandwidth; /* operations, bytes per second; 0: no limit */
};

enum engine_nic_type {
	ENGINE_NIC_USER,    /* fds: one stream socket of passt */
	ENGINE_NIC_BRIDGE,  /* fds: one per queue of a TAP */
	ENGINE_NIC_PRIVATE, /* fds: one seqpacket socket of a switch */
	ENGINE_NIC_NONE,    /* no fds */
};

struct engine_nic {
	enum engine_nic_type type;
	uint8_t mac[6];
	bool connected; /* false: the cable is out */
	uint32_t mtu;
	uint64_t bandwidth; /* bytes per second each way; 0: no limit */
	int fds[VMMS_MAX_NIC_QUEUES];
	size_t n_fds;
};

/* X(symbol, the name in the definition); what needs which is known to the engine. */
#define ENGINE_ENLIGHTENMENTS(X)                 \
	X(VP_RUNTIME, "vpRuntime")               \
	X(REFERENCE_COUNTER, "referenceCounter") \
	X(REFERENCE_TSC, "referenceTsc")         \
	X(FREQUENCIES, "frequencies")            \
	X(TSC_INVARIANT, "tscInvariant")         \
	X(SYNIC, "synic")                        \
	X(STIMER, "stimer")                      \
	X(STIMER_DIRECT, "stimerDirect")         \
	X(RESET, "reset")                        \
	X(GUEST_IDLE, "guestIdle")               \
	X(CRASH, "crash")                        \
	X(SPIN_WAIT, "spinWait")                 \
	X(TLB_FLUSH, "tlbFlush")                 \
	X(IPI, "ipi")                            \
	X(APIC_ASSIST, "apicAssist")

enum engine_enlightenment {
#define X(symbol, name) ENGINE_ENLIGHTENMENT_##symbol,
	ENGINE_ENLIGHTENMENTS(X)
#undef X
		ENGINE_ENLIGHTENMENT_N
};
#define ENGINE_ENLIGHTENMENT_BIT(symbol) (1u << ENGINE_ENLIGHTENMENT_##symbol)
/* Off unless a definition switches them on: the LAPIC's timer, which needs no exit, is the better
 * one, and guests would prefer these. */
#define ENGINE_ENLIGHTENMENTS_OFF_DEFAULT \
	(ENGINE_ENLIGHTENMENT_BIT(STIMER) | ENGINE_ENLIGHTENMENT_BIT(STIMER_DIRECT))

/* As in the definition: "referenceTsc". Static. */
const char *engine_enlightenment_name(enum engine_enlightenment enlightenment);

struct engine_devices {
	const struct engine_disk *disks;
	size_t n_disks;
	const struct engine_nic *nics;
	size_t n_nics;
	bool hidden;		     /* no hypervisor bit, no leaf and no synthetic MSR at all */
	uint32_t enlightenments_off; /* ENGINE_ENLIGHTENMENT_BIT of each */
};

#endif
