/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SHOW_PLACEMENT_H
#define SHOW_PLACEMENT_H

#include <stdbool.h>

#include "cli.h"

/* `hvctl show --placement`: the map with the VMs named, or with all that run. The exit code. */
int show_placement(struct cli *cli, bool json);

#endif
