/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "storage_error.h"

G_DEFINE_QUARK(vmms - storage - error - quark, storage_error)
