/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vm_registry.h"

#include <glib.h>
#include <json-c/json.h>
#include <sqlite3.h>
#include <string.h>

#include "assert_error.h"
#include "block_node.h"
#include "json_text.h"
#include "temporary_directory.h"

#define UUID "6f1c9d0e-6a4b-4b7e-9f0e-2d3c4b5a6978"

struct fixture {
	char *directory;
	struct store *store;
	struct vm_registry *registry;
	GString *seen; /* what the observer was told */
};

static void observe(void *context, struct vm *vm, enum vm_change change)
{
	static const char *const names[] = {
		[VM_ADDED] = "added",	      [VM_REMOVED] = "removed",
		[VM_STATE_CHANGED] = "state", [VM_DEFINITION_CHANGED] = "definition",
		[VM_JOB_CHANGED] = "job",
	};
	struct fixture *fixture = context;

	g_string_append_printf(fixture->seen, "%s:%s ", names[change], vm->definition->name);
}

static void open_fixture(struct fixture *fixture)
{
	const struct vm_observer observer = {.changed = observe, .context = fixture};
	g_autoptr(GError) error = NULL;

	fixture->store = store_open(fixture->directory, &error);
	g_assert_no_error(error);
	fixture->registry = vm_registry_new(fixture->store, &observer);
	vm_registry_load(fixture->registry, &error);
	g_assert_no_error(error);
}

static void close_fixture(struct fixture *fixture)
{
	g_clear_pointer(&fixture->registry, vm_registry_free);
	g_clear_pointer(&fixture->store, store_close);
}

static void set_up(struct fixture *fixture, gconstpointer data)
{
	(void)data;
	fixture->directory = temporary_directory_new();
	fixture->seen = g_string_new(NULL);
	open_fixture(fixture);
}

static void tear_down(struct fixture *fixture, gconstpointer data)
{
	(void)data;
	close_fixture(fixture);
	temporary_directory_free(fixture->directory);
	g_string_free(fixture->seen, TRUE);
}

static void assert_seen(struct fixture *fixture, const char *expected)
{
	g_assert_cmpstr(fixture->seen->str, ==, expected);
	g_string_truncate(fixture->seen, 0);
}

static struct vm *define(struct fixture *fixture, const char *name)
{
	g_autofree char *json = g_strdup_printf("{\"version\":1,\"name\":\"%s\"}", name);
	g_autoptr(GError) error = NULL;
	struct vm *vm = vm_registry_define(fixture->registry, json, &error);

	g_assert_no_error(error);
	return vm;
}

static void apply(struct vm *vm, enum vm_event event, const char *reason)
{
	g_autoptr(GError) error = NULL;

	vm_apply(vm, event, reason, &error);
	g_assert_no_error(error);
}

static void test_define(struct fixture *fixture, gconstpointer data)
{
	(void)data;
	struct vm *vm = define(fixture, "web1");
	GError *error = NULL;

	assert_seen(fixture, "added:web1 ");
	g_assert_cmpuint(vm->state, ==, VM_STATE_OFF);
	g_assert_true(vm_registry_find(fixture->registry, vm->definition->uuid) == vm);
	g_assert_true(vm_registry_find_by_name(fixture->registry, "web1") == vm);
	g_autofree char *upper = g_ascii_strup(vm->definition->uuid, -1);
	g_assert_true(vm_registry_lookup(fixture->registry, upper, NULL) == vm);
	g_assert_null(vm_registry_lookup(fixture->registry, "web2", &error));
	assert_message(error, SERVICE_ERROR_NO_SUCH_VM,
		       "there is no VM \"web2\": \"hvctl list\" shows those that there are");
}

static void test_exists(struct fixture *fixture, gconstpointer data)
{
	(void)data;
	struct vm *vm = define(fixture, "web1");
	GError *error = NULL;
	g_autofree char *by_name = g_strdup_printf(
		"there is a VM web1 already (uuid %s): choose another name", vm->definition->uuid);
	g_autofree char *by_uuid = g_strdup_printf("there is a VM with the uuid %s already (web1): "
						   "leave the uuid out to get a new one",
						   vm->definition->uuid);
	g_autofree char *json = g_strdup_printf("{\"version\":1,\"name\":\"b\",\"uuid\":\"%s\"}",
						vm->definition->uuid);

	assert_seen(fixture, "added:web1 ");
	g_assert_null(
		vm_registry_define(fixture->registry, "{\"version\":1,\"name\":\"web1\"}", &error));
	assert_message(g_steal_pointer(&error), SERVICE_ERROR_NAME_EXISTS, by_name);
	g_assert_null(vm_registry_define(fixture->registry, json, &error));
	assert_message(g_steal_pointer(&error), SERVICE_ERROR_NAME_EXISTS, by_uuid);
	g_assert_null(vm_registry_define(fixture->registry, "{}", &error));
	g_assert_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_DEFINITION);
	g_clear_error(&error);
	define(fixture, "b");
	g_assert_false(vm_registry_rename(fixture->registry,
					  vm_registry_find_by_name(fixture->registry, "b"), "web1",
					  &error));
	assert_message(g_steal_pointer(&error), SERVICE_ERROR_NAME_EXISTS, by_name);
	assert_seen(fixture, "added:b ");
	g_assert_cmpuint(vm_registry_count(fixture->registry), ==, 2);
}

static void assert_saved(const struct vm *vm, guint64 at_us, guint64 size, const char *engine)
{
	g_assert_cmpuint(vm->saved.at_us, ==, at_us);
	g_assert_cmpuint(vm->saved.size, ==, size);
	g_assert_cmpstr(vm->saved.engine, ==, engine);
}

/* What is known of a saved state lasts as long as the state. */
static void test_saved(struct fixture *fixture, gconstpointer data)
{
	(void)data;
	struct vm *vm = define(fixture, "web1");

	apply(vm, VM_EVENT_START, NULL);
	apply(vm, VM_EVENT_STARTED, NULL);
	apply(vm, VM_EVENT_SAVE, NULL);
	vm_set_saved(vm, 7, 4096, "translate");
	apply(vm, VM_EVENT_SAVED, "slept");
	close_fixture(fixture);
	open_fixture(fixture);
	vm = vm_registry_find_by_name(fixture->registry, "web1");
	g_assert_cmpuint(vm->state, ==, VM_STATE_SAVED);
	assert_saved(vm, 7, 4096, "translate");
	g_assert_cmpstr(vm->engine, ==, "translate");
	/* A restore that is stopped. */
	apply(vm, VM_EVENT_START, NULL);
	apply(vm, VM_EVENT_STOP, NULL);
	assert_saved(vm, 7, 4096, "translate");
	apply(vm, VM_EVENT_SAVED, NULL);
	assert_saved(vm, 7, 4096, "translate");
	apply(vm, VM_EVENT_START, NULL);
	apply(vm, VM_EVENT_STARTED, NULL);
	assert_saved(vm, 0, 0, NULL);
	apply(vm, VM_EVENT_SAVE, NULL);
	vm_set_saved(vm, 9, 1, "direct");
	apply(vm, VM_EVENT_SAVED, NULL);
	apply(vm, VM_EVENT_DISCARD, NULL);
	assert_saved(vm, 0, 0, NULL);
	g_assert_true(vm_registry_delete(fixture->registry, vm, NULL));
}

static void test_life(struct fixture *fixture, gconstpointer data)
{
	(void)data;
	struct vm *vm = define(fixture, "web1");
	GError *error = NULL;

	g_string_truncate(fixture->seen, 0);
	apply(vm, VM_EVENT_START, NULL);
	vm_set_worker(vm, 4711, 1000000);
	apply(vm, VM_EVENT_STARTED, "up");
	assert_seen(fixture, "state:web1 state:web1 ");
	g_assert_false(vm_apply(vm, VM_EVENT_START, NULL, &error));
	assert_message(g_steal_pointer(&error), SERVICE_ERROR_WRONG_STATE,
		       "VM web1 is running: there is nothing to do, or reset it");
	g_assert_false(vm_registry_delete(fixture->registry, vm, &error));
	assert_message(g_steal_pointer(&error), SERVICE_ERROR_WRONG_STATE,
		       "VM web1 is running: stop it first");
	g_assert_false(vm_registry_edit(fixture->registry, vm, "{\"cpus\":{\"count\":2}}", &error));
	assert_message(g_steal_pointer(&error), SERVICE_ERROR_WRONG_STATE,
		       "VM web1 is running, and this change needs it to be off: stop it first");
	assert_seen(fixture, "");
	g_assert_true(vm_registry_edit(fixture->registry, vm, "{\"autostart\":true}", &error));
	g_assert_true(vm_registry_rename(fixture->registry, vm, "web2", &error));
	assert_seen(fixture, "definition:web1 definition:web2 ");

	/* Another process finds it as it was. */
	close_fixture(fixture);
	open_fixture(fixture);
	assert_seen(fixture, "");
	vm = vm_registry_lookup(fixture->registry, "web2", &error);
	g_assert_no_error(error);
	g_assert_cmpuint(vm->state, ==, VM_STATE_RUNNING);
	g_assert_cmpstr(vm->reason, ==, "up");
	g_assert_cmpuint(vm->worker_pid, ==, 4711);
	g_assert_cmpuint(vm->started_us, ==, 1000000);
	g_assert_true(vm->definition->autostart);

	apply(vm, VM_EVENT_ENDED, "the guest powered off");
	g_assert_cmpuint(vm->worker_pid, ==, 0);
	g_assert_cmpuint(vm->started_us, ==, 0);
	apply(vm, VM_EVENT_START, vm->reason); /* a reason out of the VM itself */
	apply(vm, VM_EVENT_CRASHED, "x");
	g_assert_true(vm_registry_delete(fixture->registry, vm, &error));
	assert_seen(fixture, "state:web2 state:web2 state:web2 removed:web2 ");
	close_fixture(fixture);
	open_fixture(fixture);
	g_assert_cmpuint(vm_registry_count(fixture->registry), ==, 0);
}

/* Nothing is written or told when nothing changes, save a worker that the store has not seen. */
static void test_no_change(struct fixture *fixture, gconstpointer data)
{
	(void)data;
	struct vm *vm = define(fixture, "web1");
	g_autoptr(GError) error = NULL;

	apply(vm, VM_EVENT_START, NULL);
	apply(vm, VM_EVENT_STARTED, NULL);
	g_string_truncate(fixture->seen, 0);
	apply(vm, VM_EVENT_SHUTDOWN, NULL);
	g_assert_true(vm_registry_edit(fixture->registry, vm, "{\"cpus\":{\"count\":1}}", &error));
	g_assert_true(vm_registry_rename(fixture->registry, vm, "web1", &error));
	vm_set_engine(vm, "", "");
	vm_set_job(vm, NULL, NULL);
	assert_seen(fixture, "");
	vm_set_worker(vm, 7, 8);
	apply(vm, VM_EVENT_SHUTDOWN, NULL);
	assert_seen(fixture, "state:web1 ");
	vm_set_worker(vm, 7, 8);
	apply(vm, VM_EVENT_SHUTDOWN, NULL);
	assert_seen(fixture, "");
}

static void test_busy(struct fixture *fixture, gconstpointer data)
{
	(void)data;
	static const char message[] =
		"VM web1: a start job is running on it; wait for it or cancel it";
	struct vm *vm = define(fixture, "web1");
	struct job *job = (struct job *)fixture; /* only its address counts here */
	GError *error = NULL;

	vm_set_job(vm, job, "start");
	assert_seen(fixture, "added:web1 job:web1 ");
	g_assert_false(vm_registry_edit(fixture->registry, vm, "{\"autostart\":true}", &error));
	assert_message(g_steal_pointer(&error), SERVICE_ERROR_BUSY, message);
	g_assert_false(vm_registry_rename(fixture->registry, vm, "web2", &error));
	assert_message(g_steal_pointer(&error), SERVICE_ERROR_BUSY, message);
	g_assert_false(vm_registry_delete(fixture->registry, vm, &error));
	assert_message(g_steal_pointer(&error), SERVICE_ERROR_BUSY, message);
	vm_set_job(vm, NULL, NULL);
	assert_seen(fixture, "job:web1 ");
	g_assert_true(vm_registry_delete(fixture->registry, vm, &error));
}

/* A store that refuses leaves VM and registry as they were. */
static void test_store_refuses(struct fixture *fixture, gconstpointer data)
{
	(void)data;
	struct vm *vm = define(fixture, "web1");
	g_autofree char *path = g_build_filename(fixture->directory, "vmms.db", NULL);
	sqlite3 *db = NULL;
	GError *error = NULL;

	assert_seen(fixture, "added:web1 ");
	g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
	g_assert_cmpint(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), ==, SQLITE_OK);
	g_assert_false(vm_apply(vm, VM_EVENT_START, NULL, &error));
	g_autofree char *message = g_strdup_printf(
		"VM web1: cannot store its state: the store %s is held by another program: end it "
		"(sqlite3, a backup) and try again",
		path);
	assert_message(g_steal_pointer(&error), SERVICE_ERROR_STORE, message);
	g_assert_cmpuint(vm->state, ==, VM_STATE_OFF);
	g_assert_false(vm_registry_rename(fixture->registry, vm, "web2", NULL));
	g_assert_false(vm_registry_delete(fixture->registry, vm, NULL));
	g_assert_null(
		vm_registry_define(fixture->registry, "{\"version\":1,\"name\":\"b\"}", NULL));
	g_assert_true(vm_registry_find_by_name(fixture->registry, "web1") == vm);
	g_assert_cmpuint(vm_registry_count(fixture->registry), ==, 1);
	assert_seen(fixture, "");
	sqlite3_close(db);
	apply(vm, VM_EVENT_START, NULL);
}

static void test_bad_row(struct fixture *fixture, gconstpointer data)
{
	(void)data;
	static const struct {
		const char *sql, *message;
	} cases[] = {
		{"UPDATE vm SET definition = '{}'",
		 "the store: VM web1 (" UUID "): definition: $: the member version is missing; it "
		 "is required: put a backup in the place of the store, or correct the row"},
		{"UPDATE vm SET name = 'other'",
		 "the store: VM other (" UUID
		 "): its definition carries another name or uuid: put a backup in the place of the "
		 "store, or correct the row"},
	};
	g_autofree char *path = g_build_filename(fixture->directory, "vmms.db", NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		GError *error = NULL;
		sqlite3 *db = NULL;
		struct vm *vm = vm_registry_define(
			fixture->registry,
			"{\"version\":1,\"name\":\"web1\",\"uuid\":\"" UUID "\"}", &error);
		g_assert_no_error(error);
		g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
		g_assert_cmpint(sqlite3_exec(db, cases[i].sql, NULL, NULL, NULL), ==, SQLITE_OK);
		struct vm_registry *other = vm_registry_new(fixture->store, NULL);
		g_assert_false(vm_registry_load(other, &error));
		assert_message(error, SERVICE_ERROR_STORE, cases[i].message);
		vm_registry_free(other);
		sqlite3_close(db);
		g_assert_true(vm_registry_delete(fixture->registry, vm, NULL));
	}
}

static void assert_sorted(struct vm_registry *registry)
{
	const GPtrArray *sorted = vm_registry_sorted(registry);

	g_assert_cmpuint(sorted->len, ==, vm_registry_count(registry));
	for (guint i = 0; i < sorted->len; i++) {
		struct vm *vm = sorted->pdata[i];
		g_assert_true(vm_registry_find(registry, vm->definition->uuid) == vm);
		g_assert_true(vm_registry_find_by_name(registry, vm->definition->name) == vm);
		if (i > 0)
			g_assert_cmpint(
				strcmp(((struct vm *)sorted->pdata[i - 1])->definition->name,
				       vm->definition->name),
				<, 0);
	}
}

/* Whatever is done in whatever order, the three indexes agree with each other and with the store.
 */
static void test_random(struct fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autoptr(GRand) rand = g_rand_new_with_seed(11);

	for (unsigned i = 0; i < 600; i++) {
		g_autofree char *name = g_strdup_printf("vm%d", g_rand_int_range(rand, 0, 40));
		g_autofree char *other = g_strdup_printf("vm%d", g_rand_int_range(rand, 0, 40));
		g_autofree char *json = g_strdup_printf("{\"version\":1,\"name\":\"%s\"}", name);
		struct vm *vm = vm_registry_find_by_name(fixture->registry, name);
		switch (vm ? g_rand_int_range(rand, 0, 4) : 4) {
		case 0:
			vm_registry_delete(fixture->registry, vm, NULL);
			break;
		case 1:
		case 2:
			vm_registry_rename(fixture->registry, vm, other, NULL);
			break;
		case 3:
			vm_registry_edit(fixture->registry, vm, "{\"autostart\":true}", NULL);
			break;
		default:
			g_assert_nonnull(vm_registry_define(fixture->registry, json, NULL));
		}
		assert_sorted(fixture->registry);
	}
	guint before = vm_registry_count(fixture->registry);
	g_assert_cmpuint(before, >, 5);
	close_fixture(fixture);
	open_fixture(fixture);
	g_assert_cmpuint(vm_registry_count(fixture->registry), ==, before);
	assert_sorted(fixture->registry);
}

static void test_describe(struct fixture *fixture, gconstpointer data)
{
	(void)data;
	struct vm *vm =
		vm_registry_define(fixture->registry,
				   "{\"version\":1,\"name\":\"web1\",\"uuid\":\"" UUID
				   "\",\"cpus\":{\"count\":2},\"boot\":{\"kernel\":\"/boot/k\"}}",
				   NULL);
	g_autofree char *off = vm_describe(vm, NULL);

	g_assert_cmpstr(
		off, ==,
		"{\"name\":\"web1\",\"uuid\":\"" UUID
		"\",\"description\":\"\",\"state\":\"off\",\"reason\":\"\",\"job\":null,"
		"\"engine\":\"\",\"engineReason\":\"\",\"engineAsked\":\"auto\",\"cpus\":2,"
		"\"memory\":536870912,\"uptime\":null,\"workerPid\":null,\"savedAt\":null,\"savedBytes\":null,"
		"\"kernel\":\"/boot/k\",\"initrd\":null,\"cmdline\":\"\","
		"\"autostart\":false,\"stopAction\":\"shutdown\",\"stopTimeout\":90,"
		"\"stopOrder\":0,\"onReboot\":\"restart\",\"onCrash\":\"stop\","
		"\"disks\":[],\"nics\":[],\"hypervisor\":\"visible\","
		"\"enlightenments\":{"
		"\"vpRuntime\":true,\"referenceCounter\":true,\"referenceTsc\":true,"
		"\"frequencies\":true,\"tscInvariant\":true,\"synic\":true,"
		"\"stimer\":false,\"stimerDirect\":false,\"reset\":true,"
		"\"guestIdle\":true,\"crash\":true,\"spinWait\":true,\"tlbFlush\":true,\"ipi\":true,\"apicAssist\":true},"
		"\"topology\":null,\"scheduling\":{\"weight\":100,\"limit\":null,"
		"\"reserve\":0,\"deviceWeight\":null,\"affinity\":null,\"vcpuAffinity\":null,"
		"\"group\":null,\"exclusive\":false,\"background\":false,"
		"\"numaNode\":null,\"latency\":null,"
		"\"placement\":\"none\",\"coreScheduling\":\"off\",\"coreSchedulingRequired\":false,\"mechanism\":null,\"cpuWeight\":null,"
		"\"cpus\":null,\"note\":\"\",\"hints\":[]},\"guest\":null}");
	vm_set_engine(vm, "direct", "KVM on \"AMD-V\"");
	vm_set_job(vm, (struct job *)fixture, "start");
	apply(vm, VM_EVENT_START, "starting");
	vm_set_worker(vm, 99, (uint64_t)g_get_real_time() - UINT64_C(5000000));
	g_autofree char *text = vm_describe(vm, NULL);
	g_autoptr(json_value_t) on = json_text_parse(text, 100000, NULL);
	g_assert_cmpstr(json_object_get_string(json_object_object_get(on, "engineReason")), ==,
			"KVM on \"AMD-V\"");
	g_assert_cmpstr(json_object_get_string(json_object_object_get(on, "job")), ==, "start");
	g_assert_cmpstr(json_object_get_string(json_object_object_get(on, "state")), ==,
			"starting");
	g_assert_cmpint(json_object_get_int64(json_object_object_get(on, "workerPid")), ==, 99);
	gint64 uptime = json_object_get_int64(json_object_object_get(on, "uptime"));
	g_assert_cmpint(uptime, >=, 5);
	g_assert_cmpint(uptime, <, 65);
	/* What is known of the guest stays the caller's. */
	g_autoptr(json_value_t) guest = json_text_parse("{\"os\":\"Linux\"}", 100, NULL);
	g_autofree char *known = vm_describe(vm, guest);
	g_assert_true(g_str_has_suffix(known, "\"guest\":{\"os\":\"Linux\"}}"));
	/* A clock that was set back does not give a huge number. */
	vm_set_worker(vm, 99, (uint64_t)g_get_real_time() + UINT64_C(3600000000));
	g_autofree char *future = vm_describe(vm, NULL);
	g_assert_nonnull(strstr(future, "\"uptime\":0,"));
}

static struct vm *define_nics(struct fixture *fixture, const char *name, const char *nics,
			      GError **error)
{
	g_autofree char *json =
		g_strdup_printf("{\"version\":1,\"name\":\"%s\",\"nics\":%s}", name, nics);

	return vm_registry_define(fixture->registry, json, error);
}

static char *mac_of(const struct vm *vm, size_t index)
{
	char text[MAC_ADDRESS_TEXT];

	mac_address_format(&vm->definition->nics[index].mac, text);
	return g_strdup(text);
}

/* An address belongs to one VM of all, from its definition to its deletion. */
static void test_macs(struct fixture *fixture, gconstpointer data)
{
	GError *error = NULL;

	(void)data;
	struct vm *a =
		define_nics(fixture, "a", "[{\"type\":\"user\"},{\"type\":\"user\"}]", &error);
	g_assert_no_error(error);
	g_autofree char *mac = mac_of(a, 0);
	g_autofree char *twin = g_strdup_printf("[{\"type\":\"user\",\"mac\":\"%s\"}]", mac);
	g_autofree char *patch = g_strdup_printf("{\"nics\":%s}", twin);
	g_autofree char *message = g_strdup_printf(
		"definition: $.nics[0].mac: \"%s\" is the address of an adapter of VM a already; "
		"give another, or leave it out to get one",
		mac);

	g_assert_null(define_nics(fixture, "b", twin, &error));
	assert_message(g_steal_pointer(&error), SERVICE_ERROR_INVALID_DEFINITION, message);
	struct vm *b = define(fixture, "b");
	g_assert_false(vm_registry_edit(fixture->registry, b, patch, &error));
	assert_message(g_steal_pointer(&error), SERVICE_ERROR_INVALID_DEFINITION, message);
	g_assert_cmpuint(b->definition->n_nics, ==, 0);
	/* Its own address is no obstacle, also after a restart, and a rename changes nothing. */
	g_assert_true(vm_registry_rename(fixture->registry, a, "c", NULL));
	close_fixture(fixture);
	open_fixture(fixture);
	a = vm_registry_find_by_name(fixture->registry, "c");
	b = vm_registry_find_by_name(fixture->registry, "b");
	g_autofree char *kept = mac_of(a, 0);
	g_assert_cmpstr(kept, ==, mac);
	g_assert_true(vm_registry_edit(fixture->registry, a, patch, NULL));
	g_assert_cmpuint(a->definition->n_nics, ==, 1);
	g_assert_false(vm_registry_edit(fixture->registry, b, patch, NULL));
	g_assert_true(vm_registry_delete(fixture->registry, a, NULL));
	g_assert_true(vm_registry_edit(fixture->registry, b, patch, NULL));
}

/* What would be made here is somebody's already: the next one is taken. */
static void test_mac_taken(struct fixture *fixture, gconstpointer data)
{
	static const char web1[] = "{\"version\":1,\"name\":\"web1\",\"uuid\":\"" UUID
				   "\",\"nics\":[{\"type\":\"user\"}]}";
	GError *error = NULL;

	(void)data;
	struct vm *vm = vm_registry_define(fixture->registry, web1, &error);
	g_assert_no_error(error);
	g_autofree char *mac = mac_of(vm, 0);
	g_assert_true(vm_registry_delete(fixture->registry, vm, NULL));
	g_autofree char *twin = g_strdup_printf("[{\"type\":\"user\",\"mac\":\"%s\"}]", mac);
	g_assert_nonnull(define_nics(fixture, "thief", twin, NULL));
	vm = vm_registry_define(fixture->registry, web1, &error);
	g_assert_no_error(error);
	g_autofree char *other = mac_of(vm, 0);
	g_assert_cmpstr(other, !=, mac);
	g_assert_true(g_str_has_prefix(other, "56:4d:53:"));
}

static int count_enlightenments(const struct vm *vm)
{
	g_autofree char *text = vm_describe(vm, NULL);
	g_autoptr(json_value_t) object = json_text_parse(text, 100000, NULL);
	int n = 0;

	json_object_object_foreach (json_object_object_get(object, "enlightenments"), name, value) {
		(void)name;
		n += json_object_get_boolean(value);
	}
	return n;
}

/* QEMU's translator has no enlightenments, though the definition has their defaults. */
static void test_translated(struct fixture *fixture, gconstpointer data)
{
	struct vm *vm = define(fixture, "web1");
	GError *error = NULL;

	(void)data;
	g_assert_cmpint(count_enlightenments(vm), ==, 13);
	vm_set_engine(vm, "translate", "chosen by auto");
	apply(vm, VM_EVENT_START, NULL);
	g_assert_cmpint(count_enlightenments(vm), ==, 0);
	apply(vm, VM_EVENT_STOP, NULL);
	apply(vm, VM_EVENT_ENDED, NULL);
	g_assert_cmpint(count_enlightenments(vm), ==, 13); /* the next engine may be direct */
	g_assert_true(
		vm_registry_edit(fixture->registry, vm, "{\"engine\":\"translate\"}", &error));
	g_assert_cmpint(count_enlightenments(vm), ==, 0);
}

/* The engine translate takes no block device; one that becomes one does not stop other edits. */
static void test_block_device(struct fixture *fixture, gconstpointer data)
{
	g_autofree char *path = g_build_filename(fixture->directory, "disk", NULL);
	g_autofree char *json =
		g_strdup_printf("{\"version\":1,\"name\":\"a\",\"disks\":[{\"path\":\"%s\"}],"
				"\"engine\":\"translate\"}",
				path);
	g_autofree char *refused =
		g_strdup_printf("definition: $.disks[0].path: the engine translate takes no block "
				"device as a raw disk, and \"%s\" is one; give an image file, or "
				"set the engine to direct",
				path);
	GError *error = NULL;

	(void)data;
	struct vm *vm = vm_registry_define(fixture->registry, json, &error);
	g_assert_no_error(error);
	if (!block_node_put(path))
		return;
	g_assert_true(vm_registry_edit(fixture->registry, vm, "{\"autostart\":true}", &error));
	g_assert_false(vm_registry_edit(fixture->registry, vm, "{\"cpus\":{\"count\":2}}", &error));
	assert_message(g_steal_pointer(&error), SERVICE_ERROR_INVALID_DEFINITION, refused);
	g_assert_true(vm_registry_edit(fixture->registry, vm, "{\"engine\":\"auto\"}", &error));
	g_assert_false(
		vm_registry_edit(fixture->registry, vm, "{\"engine\":\"translate\"}", &error));
	assert_message(g_steal_pointer(&error), SERVICE_ERROR_INVALID_DEFINITION, refused);
	g_assert_true(vm_registry_delete(fixture->registry, vm, NULL));
	g_assert_null(vm_registry_define(fixture->registry, json, &error));
	assert_message(error, SERVICE_ERROR_INVALID_DEFINITION, refused);
}

#define ADD(path, function) \
	g_test_add("/vm-registry/" path, struct fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("define", test_define);
	ADD("exists", test_exists);
	ADD("life", test_life);
	ADD("saved", test_saved);
	ADD("no-change", test_no_change);
	ADD("busy", test_busy);
	ADD("store-refuses", test_store_refuses);
	ADD("bad-row", test_bad_row);
	ADD("random", test_random);
	ADD("describe", test_describe);
	ADD("macs", test_macs);
	ADD("mac-taken", test_mac_taken);
	ADD("translated", test_translated);
	ADD("block-device", test_block_device);
	return g_test_run();
}
