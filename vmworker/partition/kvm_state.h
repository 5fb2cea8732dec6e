/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * KVM's own structures in saved state: a u32 of the size, then the bytes. KVM checks them when it
 * takes them, as it has to with everything that a program gives it.
 */
#ifndef KVM_STATE_H
#define KVM_STATE_H

#include <stddef.h>

#include "hv_status.h"

struct state_reader;
struct state_writer;
struct vp;

/* Asks KVM for it, and writes it. `call` is static. */
hv_status kvm_state_put(struct state_writer *writer, int fd, unsigned long request,
			const char *call, void *data, size_t size);
/* One of that size where it is in the file, or NULL and a fault. */
const void *kvm_state_get(struct state_reader *reader, const char *call, size_t size);
/* KVM did not take it: a fault, and the status for it. */
hv_status kvm_state_refused(struct state_reader *reader, const char *call, int sys_errno);
/* SUCCESS, or INVALID_PARAMETER when there was a fault. */
hv_status kvm_state_status(const struct state_reader *reader);

/* kvm_state_msr.c. All MSRs of a VP but the synthetic ones and those of its TSC. */
hv_status kvm_state_put_msrs(const struct vp *vp, struct state_writer *writer);
hv_status kvm_state_get_msrs(const struct vp *vp, struct state_reader *reader);

#endif
