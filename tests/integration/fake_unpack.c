/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vmms-unpack without a decompressor: the first word of the kernel on standard input tells what
 * comes out. Each run adds a byte to the file "runs" in the cache folder.
 */
#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int put(const char *name, int flags, const char *text)
{
	int fd = openat(3, name, O_WRONLY | O_CREAT | flags, 0600);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return EXIT_FAILURE;
	close(fd);
	return EXIT_SUCCESS;
}

static int answer(const char *word)
{
	if (g_str_equal(word, "elf"))
		puts("{\"format\":\"elf\",\"compression\":\"none\",\"payload\":null}");
	else if (g_str_equal(word, "bzimage") && put("0123.elf", O_TRUNC, "ELF") == 0)
		puts("{\"format\":\"bzImage\",\"compression\":\"lz4\",\"payload\":\"0123.elf\"}");
	else if (g_str_equal(word, "escape"))
		puts("{\"format\":\"bzImage\",\"payload\":\"../../etc/passwd\"}");
	else if (g_str_equal(word, "garbage"))
		puts("certainly");
	else if (g_str_equal(word, "abort"))
		(void)raise(SIGKILL);
	else {
		fputs("not a kernel for this machine\n", stderr);
		return 1;
	}
	return EXIT_SUCCESS;
}

int main(void)
{
	char word[16] = "";
	ssize_t size = read(STDIN_FILENO, word, sizeof(word) - 1);

	if (size < 0 || put("runs", O_APPEND, "y") != 0)
		return 2;
	return answer(g_strstrip(word));
}
