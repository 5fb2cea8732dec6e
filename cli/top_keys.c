// SPDX-License-Identifier: LGPL-2.1-or-later
#include "top_keys.h"

#include <stddef.h>

#include "top_view.h"

struct meaning {
	char byte;
	int key;
};

static const struct meaning plain[] = {
	{'q', TOP_KEY_QUIT},
	{'+', TOP_KEY_SLOWER},
	{'-', TOP_KEY_FASTER},
	{'k', TOP_KEY_UP},
	{'j', TOP_KEY_DOWN},
	{' ', TOP_KEY_PAGE_DOWN},
	{'b', TOP_KEY_PAGE_UP},
	{'g', TOP_KEY_FIRST},
	{'G', TOP_KEY_LAST},
	{'c', TOP_KEY_SORT + TOP_BY_CPU},
	{'r', TOP_KEY_SORT + TOP_BY_READY},
	{'l', TOP_KEY_SORT + TOP_BY_LIMIT},
	{'e', TOP_KEY_SORT + TOP_BY_EXITS},
	{'n', TOP_KEY_SORT + TOP_BY_NAME},
	{0},
};

/* What ends "ESC [" and "ESC O" without a parameter. */
static const struct meaning finals[] = {
	{'A', TOP_KEY_UP}, {'B', TOP_KEY_DOWN}, {'H', TOP_KEY_FIRST}, {'F', TOP_KEY_LAST}, {0},
};

/* The parameter of "ESC [ N ~". */
static const struct meaning parameters[] = {
	{'1', TOP_KEY_FIRST},
	{'4', TOP_KEY_LAST},
	{'5', TOP_KEY_PAGE_UP},
	{'6', TOP_KEY_PAGE_DOWN},
	{'7', TOP_KEY_FIRST},
	{'8', TOP_KEY_LAST},
	{0},
};

static int find(const struct meaning *meanings, char byte)
{
	for (; meanings->byte; meanings++) {
		if (meanings->byte == byte)
			return meanings->key;
	}
	return TOP_KEY_NONE;
}

/* A control sequence: parameters (0x30 to 0x3f), intermediates (0x20 to 0x2f), one final byte. */
static int take_csi(struct top_keys *keys, char byte)
{
	if (byte >= 0x20 && byte <= 0x3f) {
		keys->parameter = keys->parameter || byte < '0' || byte > '9' ? '?' : byte;
		return TOP_KEY_NONE;
	}
	keys->state = KEYS_GROUND;
	if (byte == '~')
		return find(parameters, keys->parameter);
	return keys->parameter ? TOP_KEY_NONE : find(finals, byte);
}

int top_keys_take(struct top_keys *keys, char byte)
{
	if (byte == '\033') {
		*keys = (struct top_keys){.state = KEYS_ESCAPE};
		return TOP_KEY_NONE;
	}
	switch (keys->state) {
	case KEYS_CSI:
		return take_csi(keys, byte);
	case KEYS_SS3:
		keys->state = KEYS_GROUND;
		return find(finals, byte);
	case KEYS_ESCAPE:
		keys->state = byte == '[' ? KEYS_CSI : byte == 'O' ? KEYS_SS3 : KEYS_GROUND;
		if (keys->state != KEYS_GROUND)
			return TOP_KEY_NONE;
		break;
	case KEYS_GROUND:
		break;
	}
	return find(plain, byte);
}
