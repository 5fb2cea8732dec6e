/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Text and names of keys as keystrokes of a PC keyboard, scan code set 1, US layout. Pure; any
 * thread.
 */
#ifndef SCAN_CODE_H
#define SCAN_CODE_H

#include <glib.h>
#include <stdint.h>

#define KEYSTROKE_UNICODE 0x1u /* not used: Linux does not know it */
#define KEYSTROKE_BREAK	  0x2u /* the key is released */
#define KEYSTROKE_E0	  0x4u
#define KEYSTROKE_E1	  0x8u

struct keystroke {
	uint16_t code;
	uint16_t flags; /* KEYSTROKE_* */
};

#define SCAN_CODE_ERROR (scan_code_error_quark())
GQuark scan_code_error_quark(void);
enum scan_code_error {
	SCAN_CODE_ERROR_CHARACTER, /* it is on no key; the message says which and where */
	SCAN_CODE_ERROR_KEY,	   /* there is no key of that name */
};

/* The keystrokes that type the text: printable ASCII, \n (or \r\n), \t, \b and escape. NULL: there
 * is another character. Free with g_array_unref. */
GArray *scan_code_of_text(const char *utf8, GError **error);

/* The keystrokes of keys pressed in this order and released in the other: "ctrl-alt-del", "f2",
 * "shift-a", "alt-sysrq-b". Case does not matter. */
GArray *scan_code_of_combination(const char *names, GError **error);

#endif
