/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How fast the engine translate runs guest code here. That takes a QEMU, so it is measured when
 * somebody wants to see it first, and stored for as long as kernel and QEMU are the same.
 */
#ifndef TRANSLATE_SPEED_H
#define TRANSLATE_SPEED_H

#include "service.h"

/* Since the host was probed. done is called once, at once when the host knows or cannot know. One
 * at a time. */
void translate_speed_find(struct service *service, void (*done)(void *context), void *context);
/* done is not called any more. */
void translate_speed_cancel(struct service *service);

#endif
