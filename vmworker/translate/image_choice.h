/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_CHOICE_H
#define IMAGE_CHOICE_H

/* Which of a kernel and its unpacked payload (-1: none) QEMU is to boot: the payload, whose
 * unpacking would be translated too, when QEMU can enter it. Borrowed. */
int image_choose(int kernel_fd, int payload_fd);

#endif
