/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vmms-libvirt: what hvctl and vmmsd want of libvirt and its XML, in a short process of its own, so
 * that neither links libraries for it. The answer goes to standard output, sentences to standard
 * error. Exit status: 0, 1 failed, 2 wrong input.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "connection.h"
#include "domain_export.h"
#include "domain_import.h"
#include "json_text.h"
#include "service_error.h"
#include "xml_tree.h"

#define EXIT_INVALID 2
#define CPU_SECONDS  5 /* XML of the size that is read takes far less, unless it means harm */

static int fail(const char *before, const GError *error)
{
	gboolean invalid = g_error_matches(error, XML_TREE_ERROR, XML_TREE_ERROR_INVALID) ||
			   g_error_matches(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_DEFINITION);

	(void)fprintf(stderr, "%s%s\n", before, error->message);
	return invalid ? EXIT_INVALID : EXIT_FAILURE;
}

static int print(const char *text, const char *end)
{
	if (printf("%s%s", text, end) >= 0 && fflush(stdout) == 0)
		return EXIT_SUCCESS;
	(void)fprintf(stderr, "hvctl: cannot write the output: %s\n", g_strerror(errno));
	return EXIT_FAILURE;
}

/* All of it, or one byte more than is taken. NULL and errno. */
static GString *read_all(int fd)
{
	g_autoptr(GString) text = g_string_new(NULL);
	char buffer[65536];
	ssize_t n;

	while (text->len <= XML_TREE_MAX_BYTES && (n = read(fd, buffer, sizeof(buffer))) != 0) {
		if (n < 0 && errno != EINTR)
			return NULL;
		if (n > 0)
			g_string_append_len(text, buffer, n);
	}
	return g_steal_pointer(&text);
}

static GString *read_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), saved;
	GString *text = fd < 0 ? NULL : read_all(fd);

	saved = errno;
	if (fd >= 0)
		(void)close(fd);
	errno = saved;
	return text;
}

static int import_text(const char *shown, const GString *xml, unsigned given)
{
	g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) error = NULL;
	g_autofree char *json = domain_import(xml->str, xml->len, given, notes, &error);
	g_autofree char *before = g_strdup_printf("hvctl: %s: ", shown);

	if (!json)
		return fail(before, error);
	for (guint i = 0; i < notes->len; i++)
		(void)fprintf(stderr, "hvctl: not taken over: %s\n", (char *)notes->pdata[i]);
	return print(json, "\n");
}

static int import_file(const char *path, unsigned given)
{
	gboolean standard = g_str_equal(path, "-");
	g_autofree char *shown = standard ? g_strdup("standard input") : json_text_excerpt(path);
	g_autoptr(GString) xml = standard ? read_all(STDIN_FILENO) : read_file(path);

	if (xml)
		return import_text(shown, xml, given);
	(void)fprintf(stderr, "hvctl: cannot read the domain from %s: %s\n", shown,
		      g_strerror(errno));
	return EXIT_FAILURE;
}

static int import_domain(const char *name, unsigned given, const char *uri)
{
	g_autofree char *shown = json_text_excerpt(name);
	g_autoptr(GError) error = NULL;
	g_autofree char *xml = connection_domain(uri, name, &error);
	g_autoptr(GString) text = g_string_new(xml);

	return xml ? import_text(shown, text, given) : fail("hvctl: ", error);
}

static int export_domain(void)
{
	g_autoptr(GString) json = read_all(STDIN_FILENO);
	g_autoptr(GError) error = NULL;
	g_autofree char *xml = json ? domain_export(json->str, &error) : NULL;

	if (!json) {
		(void)fprintf(stderr, "hvctl: cannot read the definition: %s\n", g_strerror(errno));
		return EXIT_FAILURE;
	}
	return xml ? print(xml, "") : fail("hvctl: ", error);
}

static int print_bridge(const char *network, const char *uri)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *bridge = connection_bridge(uri, network, &error);

	return bridge ? print(bridge, "\n") : fail("", error);
}

static unsigned parse_given(const char *text)
{
	return (strstr(text, "kernel") ? DOMAIN_GIVEN_KERNEL : 0u) |
	       (strstr(text, "cmdline") ? DOMAIN_GIVEN_CMDLINE : 0u) |
	       (strstr(text, "translate") ? DOMAIN_GIVEN_TRANSLATE : 0u) |
	       (strstr(text, "engine") ? DOMAIN_GIVEN_ENGINE : 0u);
}

int main(int argc, char **argv)
{
	const struct rlimit processor = {CPU_SECONDS, CPU_SECONDS};
	unsigned given = argc > 3 ? parse_given(argv[3]) : 0;

	(void)setrlimit(RLIMIT_CPU, &processor);
	if (argc == 2 && g_str_equal(argv[1], "export"))
		return export_domain();
	if ((argc == 3 || argc == 4) && g_str_equal(argv[1], "bridge"))
		return print_bridge(argv[2], argv[3]);
	if (argc == 4 && g_str_equal(argv[1], "import"))
		return import_file(argv[2], given);
	if ((argc == 4 || argc == 5) && g_str_equal(argv[1], "import-domain"))
		return import_domain(argv[2], given, argv[4]);
	(void)fputs("vmms-libvirt is run by hvctl and vmmsd: export | import FILE GIVEN | "
		    "import-domain NAME GIVEN [URI] | bridge NETWORK [URI]; GIVEN is none "
		    "or some of kernel,cmdline,translate,engine\n",
		    stderr);
	return EXIT_INVALID;
}
