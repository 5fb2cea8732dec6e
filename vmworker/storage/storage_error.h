/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef STORAGE_ERROR_H
#define STORAGE_ERROR_H

#include <glib.h>

#define STORAGE_ERROR (storage_error_quark())
GQuark storage_error_quark(void);

enum storage_error {
	STORAGE_ERROR_FAILED,
	STORAGE_ERROR_IN_USE,	   /* another program holds the image */
	STORAGE_ERROR_UNSUPPORTED, /* by this kernel or file system */
	STORAGE_ERROR_INVALID,	   /* the image or the settings for it */
};

#endif
