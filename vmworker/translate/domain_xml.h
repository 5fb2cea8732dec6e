/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The machine in libvirt's words. Pure. */
#ifndef DOMAIN_XML_H
#define DOMAIN_XML_H

#include "engine.h"

/* One domain per connection, and its name is part of socket paths, which are short. */
#define DOMAIN_XML_NAME "vm"

struct domain_xml_places {
	const char *emulator;
	const char *kernel, *initrd; /* initrd NULL: none */
	const char *serial[ENGINE_CONSOLES];
	const char *saved; /* QEMU's name of the machine whose state it waits for; NULL: none */
};

/* "disk7", under which the descriptor of that disk is to be given. */
void domain_xml_disk_group(size_t index, char *ret, size_t size);

/* g_free. Adapters are not in it: their descriptors can only be given to a QEMU that runs. */
char *domain_xml_format(const struct engine_config *config, const struct domain_xml_places *places);

#endif
