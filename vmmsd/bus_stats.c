/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus_stats.h"

#include "bus_ask.h"
#include "cleanup.h"
#include "duration.h"
#include "sched_stats.h"
#include "worker.h"
#include "worker_link.h"

#define STATS_CALL_US SECONDS(5)

static void on_statistics(const struct bus_answer *answer)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;

	if (answer->reply && answer->vm)
		text = sched_stats_describe(answer->service->sched, answer->vm, answer->reply,
					    &error);
	if (text)
		(void)sd_bus_reply_method_return(answer->call, "s", text);
	else
		bus_answer_error(answer, error ? error : answer->error);
}

gboolean bus_stats_get(sd_bus_message *call, struct service *service, const struct vm *vm,
		       GError **error)
{
	automsg question = NULL;

	if (!bus_can_ask(vm)) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_WRONG_STATE,
			    "VM %s is %s and counts nothing: start it first", vm->definition->name,
			    vm_state_name(vm->state));
		return FALSE;
	}
	question = worker_link_new_call(vm->worker->link, VMMS_IFACE_WORKER, "GetStatistics");
	return bus_ask(call, service, vm, question, STATS_CALL_US, on_statistics, error);
}
