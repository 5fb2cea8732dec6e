/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "topology_guest.h"

#include "service_error.h"

static gboolean is_power_of_two(uint32_t n)
{
	return (n & (n - 1)) == 0;
}

G_GNUC_PRINTF(2, 3)
static gboolean fail(GError **error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error_literal(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_DEFINITION, text);
	return FALSE;
}

static const char *plural(uint32_t n)
{
	return n == 1 ? "" : "s";
}

/* The host's threads, or fewer, so that cores of that many threads make up the socket. */
static uint32_t inherit_threads(uint32_t per_socket, uint32_t cores, uint32_t host_threads)
{
	if (cores > 0)
		return per_socket / cores;
	for (uint32_t threads = host_threads; threads > 1; threads--) {
		if (per_socket % threads == 0 && is_power_of_two(threads))
			return threads;
	}
	return 1;
}

static gboolean check_product(const struct topology_guest *t, uint32_t count, GError **error)
{
	uint64_t product = (uint64_t)t->sockets * t->cores * t->threads;

	return product == count ||
	       fail(error,
		    "%u socket%s of %u core%s of %u thread%s are %" G_GUINT64_FORMAT
		    " processors, and cpus.count is %u; make them equal",
		    t->sockets, plural(t->sockets), t->cores, plural(t->cores), t->threads,
		    plural(t->threads), product, count);
}

static gboolean check_bits(const struct topology_guest *t, GError **error)
{
	uint32_t package = t->cores * t->threads;

	if ((uint64_t)t->sockets * t->cores > 1 && !is_power_of_two(t->threads))
		return fail(error,
			    "%u threads per core cannot be told to a guest with several cores; "
			    "give a power of two",
			    t->threads);
	if (t->sockets > 1 && !is_power_of_two(package))
		return fail(error,
			    "%u processors per socket cannot be told to a guest with several "
			    "sockets; give a power of two, or one socket",
			    package);
	return TRUE;
}

/* The host's threads with a number of cores that was given: they must be the host's exactly. */
static gboolean check_inherited(const struct topology_guest *asked, const struct topology_guest *t,
				uint32_t host_threads, GError **error)
{
	if (asked->threads != 0 || asked->cores == 0 || host_threads == 0 ||
	    t->threads == host_threads || t->threads == 1)
		return TRUE;
	return fail(error,
		    "%u core%s per socket would need %u threads each, and a core of this host has "
		    "%u; give another number of cores, or threadsPerCore",
		    t->cores, plural(t->cores), t->threads, host_threads);
}

gboolean topology_guest_resolve(const struct topology_guest *asked, uint32_t count,
				uint32_t host_threads, struct topology_guest *ret, GError **error)
{
	struct topology_guest t = *asked;
	uint32_t per_socket = count / t.sockets;

	if (count % t.sockets != 0 || per_socket == 0)
		return fail(error, "%u processors cannot be divided among %u sockets", count,
			    t.sockets);
	if (t.threads == 0 && t.cores == 0 && host_threads == 0) {
		*ret = t;
		return TRUE;
	}
	if (t.threads == 0)
		t.threads = MAX(inherit_threads(per_socket, t.cores, host_threads), 1);
	if (t.cores == 0)
		t.cores = MAX(per_socket / t.threads, 1);
	if (!check_product(&t, count, error) || !check_bits(&t, error) ||
	    !check_inherited(asked, &t, host_threads, error))
		return FALSE;
	*ret = t;
	return TRUE;
}
