/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "emulator_state.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "emulator_monitor.h"
#include "worker_error.h"

#define MACHINE_SUFFIX "-machine"

/* QEMU's own limit is for networks that others use, too. */
#define UNLIMITED                                                \
	"{\"execute\":\"migrate-set-parameters\",\"arguments\":" \
	"{\"max-bandwidth\":1099511627776}}"

static gboolean lend(virDomainPtr domain, int fd, GError **error)
{
	return emulator_monitor_command(
		domain, "{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"state\"}}", fd, NULL,
		error);
}

gboolean emulator_state_write(virDomainPtr domain, int fd, GError **error)
{
	return emulator_monitor_command(domain, UNLIMITED, -1, NULL, error) &&
	       lend(domain, fd, error) &&
	       emulator_monitor_command(
		       domain, "{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"fd:state\"}}", -1,
		       NULL, error);
}

gboolean emulator_state_read(virDomainPtr domain, int fd, GError **error)
{
	return lend(domain, fd, error) &&
	       emulator_monitor_command(
		       domain,
		       "{\"execute\":\"migrate-incoming\",\"arguments\":{\"uri\":\"fd:state\"}}",
		       -1, NULL, error);
}

/* The member "return" of an answer; NULL and an error. json_object_put of *ret_root. */
static json_object *answer_parse(const char *answer, json_object **ret_root, GError **error)
{
	json_object *member = NULL;

	*ret_root = json_tokener_parse(answer);
	if (json_object_object_get_ex(*ret_root, "return", &member) && member)
		return member;
	g_set_error(error, WORKER_ERROR, WORKER_ERROR_FAILED,
		    "QEMU's answer is none that is known; see that it is version 7.2 or later");
	return NULL;
}

static const char *text_of(json_object *object, const char *name)
{
	json_object *member = NULL;

	return json_object_object_get_ex(object, name, &member) ? json_object_get_string(member)
								: NULL;
}

static gboolean move_judge(json_object *move, enum emulator_move *ret, GError **error)
{
	const char *status = text_of(move, "status"), *why = text_of(move, "error-desc");

	if (status && (strcmp(status, "failed") == 0 || strcmp(status, "cancelled") == 0)) {
		g_set_error(error, WORKER_ERROR, WORKER_ERROR_FAILED,
			    "QEMU failed (%.160s); see that there is room where saved machines "
			    "are kept",
			    why ? why : status);
		return FALSE;
	}
	*ret = !status				  ? EMULATOR_MOVE_NONE
	       : strcmp(status, "completed") == 0 ? EMULATOR_MOVED
						  : EMULATOR_MOVING;
	return TRUE;
}

gboolean emulator_state_look(virDomainPtr domain, enum emulator_move *ret, GError **error)
{
	json_object *root = NULL, *move;
	char *answer = NULL;
	gboolean ok;

	if (!emulator_monitor_command(domain, "{\"execute\":\"query-migrate\"}", -1, &answer,
				      error))
		return FALSE;
	move = answer_parse(answer, &root, error);
	ok = move && move_judge(move, ret, error);
	json_object_put(root);
	free(answer);
	return ok;
}

gboolean emulator_state_cancel(virDomainPtr domain, GError **error)
{
	return emulator_monitor_command(domain, "{\"execute\":\"migrate_cancel\"}", -1, NULL,
					error);
}

char *emulator_state_machine(virDomainPtr domain, GError **error)
{
	json_object *root = NULL, *type;
	char *answer = NULL, *machine = NULL;

	if (!emulator_monitor_command(domain,
				      "{\"execute\":\"qom-get\",\"arguments\":"
				      "{\"path\":\"/machine\",\"property\":\"type\"}}",
				      -1, &answer, error))
		return NULL;
	type = answer_parse(answer, &root, error);
	if (type) {
		machine = g_strdup(json_object_get_string(type));
		if (g_str_has_suffix(machine, MACHINE_SUFFIX))
			machine[strlen(machine) - strlen(MACHINE_SUFFIX)] = '\0';
	}
	json_object_put(root);
	free(answer);
	return machine;
}
