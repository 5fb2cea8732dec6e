/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loop_queue.h"

#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct loop_queue {
	pthread_mutex_t lock; /* not GLib's, which ThreadSanitizer does not see */
	GQueue calls;	      /* the links of struct loop_call */
	int fd;
	sd_event_source *source;
};

/* NULL: there is none. With the lock held, or when no other thread has the queue. */
static struct loop_call *loop_queue_pop(struct loop_queue *queue)
{
	GList *link = g_queue_pop_head_link(&queue->calls);
	struct loop_call *call;

	if (!link)
		return NULL;
	call = link->data;
	call->queued = false;
	return call;
}

/* One call a turn, so that others have theirs; the counter keeps us awake until all ran. */
static int loop_queue_run(sd_event_source *source G_GNUC_UNUSED, int fd,
			  uint32_t revents G_GNUC_UNUSED, void *userdata)
{
	struct loop_queue *queue = userdata;
	struct loop_call *call;

	pthread_mutex_lock(&queue->lock);
	call = loop_queue_pop(queue);
	if (g_queue_is_empty(&queue->calls)) {
		eventfd_t count;

		(void)!eventfd_read(fd, &count);
	}
	pthread_mutex_unlock(&queue->lock);
	if (call)
		call->run(call->context);
	return 0;
}

void loop_queue_post(struct loop_queue *queue, struct loop_call *call)
{
	pthread_mutex_lock(&queue->lock);
	if (!call->queued) {
		call->queued = true;
		call->link = (GList){.data = call};
		g_queue_push_tail_link(&queue->calls, &call->link);
		(void)!eventfd_write(queue->fd, 1); /* full only when it is awake anyway */
	}
	pthread_mutex_unlock(&queue->lock);
}

void loop_queue_take_back(struct loop_queue *queue, struct loop_call *call)
{
	pthread_mutex_lock(&queue->lock);
	if (call->queued) {
		call->queued = false;
		g_queue_unlink(&queue->calls, &call->link);
	}
	pthread_mutex_unlock(&queue->lock);
}

struct loop_queue *loop_queue_new(sd_event *event, GError **error)
{
	struct loop_queue *queue = g_new0(struct loop_queue, 1);
	int r;

	pthread_mutex_init(&queue->lock, NULL);
	g_queue_init(&queue->calls);
	queue->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = queue->fd < 0 ? -errno
			  : sd_event_add_io(event, &queue->source, queue->fd, EPOLLIN,
					    loop_queue_run, queue);
	if (r < 0) {
		g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(-r),
			    "the main loop takes no more descriptors (%s); raise the limit of open "
			    "files",
			    g_strerror(-r));
		loop_queue_free(queue);
		return NULL;
	}
	(void)sd_event_source_set_description(queue->source, "calls from I/O threads");
	return queue;
}

void loop_queue_free(struct loop_queue *queue)
{
	struct loop_call *call;

	if (!queue)
		return;
	sd_event_source_disable_unref(queue->source);
	while ((call = loop_queue_pop(queue))) {
		if (call->drop)
			call->drop(call->context);
	}
	if (queue->fd >= 0)
		close(queue->fd);
	pthread_mutex_destroy(&queue->lock);
	g_free(queue);
}
