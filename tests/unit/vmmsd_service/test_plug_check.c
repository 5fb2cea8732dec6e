/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* In which states and of which engine a VM's devices may come and go. */
#include <glib.h>
#include <string.h>

#include "vm_plug_check.h"
#include "worker.h"

struct fixture {
	struct definition definition;
	struct worker worker;
	struct vm vm;
};

static void set_up(struct fixture *f, gconstpointer data)
{
	(void)data;
	f->definition.name = (char *)"web1";
	f->worker.link = (sd_bus *)f; /* never used */
	f->vm.definition = &f->definition;
	f->vm.worker = &f->worker;
	f->vm.engine = "direct";
	f->vm.state = VM_STATE_RUNNING;
}

static void tear_down(struct fixture *f, gconstpointer data)
{
	(void)f, (void)data;
}

static void refused(struct fixture *f, enum plug_list list, enum service_error code,
		    const char *part)
{
	g_autoptr(GError) error = NULL;

	g_assert_false(vm_plug_check(&f->vm, list, "attach", &error));
	g_assert_error(error, SERVICE_ERROR, (gint)code);
	if (!strstr(error->message, part))
		g_error("\"%s\" lacks \"%s\"", error->message, part);
}

static void test_states(struct fixture *f, gconstpointer data)
{
	static const enum vm_state down[] = {VM_STATE_OFF, VM_STATE_CRASHED};
	static const enum vm_state between[] = {VM_STATE_STARTING,  VM_STATE_PAUSING,
						VM_STATE_SAVING,    VM_STATE_SAVED,
						VM_STATE_RESTORING, VM_STATE_STOPPING};

	(void)data;
	g_assert_true(vm_plug_check(&f->vm, PLUG_DISK, "attach", NULL));
	f->vm.state = VM_STATE_PAUSED;
	g_assert_true(vm_plug_check(&f->vm, PLUG_NIC, "detach", NULL));
	for (size_t i = 0; i < G_N_ELEMENTS(down); i++) {
		f->vm.state = down[i];
		refused(f, PLUG_NIC, SERVICE_ERROR_WRONG_STATE, "hvctl edit web1 --nic");
	}
	for (size_t i = 0; i < G_N_ELEMENTS(between); i++) {
		f->vm.state = between[i];
		refused(f, PLUG_DISK, SERVICE_ERROR_WRONG_STATE,
			"attach devices while it runs or is paused");
	}
}

static void test_worker(struct fixture *f, gconstpointer data)
{
	(void)data;
	f->worker.ending = TRUE;
	refused(f, PLUG_DISK, SERVICE_ERROR_WORKER, "its worker cannot be asked now");
	f->worker.ending = FALSE;
	f->worker.link = NULL;
	refused(f, PLUG_DISK, SERVICE_ERROR_WORKER, "its worker cannot be asked now");
	f->vm.worker = NULL;
	refused(f, PLUG_DISK, SERVICE_ERROR_WORKER, "its worker cannot be asked now");
}

static void test_translate(struct fixture *f, gconstpointer data)
{
	(void)data;
	f->vm.engine = "translate";
	refused(f, PLUG_DISK, SERVICE_ERROR_NOT_SUPPORTED,
		"VM web1 is of the engine translate, which cannot attach devices while it runs");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define CASE(name, test) \
	g_test_add("/vmmsd/plug-check/" name, struct fixture, NULL, set_up, test, tear_down)
	CASE("states", test_states);
	CASE("worker", test_worker);
	CASE("translate", test_translate);
	return g_test_run();
}
