/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What partition.h, hv.h and synthetic.h will declare; goes when they do. */
#ifndef SAVE_STUBS_H
#define SAVE_STUBS_H

#include "hv.h"
#include "partition.h"
#include "state.h"
#include "synthetic.h"

hv_status partition_save(struct partition *partition, struct state_writer *writer);
hv_status partition_restore(struct partition *partition, struct state_reader *reader);
hv_status vp_save(struct vp *vp, struct state_writer *writer);
hv_status vp_restore(struct vp *vp, struct state_reader *reader);
void hv_save(struct hv *hv, struct state_writer *writer);
bool hv_restore(struct hv *hv, struct state_reader *reader);
bool synthetic_save(struct synthetic *synthetic, struct state_writer *writer, GError **error);
void synthetic_release(struct synthetic *synthetic);
bool synthetic_restore(struct synthetic *synthetic, struct state_reader *reader, GError **error);

#endif
