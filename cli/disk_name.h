/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What --disk takes where a disk is named that a machine has. */
#ifndef DISK_NAME_H
#define DISK_NAME_H

/* As the service takes it, a path made absolute here; free(). NULL and errno. */
char *disk_name(const char *text);

#endif
