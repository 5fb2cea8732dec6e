/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel_image.h"

#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "duration.h"
#include "service_error.h"
#include "subprocess.h"

#define UNPACK_US	 SECONDS(120) /* beyond its own limit of 60 s of processor time */
#define CACHE_LIMIT	 "2147483648" /* bytes of payloads that the cache folder may hold */
#define PAYLOAD_NAME_MAX 128u
#define MEMO_MAX	 256u /* kernels remembered; beyond that all are forgotten */

struct kernel_cache {
	sd_event *event;
	char *unpack, *directory;
	GHashTable *memo;    /* identity (string) -> name of the payload, "" for an ELF; owned */
	GHashTable *running; /* identity -> struct unpacking, owned */
	GHashTable *answers; /* struct kernel_request: answered at the next turn of the loop */
};

/* One run of vmms-unpack and everybody who waits for it. */
struct unpacking {
	struct kernel_cache *cache;
	char *identity; /* key in running, owned */
	char *path;
	struct subprocess *process;
	GSList *requests; /* borrowed */
};

struct kernel_request {
	struct kernel_cache *cache;
	struct unpacking *unpacking; /* waits for it, or ... */
	sd_event_source *answer;     /* ... is answered with what follows */
	int payload_fd;
	GError *error;
	kernel_done *done;
	void *context;
};

static void unpacking_free(void *data)
{
	struct unpacking *unpacking = data;

	subprocess_cancel(unpacking->process);
	g_slist_free(unpacking->requests);
	g_free(unpacking->identity);
	g_free(unpacking->path);
	g_free(unpacking);
}

struct kernel_cache *kernel_cache_new(sd_event *event, const char *unpack, const char *directory)
{
	struct kernel_cache *cache = g_new0(struct kernel_cache, 1);

	cache->event = sd_event_ref(event);
	cache->unpack = g_strdup(unpack);
	cache->directory = g_strdup(directory);
	cache->memo = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	cache->running = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, unpacking_free);
	cache->answers = g_hash_table_new(g_direct_hash, g_direct_equal);
	return cache;
}

static void request_free(struct kernel_request *request)
{
	g_hash_table_remove(request->cache->answers, request);
	sd_event_source_disable_unref(request->answer);
	fd_close(request->payload_fd);
	g_clear_error(&request->error);
	g_free(request);
}

void kernel_cache_free(struct kernel_cache *cache)
{
	GHashTableIter iter;
	void *value;

	if (!cache)
		return;
	g_hash_table_iter_init(&iter, cache->running);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct unpacking *unpacking = value;

		for (GSList *l = unpacking->requests; l; l = l->next)
			request_free(l->data);
	}
	g_hash_table_unref(cache->running);
	for (GList *all = g_hash_table_get_keys(cache->answers); all;
	     all = g_list_delete_link(all, all))
		request_free(all->data);
	g_hash_table_unref(cache->answers);
	g_hash_table_unref(cache->memo);
	sd_event_unref(cache->event);
	g_free(cache->unpack);
	g_free(cache->directory);
	g_free(cache);
}

void kernel_request_cancel(struct kernel_request *request)
{
	struct unpacking *unpacking;

	if (!request)
		return;
	unpacking = request->unpacking;
	if (unpacking) {
		unpacking->requests = g_slist_remove(unpacking->requests, request);
		/* Nobody waits any more: spare the processor the rest. */
		if (!unpacking->requests)
			g_hash_table_remove(unpacking->cache->running, unpacking->identity);
	}
	request_free(request);
}

static void request_answer(struct kernel_request *request, int payload_fd, const GError *error)
{
	request->done(request->context, payload_fd, error);
	request_free(request);
}

static int on_answer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct kernel_request *request = userdata;

	(void)source;
	(void)usec;
	request_answer(request, fd_steal(&request->payload_fd), request->error);
	return 0;
}

/* Answers from the loop, with the payload_fd and error of the request. Accuracy 1: the default lets
 * the loop wait for a quarter of a second. */
static void request_answer_later(struct kernel_request *request)
{
	g_hash_table_add(request->cache->answers, request);
	(void)sd_event_add_time_relative(request->cache->event, &request->answer, CLOCK_MONOTONIC,
					 0, 1, on_answer, request);
}

/* An entry of the cache, marked as used just now so that it is not the next one to be removed. */
static int payload_open(const struct kernel_cache *cache, const char *name)
{
	g_autofree char *path = g_build_filename(cache->directory, name, NULL);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	(void)futimens(fd,
		       (const struct timespec[2]){{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_OMIT}});
	return fd;
}

/* The name comes from a process that has read a hostile file: a plain name, or nothing. */
static gboolean payload_name_valid(const char *name)
{
	size_t size = strlen(name);

	return size > 0 && size <= PAYLOAD_NAME_MAX && name[0] != '.' &&
	       strspn(name, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._-") ==
		       size;
}

/* The answer's "payload": "" for null; NULL when the answer is none. g_free. */
static char *answer_parse(const char *text)
{
	json_object *object = json_tokener_parse(text), *payload = NULL;
	char *name = NULL;

	if (json_object_is_type(object, json_type_object) &&
	    json_object_object_get_ex(object, "payload", &payload)) {
		if (!payload)
			name = g_strdup("");
		else if (json_object_is_type(payload, json_type_string) &&
			 payload_name_valid(json_object_get_string(payload)))
			name = g_strdup(json_object_get_string(payload));
	}
	json_object_put(object);
	return name;
}

static GError *unpack_error(const struct unpacking *unpacking,
			    const struct subprocess_result *result)
{
	g_autofree char *text = g_utf8_make_valid(result->error_text, -1);

	if (result->timed_out)
		return g_error_new(SERVICE_ERROR, SERVICE_ERROR_TIMED_OUT,
				   "kernel %s: not unpacked within %d s; the host may be "
				   "overloaded: try again",
				   unpacking->path, (int)(UNPACK_US / G_USEC_PER_SEC));
	if (result->status == 1)
		return g_error_new(SERVICE_ERROR, SERVICE_ERROR_INVALID_IMAGE, "%s%s%s",
				   strstr(text, unpacking->path) ? "" : unpacking->path,
				   strstr(text, unpacking->path) ? "" : ": ",
				   *text ? text : "not a kernel that can be booted");
	if (result->status < 0)
		return g_error_new(SERVICE_ERROR, SERVICE_ERROR_INVALID_IMAGE,
				   "kernel %s: the unpacker was killed by signal %d while it read "
				   "it; the file is probably broken",
				   unpacking->path, -result->status);
	return g_error_new(SERVICE_ERROR, SERVICE_ERROR_FAILED, "kernel %s: not unpacked: %s",
			   unpacking->path, *text ? text : "the unpacker gave no answer");
}

static void on_unpacked(void *context, const struct subprocess_result *result)
{
	struct unpacking *unpacking = context;
	struct kernel_cache *cache = unpacking->cache;
	g_autoptr(GError) error = NULL;
	g_autofree char *name = NULL;
	GSList *requests = g_steal_pointer(&unpacking->requests);
	autofd int payload = -1;

	unpacking->process = NULL;
	if (!result->timed_out && result->status == 0)
		name = answer_parse(result->output);
	if (!name)
		error = unpack_error(unpacking, result);
	else if (*name && (payload = payload_open(cache, name)) < 0)
		error = g_error_new(SERVICE_ERROR, SERVICE_ERROR_FAILED,
				    "kernel %s: its cache entry %s/%s cannot be opened: %s",
				    unpacking->path, cache->directory, name, g_strerror(-payload));
	if (!error) {
		if (g_hash_table_size(cache->memo) >= MEMO_MAX)
			g_hash_table_remove_all(cache->memo);
		g_hash_table_insert(cache->memo, g_strdup(unpacking->identity),
				    g_steal_pointer(&name));
	}
	for (; requests; requests = g_slist_delete_link(requests, requests)) {
		struct kernel_request *request = requests->data;

		request->unpacking = NULL;
		if (error)
			request->error = g_error_copy(error);
		else if (payload >= 0)
			request->payload_fd = fcntl(payload, F_DUPFD_CLOEXEC, 3);
		request_answer_later(request);
	}
	g_hash_table_remove(cache->running, unpacking->identity);
}

static struct unpacking *unpacking_start(struct kernel_cache *cache, int kernel_fd,
					 const char *identity, const char *path, GError **error)
{
	struct unpacking *unpacking = NULL;
	autofd int directory = open(cache->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *const argv[] = {cache->unpack, "--name", path, "--limit", CACHE_LIMIT, NULL};

	if (directory < 0 || lseek(kernel_fd, 0, SEEK_SET) < 0) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED,
			    "the kernel cache %s cannot be used: %s", cache->directory,
			    g_strerror(errno));
		return NULL;
	}
	unpacking = g_new0(struct unpacking, 1);
	unpacking->cache = cache;
	unpacking->identity = g_strdup(identity);
	unpacking->path = g_strdup(path);
	unpacking->process = subprocess_run(cache->event, argv, kernel_fd, directory, UNPACK_US,
					    on_unpacked, unpacking, error);
	if (!unpacking->process) {
		unpacking_free(unpacking);
		return NULL;
	}
	g_hash_table_insert(cache->running, unpacking->identity, unpacking);
	return unpacking;
}

static char *file_identity(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return g_strdup("");
	return g_strdup_printf("%" PRIx64 ":%" PRIx64 ":%" PRIx64 ":%" PRIx64 ".%lx:%" PRIx64
			       ".%lx",
			       (uint64_t)st.st_dev, (uint64_t)st.st_ino, (uint64_t)st.st_size,
			       (uint64_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
			       (uint64_t)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
}

struct kernel_request *kernel_cache_get(struct kernel_cache *cache, int kernel_fd, const char *path,
					kernel_done *done, void *context)
{
	struct kernel_request *request = g_new0(struct kernel_request, 1);
	g_autofree char *identity = file_identity(kernel_fd);
	const char *name = g_hash_table_lookup(cache->memo, identity);
	struct unpacking *unpacking;

	request->cache = cache;
	request->payload_fd = -1;
	request->done = done;
	request->context = context;
	if (name && *name) {
		int fd = payload_open(cache, name);

		/* An entry that was removed is made again. */
		request->payload_fd = MAX(fd, -1);
		if (fd < 0)
			name = NULL;
	}
	if (name) {
		request_answer_later(request);
		return request;
	}
	unpacking = g_hash_table_lookup(cache->running, identity);
	if (!unpacking)
		unpacking = unpacking_start(cache, kernel_fd, identity, path, &request->error);
	if (!unpacking) {
		request_answer_later(request);
		return request;
	}
	request->unpacking = unpacking;
	unpacking->requests = g_slist_prepend(unpacking->requests, request);
	return request;
}
