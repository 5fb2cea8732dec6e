/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * passt, the user-mode network: one process per adapter, which leaves its privileges behind, and
 * ends when the worker's socket does. Under systemd it is a unit of its own for each connection to
 * vmms-passt.socket; elsewhere it puts itself into the background, so that it is no child of vmmsd.
 */
#ifndef PASST_H
#define PASST_H

#include "service.h"
#include "subprocess.h"

/* Whether it is installed. FAILED. */
gboolean passt_check(GError **error);

/* Under systemd: a connected socket of a new passt, or -1 and FAILED. */
int passt_connect(const struct service *service, GError **error);

/* Elsewhere: runs it with the other end of *ret_fd. done is called when it is ready, or failed; see
 * passt_check_result. NULL and FAILED. */
struct subprocess *passt_run(const struct service *service, uint32_t mtu, int *ret_fd,
			     subprocess_done *done, void *context, GError **error);
gboolean passt_check_result(const struct subprocess_result *result, GError **error);

#endif
