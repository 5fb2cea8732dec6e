/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One QEMU through libvirt's embedded driver: the only user of libvirt in the worker. Each function
 * but emulator_new and emulator_free may wait for QEMU without an end: caller.h bounds that. One
 * thread at a time.
 */
#ifndef EMULATOR_H
#define EMULATOR_H

#include <sys/types.h>

#include "engine.h"

struct emulator;

enum emulator_end { EMULATOR_POWERED_OFF, EMULATOR_RESET, EMULATOR_BROKEN };

/* On libvirt's thread. */
struct emulator_events {
	/* The guest, or QEMU, did it; what emulator_reset and emulator_kill do is not told. */
	void (*ended)(void *context, enum emulator_end end, const char *detail);
	/* QEMU paused the guest because of a disk's error; a sentence that names the disk. */
	void (*disk_stopped)(void *context, const char *text);
	void *context;
};

struct emulator *emulator_new(const struct emulator_events *events);
/* After emulator_close, or when nothing was opened; NULL is fine. */
void emulator_free(struct emulator *emulator);

/* Connects, in a directory that only this process uses. WORKER_ERROR, as of all that follow. */
gboolean emulator_open(struct emulator *emulator, const char *root, GError **error);
/* QEMU, with its processors stopped: a machine of domain_xml_format, its disks' descriptors, and
 * its adapters. */
gboolean emulator_start(struct emulator *emulator, const char *xml,
			const struct engine_devices *devices, GError **error);
/* Its process, from the file that libvirt keeps in root; a descriptor of it. */
int emulator_pidfd(int root, GError **error);

gboolean emulator_is_active(struct emulator *emulator);
gboolean emulator_pause(struct emulator *emulator, GError **error);
gboolean emulator_resume(struct emulator *emulator, GError **error);
gboolean emulator_reset(struct emulator *emulator, GError **error);
gboolean emulator_power_button(struct emulator *emulator, GError **error);
/* Asks it for a sign of life. */
gboolean emulator_ping(struct emulator *emulator, GError **error);
/* Names and values of processors as libvirt has them, "vcpu.0.time", and disk_counters.h. */
gboolean emulator_statistics(struct emulator *emulator, const struct engine_devices *devices,
			     engine_counter_visit visit, void *context, GError **error);
/*
 * Its state, while its processors stand still: QEMU begins to write it into a file, or (of a
 * machine that waits for it, domain_xml.h) to read it, from the file's offset on, which moves
 * along. emulator_look asks how far it is, and fails when QEMU could not do it.
 */
gboolean emulator_write_state(struct emulator *emulator, int fd, GError **error);
gboolean emulator_read_state(struct emulator *emulator, int fd, GError **error);
gboolean emulator_look(struct emulator *emulator, GError **error);
/* Whether the last look found it over. Any thread. */
gboolean emulator_is_moved(struct emulator *emulator);
/* Writes no more; then it is as before. */
gboolean emulator_stop_writing(struct emulator *emulator, GError **error);
/* What QEMU calls the machine that it writes: "pc-i440fx-7.2". After emulator_write_state. */
const char *emulator_machine(const struct emulator *emulator);
/* Ends QEMU, if it is there, and lets go of libvirt. */
void emulator_close(struct emulator *emulator);

#endif
