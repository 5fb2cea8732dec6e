/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "worker_result.h"

#include <fcntl.h>
#include <json-c/json.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "worker_dir.h"

#define REASON_MAX 512u

static const char *member_string(json_object *object, const char *name)
{
	json_object *member = NULL;

	if (!json_object_object_get_ex(object, name, &member) ||
	    !json_object_is_type(member, json_type_string))
		return NULL;
	return json_object_get_string(member);
}

static char *reason_clean(const char *text)
{
	g_autofree char *bounded = g_strndup(text, REASON_MAX);
	char *reason = g_utf8_make_valid(bounded, -1);

	for (char *c = reason; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
	return g_strstrip(reason);
}

gboolean worker_result_parse(const char *text, struct worker_result *ret)
{
	static const char *const states[] = {"off", "crashed", "saved", NULL};
	json_object *object = json_tokener_parse(text);
	const char *state, *reason;
	gboolean ok = FALSE;

	if (!json_object_is_type(object, json_type_object))
		goto finish;
	state = member_string(object, "state");
	reason = member_string(object, "reason");
	if (!state || !g_strv_contains(states, state))
		goto finish;
	ret->crashed = g_str_equal(state, "crashed");
	ret->saved = g_str_equal(state, "saved");
	ret->reason = reason_clean(reason ? reason : "");
	if (!*ret->reason) {
		g_free(ret->reason);
		ret->reason = g_strdup(ret->crashed ? "the guest crashed"
				       : ret->saved ? "the machine was saved"
						    : "the guest powered off");
	}
	ok = TRUE;
finish:
	json_object_put(object);
	return ok;
}

gboolean worker_result_read(int directory, struct worker_result *ret)
{
	char text[WORKER_RESULT_MAX + 1];
	autofd int fd = -1;
	size_t size = 0;
	struct stat st;

	fd = openat(directory, WORKER_DIR_RESULT, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0 ||
	    st.st_size > (off_t)WORKER_RESULT_MAX)
		return FALSE;
	while (size < WORKER_RESULT_MAX) {
		ssize_t n = pread(fd, text + size, WORKER_RESULT_MAX - size, (off_t)size);

		if (n < 0)
			return FALSE;
		if (n == 0)
			break;
		size += (size_t)n;
	}
	text[size] = '\0';
	return worker_result_parse(text, ret);
}
