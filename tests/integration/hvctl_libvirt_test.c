// SPDX-License-Identifier: LGPL-2.1-or-later
/* libvirt's machines into vmms and back, through hvctl and vmms-libvirt. */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "hvctl_fixture.h"

#define DOMAIN(elements)                                                         \
	"<domain type='kvm'><name>web1</name><memory unit='MiB'>64</memory><os>" \
	"<type arch='x86_64'>hvm</type><kernel>/vmlinuz</kernel></os>" elements "</domain>"

struct setting {
	struct service service;
	char *file; /* what the test writes into it */
};

static void setup(struct setting *setting, const void *data)
{
	int fd = g_file_open_tmp("domain-XXXXXX.xml", &setting->file, NULL);

	(void)data;
	g_assert_cmpint(fd, >=, 0);
	close(fd);
	service_start(&setting->service, 0);
}

static void teardown(struct setting *setting, const void *data)
{
	(void)data;
	service_stop(&setting->service);
	(void)g_unlink(setting->file);
	g_free(setting->file);
}

static void write_domain(const struct setting *setting, const char *xml)
{
	g_assert_true(g_file_set_contents(setting->file, xml, -1, NULL));
}

/* stderr of a verb that is done. */
static char *notes_of(const struct setting *setting, const char *verb, const char *from)
{
	struct result r = hvctl(&setting->service, verb, "--from-libvirt", from, NULL);

	g_assert_cmpint(r.status, ==, 0);
	g_assert_cmpstr(r.out, ==, "");
	g_free(r.out);
	return r.err;
}

static void test_file(struct setting *setting, const void *data)
{
	const struct service *s = &setting->service;

	(void)data;
	write_domain(setting, DOMAIN("<vcpu>2</vcpu><sysinfo type='smbios'/>"));
	g_autofree char *notes = notes_of(setting, "define", setting->file);
	g_assert_cmpstr(notes, ==,
			"hvctl: not taken over: /domain/sysinfo: SMBIOS tells the machine's own "
			"name and uuid\n");
	expect(s, 0, "web1  off       2     64M", "list");
	write_domain(setting, DOMAIN(""));
	expect(s, 0, "", "create", "web2", "--from-libvirt", setting->file, "--memory", "1G",
	       "--cmdline", "quiet");
	expect(s, 0, "web2  off       1      1G", "list");
	expect(s, 0, "\"cmdline\": \"quiet\"", "show", "web2", "--definition");
	expect(s, 0, "\"kernel\": \"/vmlinuz\"", "show", "web2", "--definition");
	char *argv[] = {"create", "web3", "--from-libvirt", "-", NULL};
	struct result r = hvctl_argv(s, DOMAIN(""), argv);
	check_result(&r, 0, "", __FILE__, __LINE__);
	expect(s, 0, "web3\n", "list", "-o", "name");
}

static void test_back(struct setting *setting, const void *data)
{
	const struct service *s = &setting->service;
	struct result r;

	(void)data;
	expect(s, 0, "", "create", "a", "--kernel", "/k", "--cpus", "3", "--nic", "type=none");
	r = hvctl(s, "show", "a", "-o", "libvirt-xml", NULL);
	g_assert_cmpint(r.status, ==, 0);
	g_assert_nonnull(strstr(r.out, "<domain type=\"kvm\">"));
	write_domain(setting, r.out);
	result_clear(&r);
	expect(s, 0, "", "delete", "a");
	expect(s, 0, "", "create", "--from-libvirt", setting->file);
	expect(s, 0, "a     off       3    512M", "list");
	expect(s, 0, "\"type\": \"none\"", "show", "a", "--definition");
	expect(s, 0, "\"engine\": \"auto\"", "show", "a", "--definition");
	expect(s, 0, "", "create", "b");
	expect(s, 2, "-o libvirt-xml is the definition of one VM", "show", "a", "b", "-o",
	       "libvirt-xml");
	expect(s, 2, "give one name, and no --placement", "show", "--placement", "-o",
	       "libvirt-xml");
	expect(s, 3, "nobody", "show", "nobody", "-o", "libvirt-xml");
}

/* libvirt's test driver has the domain test, which firmware boots. */
static void test_name(struct setting *setting, const void *data)
{
	const struct service *s = &setting->service;

	(void)data;
	expect(s, 1, "test: /domain/os: firmware (BIOS or UEFI) boots it", "create",
	       "--from-libvirt", "test", "--libvirt-uri", "test:///default");
	expect(s, 1, "libvirt has no domain web9", "create", "--from-libvirt", "web9",
	       "--libvirt-uri", "test:///default");
	expect(s, 1, "libvirt cannot be reached at qemu+unix:///system?socket=/nonexistent (",
	       "create", "--from-libvirt", "test", "--libvirt-uri",
	       "qemu+unix:///system?socket=/nonexistent");
	expect(s, 0, "", "list");
	struct result r = hvctl(s, "create", "--from-libvirt", "test", "--libvirt-uri",
				"test:///default", "--kernel", "/vmlinuz", NULL);
	g_assert_cmpint(r.status, ==, 0);
	g_assert_nonnull(strstr(r.err, "hvctl: not taken over: /domain/devices/disk/target/@bus"));
	result_clear(&r);
	expect(s, 0, "test  off       2      8G", "list");
}

static void test_bad(struct setting *setting, const void *data)
{
	static const struct {
		const char *xml;
		int status;
		const char *text;
	} cases[] = {
		{"", 2, "line 1: this is not well-formed XML: "},
		{"<domain", 2, "this is not well-formed XML: "},
		{"<pool/>", 2, "this is not the XML of a domain"},
		{"<!DOCTYPE d [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><d>&e;</d>", 2,
		 "line 1: a document type and its entities are refused; remove the DOCTYPE"},
		{DOMAIN("<vcpu>many</vcpu>"), 2, "/domain/vcpu: \"many\" is not a number"},
		{DOMAIN("<devices><hostdev/></devices>"), 1, "/domain/devices/hostdev: devices of"},
	};
	const struct service *s = &setting->service;

	(void)data;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		write_domain(setting, cases[i].xml);
		expect(s, cases[i].status, cases[i].text, "create", "--from-libvirt",
		       setting->file);
	}
	expect(s, 1, "cannot read the domain from /nonexistent/x: No such file", "create",
	       "--from-libvirt", "/nonexistent/x");
	expect(s, 2, "/dev/zero: it has more than the 1048576 bytes", "create", "--from-libvirt",
	       "/dev/zero");
	expect(s, 2, "give at most one name, and no --file", "create", "a", "b", "--from-libvirt",
	       setting->file);
	expect(s, 2, "", "create", "--file", "a", "--from-libvirt", setting->file);
	expect(s, 2, "--libvirt-uri goes with --from-libvirt", "create", "a", "--libvirt-uri",
	       "test:///default");
	expect(s, 0, "", "list", "-o", "name");
	struct result r = hvctl(s, "list", "-o", "name", NULL);
	g_assert_cmpstr(r.out, ==, "");
	result_clear(&r);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_unsetenv("HVCTL_BUS");
	g_test_add("/hvctl-libvirt/file", struct setting, NULL, setup, test_file, teardown);
	g_test_add("/hvctl-libvirt/back", struct setting, NULL, setup, test_back, teardown);
	g_test_add("/hvctl-libvirt/name", struct setting, NULL, setup, test_name, teardown);
	g_test_add("/hvctl-libvirt/bad", struct setting, NULL, setup, test_bad, teardown);
	return g_test_run();
}
