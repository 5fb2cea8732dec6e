/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest on real KVM that does what tables tell it (tests/guest/hyperv.S), and the hypervisor
 * interface that serves it. */
#ifndef HYPERV_GUEST_H
#define HYPERV_GUEST_H

#include "hv.h"
#include "hv_tlfs.h"
#include "kvm_fixture.h"

#define MEMORY	  (2ull << 20)
#define TABLE	  0x20000ull
#define CALL_PAGE 0x30000ull
#define TSC_PAGE  0x31000ull
#define SIM_PAGE  0x32000ull
#define SIEF_PAGE 0x33000ull
#define INPUT	  0x34000ull
#define NOWHERE	  0x80000000ull
#define VECTOR	  0xf3u
#define VECTOR_2  0x51u

enum op {
	OP_END,
	OP_CPUID,
	OP_RDMSR,
	OP_WRMSR,
	OP_CALL,
	OP_RDTSC,
	OP_WAIT,
	OP_STORE,
	OP_REPEAT,
	OP_STORAGE, /* hyperv_storage.S */
};

struct element {
	uint64_t op, in[3];
	uint64_t out[3], fault;
};

/* One timer, on a thread of its own. */
struct test_clock {
	GMutex lock;
	GCond changed;
	GThread *thread;
	gint64 deadline; /* us; 0: none */
	bool quit;
	void (*expired)(void *owner);
	void *owner;
};

struct fixture {
	struct partition *partition;
	struct vp *vp;
	struct hv *hv;
	struct test_clock clock;
	struct element table[64];
	unsigned int n, resets, crashes, messages;
	struct hv_crash crash;
	uint64_t call_exits;
	gint64 end; /* of the work's time, us */
};

/* data: struct hv_features, NULL for all. */
void setup(struct fixture *f, gconstpointer data);
void teardown(struct fixture *f, gconstpointer data);

void put(struct fixture *f, uint64_t gpa, const void *data, size_t size);
void *at(struct fixture *f, uint64_t gpa);
void same_bytes(const void *got, size_t size, const char *wanted);

/* Appends to the guest's work; returns where its results will be. */
struct element *element_add(struct fixture *f, enum op op, uint64_t a, uint64_t b, uint64_t c);
/* Runs until the guest says that it is done; `work` does so within a bound. */
void run_guest(struct fixture *f);
/* Lets the guest do its work. */
void work(struct fixture *f);

/* With work for one element each. */
uint64_t read_msr(struct fixture *f, uint32_t index);
void write_msr(struct fixture *f, uint32_t index, uint64_t value);
bool faults(struct fixture *f, enum op op, uint32_t index, uint64_t value);
uint64_t call(struct fixture *f, uint64_t control, uint64_t input, uint64_t output);
void enable_calls(struct fixture *f);
void enable_synic(struct fixture *f, uint32_t sint, uint64_t value);
/* Until there were n since the guest began. */
void wait_interrupts(struct fixture *f, uint64_t n);

#endif
