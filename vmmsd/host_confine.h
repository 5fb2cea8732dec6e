/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keeps everything that systemd runs beside the VMs' slice off some CPUs: each unit at the top of
 * its tree, those that come later included. What an administrator allows a unit still holds, and
 * is what the unit has afterwards; it is in the store meanwhile, so that the next vmmsd knows it.
 */
#ifndef HOST_CONFINE_H
#define HOST_CONFINE_H

#include <glib.h>
#include <systemd/sd-bus.h>

struct host_confine;
struct service;

/* confined: an earlier vmmsd left the host so. service is borrowed. */
struct host_confine *host_confine_new(struct service *service, gboolean confined);
void host_confine_free(struct host_confine *confine); /* NULL is fine; the host stays as it is */

/* left: what the rest of the host may use, not empty; NULL: whatever it could before. every: the
 * host's CPUs, also those that are offline. */
void host_confine_set(struct host_confine *confine, const GArray *left, const GArray *every);

/* Pure. What a unit with CPUs of its own ("": none) gets; NULL: none of them is left. */
GArray *host_confine_share(const char *own, const GArray *left);
/* systemd's form of a set, bit n % 8 of byte n / 8, as a list; "" is the empty one. */
char *host_confine_list(const uint8_t *bytes, size_t n);

#endif
