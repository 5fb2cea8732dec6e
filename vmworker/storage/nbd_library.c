/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nbd_library.h"

#include <dlfcn.h>
#include <string.h>

#include "storage_error.h"

#define FILE_NAME "libnbd.so.0"

static bool nbd_find(void *handle, const char *name, void *place)
{
	void *call = dlsym(handle, name);

	memcpy(place, &call, sizeof(call)); /* ISO C has no cast from one to the other */
	return call != NULL;
}

bool nbd_library_load(struct nbd_library *library, GError **error)
{
	/* Everything is bound now: behind the sandbox no code can be loaded. */
	void *handle = dlopen(FILE_NAME, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	bool found = handle != NULL;

#define X(name) found = found && nbd_find(handle, "nbd_" #name, (void *)&library->name);
	NBD_CALLS(X)
#undef X
	if (handle)
		(void)dlclose(handle);
	if (!found)
		g_set_error(error, STORAGE_ERROR, STORAGE_ERROR_UNSUPPORTED,
			    FILE_NAME " cannot be loaded, which images of other formats than raw "
				      "need; install the package libnbd0");
	return found;
}
