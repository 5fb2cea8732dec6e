/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the host offers, as hvctl shows it and starts follow it: engines, launch policy, and a
 * /dev/kvm that goes away. */
#include <signal.h>
#include <string.h>

#include "vmmsd_fixture.h"

#define AMD_V "{\"virtualization\":\"amd-v\",\"usable\":true,\"reason\":\"\"}"
#define NO_KVM \
	"{\"virtualization\":\"amd-v\",\"usable\":false,\"reason\":\"there is none: get it\"}"
#define MEASURE FIXTURE_TRANSLATOR ".measure"
#define SOFTWARE                                                            \
	"{\"virtualization\":\"software\",\"usable\":true,\"reason\":\"\"," \
	"\"speed\":{\"kernel\":712345,\"user\":2300400500}}"

static void expect(struct fixture *f, const char *vm, const char *property, const char *text)
{
	g_autofree char *value = fixture_get(f, vm, property);

	if (!strstr(value, text))
		g_error("\"%s\" is not in %s, \"%s\"", text, property, value);
}

static void expect_failure(struct fixture *f, const char *vm, const char *text)
{
	g_autofree char *job = fixture_run(f, vm, "Start");
	const struct outcome *outcome = fixture_wait(f, job);

	g_assert_cmpstr(outcome->error, ==, VMMS_ERROR_PREFIX "NoHypervisor");
	if (!strstr(outcome->message, text))
		g_error("\"%s\" is not in \"%s\"", text, outcome->message);
}

static void test_speeds(void)
{
	struct fixture *f = fixture_new(SOFTWARE);

	fixture_hvctl(f, 0, "Minsn/s: kernel mode 0.7, user mode 2300\n", "host");
	fixture_hvctl(f, 0, "Minsn/s: kernel mode -, user mode -\n", "host");
	fixture_hvctl(f, 0, "\"kernel\": 712345", "host -o json");
	fixture_hvctl(f, 0, "auto takes:      direct: chosen by auto, though slow", "host");
	fixture_free(f);
}

/* It is measured when somebody asks first, and anew when QEMU is another. */
static void test_translator_speed(void)
{
	struct fixture *f = fixture_new(SOFTWARE);

	fixture_add_translator(f);
	fixture_put_answer(f, MEASURE, "{\"speed\":{\"kernel\":300000000,\"user\":5500000}}");
	g_assert_cmpint(fixture_end(f, SIGTERM), ==, 0);
	fixture_start(f);
	fixture_hvctl(f, 0, "Minsn/s: kernel mode 300, user mode 5.5\n", "host");
	fixture_put_answer(f, MEASURE, "{\"speed\":{\"kernel\":200000000}}");
	fixture_hvctl(f, 0, "Minsn/s: kernel mode 300, user mode 5.5\n", "host");
	g_assert_cmpint(fixture_end(f, SIGTERM), ==, 0);
	fixture_start(f);
	fixture_hvctl(f, 0, "\"kernel\": 300000000", "host -o json");
	fixture_put_answer(f, FIXTURE_TRANSLATOR ".probe",
			   "{\"usable\":true,\"emulator\":\"another\"}");
	g_assert_cmpint(fixture_end(f, SIGTERM), ==, 0);
	fixture_start(f);
	fixture_hvctl(f, 0, "Minsn/s: kernel mode 200, user mode -\n", "host");
	/* What is no answer is not known. */
	fixture_put_answer(f, FIXTURE_TRANSLATOR ".probe", "{\"usable\":true}");
	fixture_put_answer(f, MEASURE, "[");
	g_assert_cmpint(fixture_end(f, SIGTERM), ==, 0);
	fixture_start(f);
	fixture_hvctl(f, 0, "Minsn/s: kernel mode -, user mode -\n", "host");
	fixture_free(f);
}

/* Which of two engines auto took is shown with the machine. */
static void test_auto(void)
{
	struct fixture *f = fixture_new(SOFTWARE);
	g_autofree char *vm = fixture_define(f, "web1", "run");
	g_autofree char *direct = fixture_define_with(f, "web2", "run", ",\"engine\":\"direct\"");

	fixture_add_translator(f);
	g_assert_cmpint(fixture_end(f, SIGTERM), ==, 0);
	fixture_start(f);
	fixture_hvctl(f, 0, "auto takes:      translate: chosen by auto, since the software KVM",
		      "host");
	fixture_do(f, vm, "Start");
	expect(f, vm, "Engine", "translate");
	fixture_hvctl(f, 0, "emulates guest kernel code at 0.7 million instructions a second",
		      "show web1 -o json");
	fixture_do(f, direct, "Start");
	expect(f, direct, "Engine", "direct");
	fixture_free(f);
}

static void test_launch(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *runs = fixture_define(f, "web1", "run");
	g_autofree char *off = fixture_define(f, "web2", "run");

	fixture_hvctl(f, 0, "\"launch\": \"auto\"", "host -o json");
	fixture_hvctl(f, 0, "", "host --check-launch");
	fixture_do(f, runs, "Start");
	fixture_hvctl(f, 0, "", "host --launch off");
	fixture_hvctl(f, 0, "Launch policy:   off\n", "host");
	fixture_hvctl(f, 1,
		      "no VM is started, since the launch policy of this host is off; allow starts "
		      "with 'hvctl host --launch auto'",
		      "host --check-launch");
	fixture_hvctl(f, 2, "--launch sets the policy and --check-launch asks for it",
		      "host --launch auto --check-launch");
	fixture_hvctl(f, 4,
		      "web2: not started, since the launch policy of this host is off; allow "
		      "starts with hvctl host --launch auto",
		      "start web2");
	expect(f, off, "State", "off");
	expect(f, runs, "State", "running");
	fixture_hvctl(f, 0, "", "edit web2 --cpus 2");
	fixture_do(f, runs, "Reset");
	fixture_hvctl(f, 2, "auto", "host --launch never");
	fixture_expect_error(f, VMMS_ROOT_PATH, VMMS_IFACE_MANAGER, "SetLaunch", "InvalidArgument",
			     "the launch policy \"never\" is unknown; give auto or off", "s",
			     "never");
	/* It is there for the next vmmsd. */
	g_assert_cmpint(fixture_end(f, SIGKILL), <, 256);
	fixture_start(f);
	fixture_refuses(f, off, "Start", "WrongState", "the launch policy of this host is off");
	expect(f, runs, "State", "running");
	fixture_hvctl(f, 0, "", "host --launch auto");
	fixture_do(f, off, "Start");
	fixture_free(f);
}

/* After a boot of the host, too, nothing starts. */
static void test_autostart(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define_with(f, "auto", "run", ",\"autostart\":true");

	fixture_hvctl(f, 0, "", "host --launch off");
	g_assert_cmpint(fixture_end(f, SIGTERM), ==, 0);
	fixture_pretend_boot(f);
	fixture_start(f);
	expect(f, vm, "State", "off");
	fixture_hvctl(f, 0, "", "host --launch auto");
	g_assert_cmpint(fixture_end(f, SIGTERM), ==, 0);
	fixture_pretend_boot(f);
	fixture_start(f);
	fixture_wait_state(f, vm, "running");
	fixture_free(f);
}

/* The module is unloaded between two starts: the one that finds out says so, and the next looks
 * again, and says what it takes instead. */
static void test_kvm_goes(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define(f, "web1", "run");
	g_autofree char *finder = fixture_define(f, "web2", "no-kvm");
	g_autofree char *direct = fixture_define_with(f, "web3", "run", ",\"engine\":\"direct\"");

	fixture_do(f, vm, "Start");
	expect(f, vm, "Engine", "direct");
	fixture_do(f, vm, "Stop");
	fixture_add_translator(f);
	fixture_put_answer(f, MEASURE, "{\"speed\":{\"kernel\":300000000,\"user\":5500000}}");
	fixture_put_answer(f, FIXTURE_WORKER ".probe", NO_KVM);
	/* Nothing tells yet, and nothing falls back in silence. */
	expect_failure(f, finder, "there is no usable /dev/kvm: load kvm_amd");
	expect(f, finder, "Engine", "direct");
	expect_failure(f, direct, "the engine direct cannot run here any more: ");
	fixture_do(f, vm, "Start");
	expect(f, vm, "Engine", "translate");
	expect(f, vm, "EngineReason", "chosen by auto, since direct cannot run here any more (");
	fixture_do(f, vm, "Stop");
	fixture_hvctl(f, 0, "Minsn/s: kernel mode 300, user mode 5.5\n", "host");
	/* And it comes back: a start that fails for it looks again. */
	fixture_put_answer(f, FIXTURE_WORKER ".probe", AMD_V);
	fixture_do(f, direct, "Start");
	expect(f, direct, "EngineReason", "asked for by the definition; KVM on AMD-V");
	fixture_hvctl(f, 0, "Minsn/s: kernel mode 300, user mode 5.5\n", "host");
	fixture_free(f);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/vmmsd/host/speeds", test_speeds);
	g_test_add_func("/vmmsd/host/translator-speed", test_translator_speed);
	g_test_add_func("/vmmsd/host/auto", test_auto);
	g_test_add_func("/vmmsd/host/launch", test_launch);
	g_test_add_func("/vmmsd/host/autostart", test_autostart);
	g_test_add_func("/vmmsd/host/kvm-goes", test_kvm_goes);
	return g_test_run();
}
