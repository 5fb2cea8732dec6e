/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The names of the wire contract: bus names, object paths, interfaces, error names, file tags.
 * This is the only header that vmmsd, vmworker and libhvctl have in common; it holds no code.
 */
#ifndef VMMS1_H
#define VMMS1_H

#define VMMS_BUS_NAME	 "org.vmms1"
#define VMMS_ROOT_PATH	 "/org/vmms1"
#define VMMS_VM_PREFIX	 "/org/vmms1/vm"
#define VMMS_JOB_PREFIX	 "/org/vmms1/job"
#define VMMS_WORKER_PATH "/org/vmms1/worker"

#define VMMS_IFACE_MANAGER     "org.vmms1.Manager"
#define VMMS_IFACE_VM	       "org.vmms1.VirtualMachine"
#define VMMS_IFACE_JOB	       "org.vmms1.Job"
#define VMMS_IFACE_WORKER      "org.vmms1.Worker"
#define VMMS_IFACE_WORKER_HOST "org.vmms1.WorkerHost"

/*
 * X(symbol, last part of the bus name): every error that a method may return. libhvctl turns the
 * name back into a number, hvctl the number into an exit code (see docs/hvctl.1).
 */
#define VMMS_ERRORS(X)                                                                       \
	X(FAILED, "Failed")	  /* something on the host failed; see message */            \
	X(NO_SUCH_VM, "NoSuchVm") /* exit 3 */                                               \
	X(NO_SUCH_JOB, "NoSuchJob")                                                          \
	X(NAME_EXISTS, "NameExists")                                                         \
	X(INVALID_NAME, "InvalidName")		   /* exit 2 */                              \
	X(INVALID_DEFINITION, "InvalidDefinition") /* exit 2 */                              \
	X(INVALID_ARGUMENT, "InvalidArgument")	   /* exit 2 */                              \
	X(WRONG_STATE, "WrongState")		   /* exit 4: the state table refuses */     \
	X(BUSY, "Busy")				   /* exit 4: another job on this VM runs */ \
	X(DENIED, "Denied")			   /* exit 5 */                              \
	X(TIMED_OUT, "TimedOut")		   /* exit 6 */                              \
	X(CANCELED, "Canceled")                                                              \
	X(NOT_SUPPORTED, "NotSupported")                                                     \
	X(NO_MEMORY, "InsufficientMemory")                                                   \
	X(NO_HYPERVISOR, "NoHypervisor") /* /dev/kvm absent or unusable */                   \
	X(INVALID_IMAGE, "InvalidImage") /* kernel or initrd cannot be booted */             \
	X(STORE, "Store")		 /* the database could not be read or written */     \
	X(WORKER, "Worker")		 /* the worker died or did not answer */             \
	X(NO_CPU, "InsufficientCpu")	 /* the host has not the CPUs, or not the time */    \
	X(NO_SUCH_GROUP, "NoSuchGroup")	 /* exit 3: a CPU group */

#define VMMS_ERROR_PREFIX "org.vmms1.Error."

/* States of a VM, in the order of enum vm_state. */
#define VMMS_STATES(X)            \
	X(OFF, "off")             \
	X(STARTING, "starting")   \
	X(RUNNING, "running")     \
	X(PAUSING, "pausing")     \
	X(PAUSED, "paused")       \
	X(SAVING, "saving")       \
	X(SAVED, "saved")         \
	X(RESTORING, "restoring") \
	X(STOPPING, "stopping")   \
	X(CRASHED, "crashed")

/* Tags of the files that Worker.Start takes. */
#define VMMS_FILE_KERNEL "kernel" /* as the user named it, read-only */
#define VMMS_FILE_PAYLOAD \
	"payload" /* its ELF payload from the cache, read-only; none if it is ELF */
#define VMMS_FILE_INITRD   "initrd"   /* read-only */
#define VMMS_FILE_CONSOLE0 "console0" /* console ring of COM1, read-write (console_ring.h) */
#define VMMS_FILE_CONSOLE1 "console1" /* the same of COM2 */
#define VMMS_FILE_STATE	   "state"    /* saved state to begin with, read-only */
#define VMMS_FILE_RESULT   "result"   /* how the VM ended, one JSON line, written once */
/* In the VM's runtime directory: what QEMU keeps there, and that the engine is translate. */
#define VMMS_TRANSLATE_DIR "translate"
/* There, too: the socket of the server of a disk's image, for QEMU, which connects by itself and
 * again when a server is gone; controller and LUN. */
#define VMMS_DISK_SOCKET "disk-%u-%u"
#define VMMS_FILE_VSOCK	 "vsock" /* a listening stream socket: connections to the guest */
/* Tags that a number follows, the index in the definition's list: "disk0", "nic0.3". */
#define VMMS_FILE_DISK                                                           \
	"disk" /* file or block device, read-write unless readOnly; locked. Of a \
		  format other than raw: the connected socket of an NBD server,  \
		  shut down when it also has a name (VMMS_DISK_SOCKET) */
#define VMMS_FILE_DISK_LIFE ".life" /* behind that: open as long as the server is to live */
#define VMMS_FILE_NIC	    "nic"   /* index.queue: of a TAP; a connected socket is index.0 */

/* Flags of OpenConsole. */
#define VMMS_CONSOLE_REPLAY    1u /* begin with the scroll-back */
#define VMMS_CONSOLE_LOG_ONLY  2u /* send the scroll-back, then close */
#define VMMS_CONSOLE_READ_ONLY 4u /* input from this viewer is ignored */

/* Limits that both ends know. */
#define VMMS_NAME_MAX 64
#define VMMS_MAX_VPS  240u
/* GuestEvent: a disk waits for the host's storage and the worker has paused the VM. */
#define VMMS_GUEST_EVENT_DISK "io-error"
/* GuestEvent: the disk at that place (CONTROLLER:LUN) waits for another server. */
#define VMMS_GUEST_EVENT_SERVER "server-lost"

/* How long the file systems of a guest stay frozen when nobody thaws them, in µs. */
#define VMMS_FREEZE_DEFAULT_US 60000000u
#define VMMS_FREEZE_MAX_US     600000000u

#define VMMS_MAX_DISKS	    64u
#define VMMS_MAX_NICS	    8u
#define VMMS_MAX_NIC_QUEUES 16u
#define VMMS_MAX_GUEST_TEXT 16384u  /* bytes of a text that goes on to a guest */
#define VMMS_MAX_MESSAGE    262144u /* longest definition, command line included, in bytes */

#endif
