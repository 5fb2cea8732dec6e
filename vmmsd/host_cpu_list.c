/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host_cpu_list.h"

#include <string.h>

static gboolean parse_number(const char **at, uint32_t *ret)
{
	uint32_t number = 0;

	if (!g_ascii_isdigit(**at))
		return FALSE;
	for (; g_ascii_isdigit(**at); (*at)++) {
		number = number * 10 + (uint32_t)(**at - '0');
		if (number >= HOST_CPU_MAX)
			return FALSE;
	}
	*ret = number;
	return TRUE;
}

/* "5" or "0-3". Lists come in order, so a range may not begin before the end of the last. */
static gboolean parse_range(const char **at, GArray *cpus)
{
	uint32_t first, last;

	if (!parse_number(at, &first))
		return FALSE;
	last = first;
	if (**at == '-') {
		(*at)++;
		if (!parse_number(at, &last))
			return FALSE;
	}
	if (last < first)
		return FALSE;
	if (cpus->len > 0 && first <= g_array_index(cpus, uint32_t, cpus->len - 1))
		return FALSE;
	for (uint32_t cpu = first; cpu <= last; cpu++)
		g_array_append_val(cpus, cpu);
	return TRUE;
}

GArray *host_cpu_list_parse(const char *text)
{
	g_autoptr(GArray) cpus = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	const char *at = text;

	if (*at == '\0')
		return g_steal_pointer(&cpus);
	for (;;) {
		if (!parse_range(&at, cpus))
			return NULL;
		if (*at == '\0')
			return g_steal_pointer(&cpus);
		if (*at++ != ',')
			return NULL;
	}
}

char *host_cpu_list_format(const GArray *cpus)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (guint i = 0; i < cpus->len;) {
		uint32_t first = g_array_index(cpus, uint32_t, i), last = first;
		while (++i < cpus->len && g_array_index(cpus, uint32_t, i) == last + 1)
			last++;
		g_string_append_printf(text, "%s%u", text->len > 0 ? "," : "", first);
		if (last > first)
			g_string_append_printf(text, "-%u", last);
	}
	return g_string_free(g_steal_pointer(&text), FALSE);
}

gboolean host_cpu_list_has(const GArray *cpus, uint32_t cpu)
{
	for (guint i = 0; i < cpus->len; i++) {
		if (g_array_index(cpus, uint32_t, i) == cpu)
			return TRUE;
	}
	return FALSE;
}
