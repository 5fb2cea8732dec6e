/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by host.c, host_engine.c and host_describe.c. */
#ifndef HOST_INTERNAL_H
#define HOST_INTERNAL_H

#include <json-c/json.h>

#include "host.h"
#include "host_processor.h"

/* Of guest code, instructions a second; 0: not known. */
struct host_speed {
	int64_t kernel, user;
};

/* The worker's answer about /dev/kvm, checked. */
struct host_kvm {
	char *virtualization; /* "amd-v", "vt-x", "software" or "none" */
	gboolean usable;
	char *reason;			  /* when not usable: one sentence with the remedy */
	int64_t api_version, max_vps;	  /* 0 when not usable */
	struct json_object *capabilities; /* name -> integer; never NULL */
	struct host_speed speed;
	gboolean lost;	 /* it could be used when it was looked at before */
	gboolean denied; /* to the user of the workers, whatever else is the matter */
};

/* The other worker's answer about QEMU and libvirt. */
struct host_translate {
	gboolean usable;
	char *reason; /* when not usable: one sentence with the remedy */
	char *answer; /* the last that said that it is, without the line's end; NULL: none did */
	struct host_speed speed; /* of the translator of that answer */
};

struct host {
	char *sysfs_root, *proc_root;
	char *kvm_device;
	char *kvm_stamp; /* of the device when it was looked at last; NULL: it is to be looked at */
	char *kernel;	 /* uname -r */
	char *worker_user, *worker_group; /* NULL: workers are who this service is */
	struct host_processor processor;
	struct host_kvm kvm;
	struct host_translate translate;
};

/* Total and available bytes; 0 and FALSE when /proc/meminfo cannot be read. */
gboolean host_read_memory(const struct host *host, uint64_t *total, uint64_t *available);

/* The same of translation. */
char *host_explain_translate(const struct host *host);

/* One sentence on what direct execution is on this host, or why it is not; g_free. */
char *host_explain_direct(const struct host *host);

#endif
