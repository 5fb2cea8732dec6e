/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What this host is: processor, topology, virtualization, and which engine `auto` takes and why.
 * /dev/kvm is looked at by `vmworker --probe` only (the partition API is its only door), which
 * prints one JSON line: {"virtualization":"amd-v|vt-x|software|none","usable":bool,"reason":"…",
 * "apiVersion":12,"maxVps":N,"capabilities":{"KVM_CAP_…":n,…},"speed":{"kernel":N,"user":N}}, with
 * speeds of guest code in instructions a second; this folder takes its text.
 */
#ifndef HOST_H
#define HOST_H

#include <glib.h>
#include <stdint.h>

#include "definition.h"

struct host;
typedef struct host host_t;

#define HOST_KVM_DEVICE "/dev/kvm"

/* sysfs_root and proc_root are "/sys" and "/proc", kvm_device is HOST_KVM_DEVICE, whose entry is
 * looked at but never opened; or a fake tree in tests. */
struct host *host_new(const char *sysfs_root, const char *proc_root, const char *kvm_device,
		      GError **error);
void host_free(struct host *host); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(host_t, host_free)

/* Workers are this user, with this group beside those that he has (NULL: none), and not who asks
 * the probe: what they may not open is not usable. Before the first probe. */
void host_set_worker(struct host *host, const char *user, const char *group);

/* Before a probe: what it finds holds as long as the device file is as it is now. */
void host_begin_probe(struct host *host);
/* Whether /dev/kvm came, went or changed since then, the workers' user was given access by joining
 * a group, or somebody found that it is not as probed. */
gboolean host_is_stale(const struct host *host);
void host_distrust(struct host *host);

/* Takes the probe's answer (NULL or broken text: no hypervisor, with the reason). */
void host_set_probe(struct host *host, const char *probe_json);

/* The same of `vmworker-translate --probe`: {"usable":bool,"reason":"..."}. */
void host_set_translate_probe(struct host *host, const char *probe_json);

/* "{"speed":{...}}" of `vmworker-translate --measure`. */
void host_set_translate_speed(struct host *host, const char *answer);
/* What such an answer holds for: the kernel and the translator; NULL when there is none. g_free. */
char *host_translate_stamp(const struct host *host);

/*
 * Static engine name, *reason is g_free'd by the caller. NULL and NO_HYPERVISOR when the engine
 * asked for cannot run here. lacking: what the engine translate has not and the VM needs, so that
 * auto does not take it; or NULL.
 */
const char *host_choose_engine(const struct host *host, enum definition_engine asked,
			       const char *lacking, char **reason, GError **error);
/* For a definition, with what it needs. INVALID_DEFINITION when it names translate for a disk that
 * has become a device (definition_on_host.h). */
const char *host_choose_engine_for(const struct host *host, const struct definition *definition,
				   char **reason, GError **error);

/* NO_MEMORY, with the numbers, when the host cannot give that much now (MemAvailable). */
gboolean host_check_memory(const struct host *host, uint64_t bytes, const char *vm, GError **error);

struct json_object;
/* docs/json.md, "host"; g_free. launch is the launch policy; scheduling is what sched_describe()
 * said, power is power_describe()'s; both are taken. */
char *host_describe(const struct host *host, const char *launch, struct json_object *scheduling,
		    struct json_object *power);

#endif
