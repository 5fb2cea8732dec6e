/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * STATE/saved: the files in which saved VMs sleep. UUID is whole and durable; UUID.new is being
 * written, and belongs to a VM that is saving. Only the store says which of them count.
 */
#ifndef SAVED_STATE_H
#define SAVED_STATE_H

#include <glib.h>
#include <stdint.h>
#include <sys/types.h>

#include "duration.h"

/* How long so many bytes of memory may take to be written or read, on the slowest disk that is
 * still one. */
#define SAVED_STATE_US(bytes) (SECONDS(20) + (uint64_t)(bytes) / 8)

/* A new, empty file UUID.new, mode 0600, read-write, in place of any of this VM; -1. */
int saved_state_create(const char *state_dir, const char *uuid, GError **error);
/* UUID.new becomes UUID, durably, also when it has done so before. size: what it takes on disk. */
gboolean saved_state_keep(const char *state_dir, const char *uuid, uint64_t *size, GError **error);
/* UUID, read-only; -1. */
int saved_state_open(const char *state_dir, const char *uuid, GError **error);
/* Both of them; what is not there is fine. */
void saved_state_remove(const char *state_dir, const char *uuid);
/* Only UUID.new. */
void saved_state_remove_new(const char *state_dir, const char *uuid);
/* What a vmmsd left that was killed: removes the files of which wanted() says FALSE. */
void saved_state_clean(const char *state_dir, gboolean (*wanted)(void *context, const char *uuid),
		       void *context);

/* What this process and its children have in memory that is theirs alone; 0: not known. */
uint64_t saved_state_touched(const char *proc_root, pid_t pid);
/* FALSE, and why: so much memory surely does not fit into so much room. */
gboolean saved_state_fits(uint64_t touched, uint64_t room, const char *state_dir, GError **error);
/* Of the file system, for whoever is not root. UINT64_MAX: not known. */
uint64_t saved_state_room(const char *state_dir);

#endif
