// SPDX-License-Identifier: LGPL-2.1-or-later
/* Help, man page, completion and example: that each says what there is. */
#include <string.h>

#include "hvctl_fixture.h"

static char *output_of(const char *a, const char *b, const char *c, const char *d)
{
	struct result r = hvctl(NULL, a, b, c, d, NULL);

	g_assert_cmpint(r.status, ==, 0);
	g_assert_cmpstr(r.err, ==, "");
	g_free(r.err);
	return r.out;
}

static char **verbs(void)
{
	g_autofree char *text = output_of("help", "-o", "name", NULL);

	return g_strsplit(g_strchomp(text), "\n", -1);
}

static void test_help(void)
{
	g_auto(GStrv) names = verbs();
	g_autofree char *overview = output_of("--help", NULL, NULL, NULL);

	g_assert_cmpuint(g_strv_length(names), >=, 16);
	for (char **name = names; *name; name++) {
		g_autofree char *help = output_of(*name, "--help", NULL, NULL);
		g_autofree char *same = output_of("help", *name, NULL, NULL);
		g_autofree char *example = g_strdup_printf("\nExample:\n  hvctl %s", *name);
		g_autofree char *usage = g_strdup_printf("Usage: hvctl %s", *name);
		g_autofree char *row = g_strdup_printf("\n  %s ", *name);
		g_assert_cmpstr(help, ==, same);
		g_assert_true(g_str_has_prefix(help, usage));
		g_assert_nonnull(strstr(help, example));
		g_assert_nonnull(strstr(help, "--connect"));
		g_assert_nonnull(strstr(overview, row));
		g_auto(GStrv) lines = g_strsplit(help, "\n", -1);
		for (char **line = lines; *line; line++) {
			if (g_utf8_strlen(*line, -1) > 80)
				g_error("%s --help: longer than 80: %s", *name, *line);
		}
	}
}

/* Every verb and every option of it is in the man page. */
static void test_man_page(void)
{
	g_auto(GStrv) names = verbs();
	g_autofree char *page = NULL;

	g_assert_true(g_file_get_contents(SOURCE_DIR "/docs/hvctl.1", &page, NULL, NULL));
	for (char **name = names; *name; name++) {
		g_autofree char *heading = g_strdup_printf("\n.Ss %s", *name);
		if (!strstr(page, heading))
			g_error("docs/hvctl.1 does not have the verb %s", *name);
		g_autofree char *text = output_of("help", "-o", "name", *name);
		g_auto(GStrv) options = g_strsplit(g_strchomp(text), "\n", -1);
		for (char **option = options; *option; option++) {
			g_autofree char *macro = g_strdup_printf("Fl Fl %s", *option + 2);
			if (!strstr(page, macro))
				g_error("docs/hvctl.1 does not have %s of %s", *option, *name);
		}
	}
}

/* What bash offers for a command line whose last word is being typed. */
static char *complete(const struct service *service, const char *words)
{
	g_autofree char *script = g_strdup_printf(
		"PATH=%s:$PATH; export HVCTL_BUS=%s; source %s/cli/completion/hvctl; "
		"COMP_WORDS=(%s); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _hvctl; "
		"printf ' %%s' \"${COMPREPLY[@]}\"; echo ' '",
		HVCTL_DIR, service->directory, SOURCE_DIR, words);
	char *argv[] = {(char *)"/bin/bash", (char *)"--norc", (char *)"-c", script, NULL};
	char *out = NULL, *err = NULL;
	g_autoptr(GError) error = NULL;
	int status;

	g_assert_true(g_spawn_sync(NULL, argv, NULL, 0, NULL, NULL, &out, &err, &status, &error));
	g_assert_no_error(error);
	g_assert_cmpint(status, ==, 0);
	g_assert_cmpstr(err, ==, "");
	g_free(err);
	return out;
}

static void check_offer(const struct service *service, const char *words, const char *offer)
{
	g_autofree char *out = complete(service, words);
	g_autofree char *word = g_strdup_printf(" %s ", offer);

	if (!strstr(out, word))
		g_error("completion of '%s' has no '%s': %s", words, offer, out);
}

static void test_completion(void)
{
	g_auto(GStrv) names = verbs();
	struct service service;

	service_start(&service, 2);
	for (char **name = names; *name; name++) {
		g_autofree char *half = g_strdup_printf("hvctl %.2s", *name);
		check_offer(&service, half, *name);
	}
	check_offer(&service, "hvctl start v", "vm-00001");
	check_offer(&service, "hvctl autostart vm-00000 o", "on");
	check_offer(&service, "hvctl create x --engine d", "direct");
	check_offer(&service, "hvctl start --no", "--no-wait");
	check_offer(&service, "hvctl list -o j", "json");
	check_offer(&service, "hvctl show vm-00000 -o l", "libvirt-xml");
	check_offer(&service, "hvctl create --from-libvirt /etc/pass", "/etc/passwd");
	check_offer(&service, "hvctl help cons", "console");
	check_offer(&service, "hvctl cp /etc/pass", "/etc/passwd");
	check_offer(&service, "hvctl cp /etc/passwd vm-0", "vm-00001:");
	check_offer(&service, "hvctl type vm-00000 --key ctrl", "ctrl-alt-del");
	check_offer(&service, "hvctl set-pair vm-00000 role --de", "--delete");
	check_offer(&service, "hvctl create x --kernel /etc/pass", "/etc/passwd");
	check_offer(&service, "hvctl create x --disk pa", "path=");
	check_offer(&service, "hvctl create x --disk path=/a,ca", "path=/a,cache=");
	check_offer(&service, "hvctl create x --disk path=/a,cache=no", "path=/a,cache=none");
	check_offer(&service, "hvctl create x --disk path = /a,cache = no", "none");
	check_offer(&service, "hvctl create x --disk path=/etc/pass", "path=/etc/passwd");
	check_offer(&service, "hvctl create x --disk path = /a,ca", "/a,cache=");
	check_offer(&service, "hvctl edit x --nic type=br", "type=bridge");
	check_offer(&service, "hvctl create x --disk path = /a,cache =", "none");
	check_offer(&service, "hvctl edit x --nic type=user,con", "type=user,connected=");
	check_offer(&service, "hvctl edit vm-00000 --nic type=user --me", "--memory");
	check_offer(&service, "hvctl edit --nic type = user vm-0000", "vm-00001");
	g_autofree char *out = complete(&service, "hvctl --connect /nonexistent show v");
	g_assert_null(strstr(out, "vm-0")); /* another service, another list */
	service_stop(&service);
}

static void test_example(void)
{
	char *argv[] = {(char *)EXAMPLE, (char *)"vm-00001", NULL};
	g_autofree char *out = NULL, *err = NULL;
	struct service service;
	int status;

	service_start(&service, 2);
	g_setenv("HVCTL_BUS", service.directory, TRUE);
	g_assert_true(g_spawn_sync(NULL, argv, NULL, 0, NULL, NULL, &out, NULL, &status, NULL));
	g_assert_cmpint(status, ==, 0);
	g_assert_cmpstr(out, ==, "vm-00000 is off\nvm-00001 is off\nvm-00001 runs\n");
	service_stop(&service);
	g_assert_true(g_spawn_sync(NULL, argv, NULL, 0, NULL, NULL, NULL, &err, &status, NULL));
	g_assert_cmpint(status, !=, 0);
	g_assert_nonnull(strstr(err, "cannot reach vmmsd at unix:path="));
	g_unsetenv("HVCTL_BUS");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_unsetenv("HVCTL_BUS");
	g_test_add_func("/hvctl-help/help", test_help);
	g_test_add_func("/hvctl-help/man-page", test_man_page);
	g_test_add_func("/hvctl-help/completion", test_completion);
	g_test_add_func("/hvctl-help/example", test_example);
	return g_test_run();
}
