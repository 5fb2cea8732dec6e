/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.vmms1.Job at /org/vmms1/job/<n>. userdata is the service; the path says which job. */
#include "authz.h"
#include "bus.h"
#include "bus_property.h"

static int method_cancel(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	struct job *job = bus_job_find(userdata, sd_bus_message_get_path(call));
	g_autoptr(GError) error = NULL;

	if (!job)
		return sd_bus_error_set(out, service_error_bus_name(SERVICE_ERROR_NO_SUCH_JOB),
					"the job has been forgotten: it ended a while ago");
	if (!authz_check(call, AUTHZ_RUN, &error) || !job_cancel(job, &error))
		return bus_error_set(out, error);
	return sd_bus_reply_method_return(call, NULL);
}

static int put_kind(sd_bus_message *reply, const struct job *job)
{
	return sd_bus_message_append(reply, "s", job->ops->kind);
}

static int put_vm(sd_bus_message *reply, const struct job *job)
{
	g_autofree char *path = job->vm_uuid ? bus_vm_path(job->vm_uuid) : g_strdup("/");

	return sd_bus_message_append(reply, "o", path);
}

static int put_state(sd_bus_message *reply, const struct job *job)
{
	return sd_bus_message_append(reply, "s", job_state_name(job->state));
}

static int put_progress(sd_bus_message *reply, const struct job *job)
{
	return sd_bus_message_append(reply, "u", job->progress);
}

static int put_error(sd_bus_message *reply, const struct job *job)
{
	const GError *error = job->error;
	g_autofree char *sentence = g_utf8_make_valid(error ? error->message : "", -1);

	return sd_bus_message_append(
		reply, "(ss)", error ? service_error_bus_name((enum service_error)error->code) : "",
		sentence);
}

static const struct {
	const char *name;
	int (*put)(sd_bus_message *reply, const struct job *job);
} properties[] = {
	{"Kind", put_kind},	    {"VirtualMachine", put_vm}, {"State", put_state},
	{"Progress", put_progress}, {"Error", put_error},
};

static int get(sd_bus *bus, const char *path, const char *interface, const char *property,
	       sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	const struct job *job = bus_job_find(userdata, path);

	(void)bus, (void)interface, (void)error;
	for (size_t i = 0; job && i < G_N_ELEMENTS(properties); i++)
		if (g_str_equal(properties[i].name, property))
			return properties[i].put(reply, job);
	return -ENOENT;
}

const sd_bus_vtable bus_job_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Cancel", NULL, NULL, method_cancel, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_PROPERTY("Kind", "s", get, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("VirtualMachine", "o", get, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("State", "s", get, 0, BUS_PROPERTY_STATE),
	SD_BUS_PROPERTY("Progress", "u", get, 0, BUS_PROPERTY_STATE),
	SD_BUS_PROPERTY("Error", "(ss)", get, 0, BUS_PROPERTY_STATE),
	SD_BUS_VTABLE_END,
};
