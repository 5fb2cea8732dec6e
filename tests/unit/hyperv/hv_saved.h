/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The hypervisor interface saved and restored, on the fixture. */
#ifndef HV_SAVED_H
#define HV_SAVED_H

#include "hv_fixture.h"
#include "saved_bytes.h"

/* Built, with a hypervisor below that does all that it can. */
void hv_saved_build(struct hv_test *t, bool tsc_stable);
/* A reset, with the same. */
void hv_saved_reset(struct hv_test *t);
/* Another process: nothing is left but memory and, if it says so, time. */
void hv_saved_another(struct hv_test *t, bool same_time);

/* Pauses it. The caller's. */
GBytes *hv_saved_take(struct hv_test *t);
bool hv_saved_restore(struct hv_test *t, GBytes *bytes, struct state_reader *reader);
/* Takes it to another process, where it is restored, paused still. */
GBytes *hv_saved_move(struct hv_test *t, bool same_time);

/* A guest has done all kinds of things. */
void hv_saved_random(struct hv_test *t);

#endif
