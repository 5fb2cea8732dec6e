/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cpu_set.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static gboolean parse_number(const char *text, unsigned *ret)
{
	guint64 value;

	if (!g_ascii_string_to_unsigned(text, 10, 0, CPU_SET_MAX - 1, &value, NULL))
		return FALSE;
	*ret = (unsigned)value;
	return TRUE;
}

/* "4", "0-3" or "^2". */
static gboolean apply_item(char *item, bool *set)
{
	bool wanted = item[0] != '^';
	char *dash = wanted ? strchr(item, '-') : NULL;
	unsigned first, last;

	if (dash)
		*dash = '\0';
	if (!parse_number(item + !wanted, &first))
		return FALSE;
	last = first;
	if (dash && (!parse_number(dash + 1, &last) || last < first))
		return FALSE;
	for (unsigned i = first; i <= last; i++)
		set[i] = wanted;
	return TRUE;
}

char *cpu_set_canonical(const char *text)
{
	g_auto(GStrv) items = g_strsplit(text, ",", -1);
	bool set[CPU_SET_MAX] = {false};
	g_autoptr(GArray) cpus = g_array_new(FALSE, FALSE, sizeof(uint32_t));

	for (char **item = items; *item; item++) {
		if (!apply_item(g_strstrip(*item), set))
			return NULL;
	}
	for (uint32_t i = 0; i < CPU_SET_MAX; i++) {
		if (set[i])
			g_array_append_val(cpus, i);
	}
	return cpus->len ? host_cpu_list_format(cpus) : NULL;
}
