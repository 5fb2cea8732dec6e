/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vmworker-translate: vmworker with the engine translate, a program of its own so that no other
 * worker carries libvirt.
 */
#include <libvirt/libvirt.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "measure.h"
#include "program.h"
#include "sandbox.h"
#include "translate.h"
#include "user_space.h"

/* Before QEMU is made, which inherits it. */
static gboolean prepare(const struct options *options, GError **error)
{
	return user_space_enter(options->runtime_dir, error) && sandbox_enter_outer(NULL, error);
}

/*
 * Less than vmworker gives up: libvirt has files to write and QEMU to speak to, so that no system
 * call and no path is taken. It is QEMU that runs the guest, without privileges and under a system
 * call filter of its own, which lets it start no program (libvirt's seccomp_sandbox).
 */
static gboolean confine(char **ret_steps, GError **error)
{
	return sandbox_enter_outer(ret_steps, error);
}

static char *probe(void)
{
	g_autofree char *emulator = g_find_program_in_path(TRANSLATE_EMULATOR);
	const char *reason = "";
	unsigned long version = 0;
	struct stat st = {0};

	(void)virGetVersion(&version, NULL, NULL);
	if (!emulator)
		reason =
			TRANSLATE_EMULATOR " is not installed; install the package qemu-system-x86";
	else if (access(TRANSLATE_DRIVER, R_OK) < 0)
		reason = "libvirt's driver for QEMU is not installed; install the package "
			 "libvirt-daemon-driver-qemu";
	if (emulator)
		(void)stat(emulator, &st);
	/* The last member tells one QEMU from another. */
	return g_strdup_printf("{\"usable\":%s,\"reason\":\"%s\",\"libvirt\":\"%lu.%lu.%lu\","
			       "\"emulator\":\"%jd %jd\"}\n",
			       *reason ? "false" : "true", reason, version / 1000000,
			       version / 1000 % 1000, version % 1000, (intmax_t)st.st_size,
			       (intmax_t)st.st_mtim.tv_sec);
}

int main(int argc, char **argv)
{
	const struct program_spec spec = {
		.name = "vmworker-translate",
		.engine = &translate_engine,
		.prepare = prepare,
		.confine = confine,
		.probe = probe,
		.measure = measure_translator,
	};

	return program_main(&spec, argc, argv);
}
