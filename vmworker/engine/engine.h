/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An engine runs one guest. The worker asks through these operations and decides nothing about
 * processors or devices; the engine reports through the events and decides nothing about policy.
 * Everything here is called on the worker's main thread, which runs the sd-event loop.
 *
 *   build -> (sandbox) -> run -> [pause | resume | reset | ...]* -> free
 */
#ifndef ENGINE_H
#define ENGINE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "engine_devices.h"

#define ENGINE_CONSOLES 2

enum engine_halt_what {
	ENGINE_HALT_POWER_OFF,
	ENGINE_HALT_RESET,
	ENGINE_HALT_TRIPLE_FAULT,
	ENGINE_HALT_BROKEN, /* the hypervisor cannot run a VP any more */
};

/* The guest stopped by itself. */
struct engine_halt {
	enum engine_halt_what what;
	uint32_t vp;	  /* the VP that did it */
	char detail[128]; /* "ACPI S5", "RIP 0x7c00", ... */
};

/* May be called from any operation's aftermath, but never from within an operation. */
struct engine_events {
	/*
	 * Every VP is stopped, or was told to and will not touch the guest any more; the engine
	 * waits for reset or free. At most once between two runs.
	 */
	void (*halted)(void *context, const struct engine_halt *halt);
	/*
	 * A kernel panic message: on the first console, and again, with the guest's own parameters,
	 * when it tells the hypervisor of its crash. The guest goes on. The line is UTF-8.
	 */
	void (*panic)(void *context, const char *line);
	/* A disk waits, as its policy wants it after an I/O error of the host; resume tries again.
	 * The VPs run on, the worker is to pause them. A sentence without the VM's name. */
	void (*disk_stopped)(void *context, const char *text);
	/* The server of a disk's image is gone; attach_disk with the same disk brings another. Told
	 * again and again until then, or until the disk's requests have failed. May be NULL. */
	void (*server_lost)(void *context, uint32_t controller, uint32_t lun);
	/* The guest does not answer its heartbeat any more, or does again; may be NULL. */
	void (*responding)(void *context, bool is);
	/* File systems that were frozen for longer than was asked for are thawed; may be NULL. */
	void (*thawed)(void *context);
	/* Its driver was asked for a shutdown and did not agree, so that the power button was
	 * pressed. Why, a static clause: "the guest refused to shut down". May be NULL. */
	void (*button_pressed)(void *context, const char *why);
	/* A program in the guest connects to a port of the host: host_connected answers, perhaps
	 * before this returns. */
	void (*connect_host)(void *context, uint64_t number, uint32_t port);
	void *context;
};

/* Copied by build, but for the strings and descriptors: those are borrowed until free. Disks and
 * adapters, though, are borrowed for the call only. */
struct engine_config {
	const char *vm_name; /* for messages and SMBIOS */
	uint8_t vm_uuid[16]; /* RFC 4122 order, for SMBIOS */
	uint64_t memory;     /* bytes */
	uint32_t vp_count;
	bool core_per_vp; /* no two VPs run on the siblings of a core, where the kernel has that */
	uint32_t sockets, cores, threads; /* product: vp_count; sockets 0: cores with one thread */
	const char *cmdline;
	const char *kernel_name, *initrd_name;
	int kernel_fd, payload_fd, initrd_fd; /* the last two may be -1 */
	int console_fd[ENGINE_CONSOLES];      /* ring files */
	int state_fd;			      /* saved state to begin with, read-only; -1: none */
	int vsock_fd; /* a listening socket for connections to the guest; -1: none */
	struct engine_devices devices;
	const char *runtime_dir, *cache_dir; /* struct worker_config; direct needs none */
	sd_event *event;
	struct engine_events events;
};

struct engine;

/* section and name say what value is: "guest", "os", "Linux 6.1.0"; see Worker.GetGuest. Good
 * during the call only. */
typedef void (*engine_word_visit)(void *context, const char *section, const char *name,
				  const char *value);

/* Something that the guest has to answer. */
struct engine_request {
	/* Once, from the event loop or from free and reset; error (borrowed) NULL: it is done. */
	void (*done)(void *context, const GError *error);
	void *context;
};

struct engine_copy {
	int fd;		  /* the file, open for reading; the engine's from the call on */
	const char *path; /* in the guest; copied */
	bool overwrite;
	void (*progress)(void *context, uint64_t copied, uint64_t size); /* before done */
	struct engine_request request;
};

typedef void (*engine_counter_visit)(void *context, const char *name, uint64_t value);

struct engine_ops {
	const char *name; /* as in the definition: "direct" */

	/* Makes the whole machine, ready to run, and opens all that it will ever need by name. No
	 * guest instruction has run and no thread exists. NULL and a WORKER_ERROR. */
	struct engine *(*build)(const struct engine_config *config, GError **error);

	/* Lets the processors run for the first time. */
	gboolean (*run)(struct engine *engine, GError **error);

	/* No VP executes after the return. Pausing twice is fine. TIMED_OUT when a VP could not be
	 * stopped; then all of them run again. */
	gboolean (*pause)(struct engine *engine, GError **error);
	gboolean (*resume)(struct engine *engine, GError **error);

	/*
	 * Writes the machine, which is paused, into an empty file that is open for reading and
	 * writing; durable on return. After a failure it is as it was. An engine that is built with
	 * state_fd and the same configuration goes on from there when it runs. A state that cannot
	 * be taken up is refused by build or run: INVALID_IMAGE.
	 */
	gboolean (*save)(struct engine *engine, int fd, GError **error);

	/* Power-cycles the machine: memory and devices as after build, consoles and their viewers
	 * kept; it runs afterwards, also if it was paused or halted. After a failure only free is
	 * allowed. */
	gboolean (*reset)(struct engine *engine, GError **error);

	/*
	 * While it runs or is paused: a device comes, goes, or (a disk) may have another size,
	 * which *ret_size tells in bytes. The guest is told, and the change lasts over resets.
	 * Descriptors are duplicated; those of what goes are closed on return. INVALID_ARGUMENT:
	 * the place or the address is taken, or there is no such device.
	 */
	gboolean (*attach_disk)(struct engine *engine, const struct engine_disk *disk,
				GError **error);
	gboolean (*detach_disk)(struct engine *engine, uint32_t controller, uint32_t lun,
				GError **error);
	/* Leaves the server of a disk, with everything durable, for attach_disk to bring another
	 * within a minute. */
	gboolean (*suspend_disk)(struct engine *engine, uint32_t controller, uint32_t lun,
				 GError **error);
	gboolean (*refresh_disk)(struct engine *engine, uint32_t controller, uint32_t lun,
				 uint64_t *ret_size, GError **error);
	gboolean (*attach_nic)(struct engine *engine, const struct engine_nic *nic, GError **error);
	gboolean (*detach_nic)(struct engine *engine, const uint8_t mac[6], GError **error);

	/* What the case's button does: the guest is asked, and may ignore it. */
	void (*power_button)(struct engine *engine);

	/* The far end of a new console stream; port < ENGINE_CONSOLES, flags are VMMS_CONSOLE_*. */
	gboolean (*console)(struct engine *engine, uint32_t port, uint32_t flags, int *ret_fd,
			    GError **error);

	/* Calls back for every counter; the name is good during the call only. */
	void (*statistics)(struct engine *engine, engine_counter_visit visit, void *context);

	/* What the guest is given and what is known of it. */
	void (*describe)(struct engine *engine, engine_word_visit visit, void *context);

	/* What needs drivers or daemons in the guest. FALSE: nothing is under way, and the error
	 * reads on from "VM web1: ". Text, or the names of keys pressed together. */
	gboolean (*type)(struct engine *engine, const char *text, bool keys, GError **error);
	/* A pair of the host's in the guest; value NULL deletes it. */
	gboolean (*set_pair)(struct engine *engine, const char *key, const char *value,
			     const struct engine_request *request, GError **error);
	gboolean (*copy)(struct engine *engine, const struct engine_copy *copy, GError **error);
	void (*cancel_copy)(struct engine *engine);
	/* The guest's file systems, for at most hold_us; and back. A freeze that the guest does not
	 * answer in time, or that nobody thaws, is undone. */
	gboolean (*freeze)(struct engine *engine, uint64_t hold_us,
			   const struct engine_request *request, GError **error);
	gboolean (*thaw)(struct engine *engine, const struct engine_request *request,
			 GError **error);
	/* Asks the guest's driver to restart, or to write its memory to its disk and power off. It
	 * has agreed when this is done: its reset, or its end, is seen by `halted`. */
	gboolean (*reboot)(struct engine *engine, const struct engine_request *request,
			   GError **error);
	gboolean (*hibernate)(struct engine *engine, const struct engine_request *request,
			      GError **error);
	/* The host's clock jumped. */
	void (*sync_time)(struct engine *engine);
	/* The answer to the event connect_host: a connected stream socket, which becomes the
	 * engine's, or -1. A number that nobody waits for is fine. */
	void (*host_connected)(struct engine *engine, uint64_t number, int fd);

	/*
	 * Stops the processors and lets go of everything. Waits for them within a bound; FALSE when
	 * one did not stop in it: then its parts are left as they are and the process has to exit.
	 * NULL is fine.
	 */
	gboolean (*free)(struct engine *engine);
};

/* Whether every operation is there, so that no caller has to ask. */
bool engine_is_complete(const struct engine_ops *ops);

#endif
