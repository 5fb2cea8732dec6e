/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* onCrash = restart: a VM that crashed is started again, but not for ever. */
#include "duration.h"
#include "operation.h"

#define RESTARTS_MAX	5
#define RESTART_SPAN_US ((gint64)SECONDS(600))

struct crashes {
	gint64 since_us; /* monotonic: when the counting began */
	guint count;
};

/* TRUE and counted when the VM may be restarted once more. */
static gboolean crashes_allow(struct service *service, const struct vm *vm)
{
	struct crashes *crashes = g_hash_table_lookup(service->crashes, vm->definition->uuid);
	gint64 now = g_get_monotonic_time();

	if (!crashes) {
		crashes = g_new0(struct crashes, 1);
		crashes->since_us = now;
		g_hash_table_insert(service->crashes, g_strdup(vm->definition->uuid), crashes);
	} else if (now - crashes->since_us > RESTART_SPAN_US) {
		*crashes = (struct crashes){.since_us = now};
	}
	return ++crashes->count <= RESTARTS_MAX;
}

void vm_restart_crashed(struct service *service, struct vm *vm)
{
	g_autoptr(GError) error = NULL;

	if (vm->definition->on_crash != POLICY_RESTART || service->stop_all)
		return;
	if (!crashes_allow(service, vm)) {
		log_vm(service->log, LOG_ERR, vm,
		       "crashed more than %d times in %d minutes: it is not restarted",
		       RESTARTS_MAX, (int)(RESTART_SPAN_US / G_USEC_PER_SEC / 60));
		return;
	}
	if (!vm_start(service, vm, &error))
		log_vm(service->log, LOG_ERR, vm, "cannot be restarted after its crash: %s",
		       error->message);
}
