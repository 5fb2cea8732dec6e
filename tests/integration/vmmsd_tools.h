/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs and images, as tests of vmmsd's disks use them. */
#ifndef VMMSD_TOOLS_H
#define VMMSD_TOOLS_H

#include "vmmsd_fixture.h"

/* A program that has to succeed. */
void run_tool(const char *const *words);
#define RUN(...) run_tool((const char *const[]){__VA_ARGS__, NULL})

/* In the fixture's directory, 8 MiB, by qemu-img's name of the format; path, g_free. */
char *image_of_format(const struct fixture *f, const char *name, const char *format);
/* NULL, and the test is skipped, where there is no qemu-nbd. */
struct fixture *fixture_with_tools(void);
/* The same with the worker of this build and its tiny guest, where there is /dev/kvm, too. */
struct fixture *fixture_with_real_worker(void);

/* 0, or the errno of taking the lock that a writer has. */
int try_lock(const char *path);
/* Until whoever has it lets go. */
void wait_unlocked(const char *path);
/* Who has that parent; 0: nobody (any more). */
guint64 child_of(guint64 parent, const char *name);

#endif
