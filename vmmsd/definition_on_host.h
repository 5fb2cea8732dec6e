/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What of a definition depends on the files of this host, which change without it. */
#ifndef DEFINITION_ON_HOST_H
#define DEFINITION_ON_HOST_H

#include "definition.h"

/*
 * Whether the engine translate can take its disks as they are now, whichever engine it names. An
 * image that is not there, or cannot be looked at, is the start's to refuse. INVALID_DEFINITION,
 * with the path of the member. stat() only, so that it may wait for a file server.
 */
bool definition_on_host_check_translate(const struct definition *definition, GError **error);

/* The same for one that names translate; any other is fine. */
bool definition_on_host_check(const struct definition *definition, GError **error);

#endif
