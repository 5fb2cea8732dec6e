/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest.h"

#include <string.h>
#include <unistd.h>

#include "keyboard.h"
#include "services.h"
#include "worker_error.h"

#define SHUTDOWN_ANSWER_S 10u
#define FREEZE_ANSWER_S	  60u
#define FACTS_MAX	  256u	/* that are told; a guest may say anything */
#define TEXT_MAX	  4096u /* characters at once: each is four keystrokes at most */

struct guest {
	struct guest_config config;
	struct services *services;
	struct keyboard *keyboard;
	bool can_shut_down; /* the driver is there */
	bool shutting_down; /* it was asked, and has not answered */
	bool ending;	    /* guest_free has begun */
	bool frozen;	    /* its file systems */
	enum ic_heartbeat_state heartbeat;
	struct kvp_facts *facts; /* NULL before it said any */
};

/* ---- what it says ---------------------------------------------------------------------------- */

static void guest_on_shutdown_driver(void *context, bool is)
{
	struct guest *guest = context;

	guest->can_shut_down = is;
}

/* A driver that comes or goes is no news: that is the guest booting. */
static void guest_on_heartbeat(void *context, enum ic_heartbeat_state state)
{
	struct guest *guest = context;
	const struct engine_events *events = &guest->config.events;
	bool was_lost = guest->heartbeat == IC_HEARTBEAT_LOST;

	guest->heartbeat = state;
	if (events->responding && (state == IC_HEARTBEAT_LOST) != was_lost)
		events->responding(events->context, was_lost);
}

static void guest_on_file_systems(void *context, enum ic_vss_change change)
{
	struct guest *guest = context;
	const struct engine_events *events = &guest->config.events;

	guest->frozen = change == IC_VSS_FROZEN;
	if (change == IC_VSS_OVERDUE && events->thawed)
		events->thawed(events->context);
}

static void guest_on_facts(void *context, const struct kvp_facts *facts)
{
	struct guest *guest = context;

	kvp_facts_free(guest->facts);
	guest->facts = kvp_facts_copy(facts);
}

static const char *const heartbeat_words[] = {
	[IC_HEARTBEAT_ABSENT] = "unknown",
	[IC_HEARTBEAT_OK] = "responding",
	[IC_HEARTBEAT_LOST] = "not responding",
};

static void describe_addresses(const struct kvp_facts *facts, engine_word_visit visit,
			       void *context)
{
	for (guint i = 0; i < facts->adapters->len; i++) {
		const struct kvp_adapter *adapter = facts->adapters->pdata[i];
		/* As definitions have it. */
		g_autofree char *mac = g_ascii_strdown(adapter->mac, -1);
		g_auto(GStrv) addresses = g_strsplit(adapter->addresses, ";", FACTS_MAX);

		for (char **address = addresses; *address; address++)
			if (**address)
				visit(context, "address", mac, *address);
	}
}

void guest_describe(const struct guest *guest, engine_word_visit visit, void *context)
{
	const struct kvp_facts *facts = guest ? guest->facts : NULL;

	visit(context, "guest", "state",
	      heartbeat_words[guest ? guest->heartbeat : IC_HEARTBEAT_ABSENT]);
	if (guest && guest->frozen)
		visit(context, "guest", "frozen", "yes");
	if (!facts)
		return;
	for (guint i = 0; i < facts->pairs->len && i < FACTS_MAX; i++) {
		const struct kvp_pair *pair = facts->pairs->pdata[i];

		/* The host's own pairs are no news. */
		if (pair->pool != KVP_POOL_EXTERNAL)
			visit(context, pair->pool == KVP_POOL_AUTO ? "fact" : "pair", pair->key,
			      pair->value);
	}
	describe_addresses(facts, visit, context);
}

/* ---- what a user asks ------------------------------------------------------------------------ */

static gboolean fail(GError **error, enum worker_error code, const char *message)
{
	g_set_error_literal(error, WORKER_ERROR, (gint)code, message);
	return FALSE;
}

static gboolean check(const struct guest *guest, GError **error)
{
	return guest ? TRUE
		     : fail(error, WORKER_ERROR_NOT_SUPPORTED,
			    "the guest has no VMBus; make the hypervisor visible and switch the "
			    "enlightenment synic on");
}

struct press {
	struct keyboard *keyboard;
	const GArray *strokes;
	enum keyboard_result result;
};

static void press_on_thread(void *context)
{
	struct press *press = context;

	press->result =
		keyboard_press(press->keyboard, (const struct keystroke *)press->strokes->data,
			       press->strokes->len);
}

static gboolean guest_press(struct guest *guest, const GArray *strokes, GError **error)
{
	struct press press = {.keyboard = guest->keyboard, .strokes = strokes};

	io_thread_call(guest->config.thread, press_on_thread, &press);
	switch (press.result) {
	case KEYBOARD_DONE:
		return TRUE;
	case KEYBOARD_ABSENT:
		return fail(error, WORKER_ERROR_NOT_SUPPORTED,
			    "the guest has no driver for the keyboard, or has not loaded it yet; "
			    "wait, or load hyperv-keyboard in it");
	case KEYBOARD_FULL:
		break;
	}
	return fail(error, WORKER_ERROR_BUSY,
		    "the guest has not taken what was typed before; wait and try again");
}

gboolean guest_type(struct guest *guest, const char *text, bool keys, GError **error)
{
	g_autoptr(GError) local = NULL;
	g_autoptr(GArray) strokes = NULL;

	if (!check(guest, error))
		return FALSE;
	if (strlen(text) > TEXT_MAX)
		return fail(error, WORKER_ERROR_INVALID_ARGUMENT,
			    "the text has more than 4096 bytes; type it in parts");
	strokes = keys ? scan_code_of_combination(text, &local) : scan_code_of_text(text, &local);
	if (!strokes)
		return fail(error, WORKER_ERROR_INVALID_ARGUMENT, local->message);
	return guest_press(guest, strokes, error);
}

/* A services_done. What it agreed to is seen by its end. */
static void guest_on_shutdown(void *context, int result)
{
	static const char *const faults[] = {
		[IC_SHUTDOWN_ACCEPTED] = NULL,
		[IC_SHUTDOWN_REFUSED] = "the guest refused to shut down",
		[IC_SHUTDOWN_UNANSWERED] = "the guest did not answer that it shuts down",
		[IC_SHUTDOWN_UNSUPPORTED] = "the guest's driver knows no shutdown",
		[IC_SHUTDOWN_ABSENT] = "the guest's driver for shutdowns is gone",
		[IC_SHUTDOWN_BUSY] = "the guest has not answered an earlier request",
		[IC_SHUTDOWN_GONE] = "the guest's driver for shutdowns is gone",
	};
	struct guest *guest = context;
	const struct engine_events *events = &guest->config.events;
	const char *fault = faults[result];

	guest->shutting_down = false;
	/* The machine of a guest that goes has been reset, or ends. */
	if (!fault || guest->ending)
		return;
	guest->config.press_button(guest->config.button);
	if (events->button_pressed)
		events->button_pressed(events->context, fault);
}

bool guest_shutdown(struct guest *guest)
{
	if (!guest)
		return false;
	/* What ends in it writes to its disks. */
	if (guest->frozen)
		services_thaw(guest->services, NULL, NULL);
	if (!guest->can_shut_down)
		return false;
	if (!guest->shutting_down)
		services_shutdown(guest->services, IC_SHUTDOWN_POWER_OFF, true, NULL,
				  SHUTDOWN_ANSWER_S * IC_SECOND, guest_on_shutdown, guest);
	guest->shutting_down = true;
	return true;
}

void guest_set_paused(struct guest *guest, bool paused)
{
	if (guest)
		services_set_paused(guest->services, paused);
}

void guest_sync_time(struct guest *guest)
{
	if (guest)
		services_sync_time(guest->services);
}

gboolean guest_may_save(struct guest *guest, GError **error)
{
	if (!guest || !services_is_frozen(guest->services))
		return TRUE;
	return fail(error, WORKER_ERROR_WRONG_STATE,
		    "the guest's file systems are frozen, and nobody would thaw them afterwards; "
		    "thaw them (hvctl thaw) and save the VM then");
}

/* ---- what the guest answers ------------------------------------------------------------------ */

/* Of every service: the results as errors. A NULL message is success. */
struct verdict_row {
	enum worker_error code;
	const char *message;
};

struct guest_request {
	struct engine_request request;
	struct engine_copy copy;
	const struct verdict_row *verdicts;
};

static const struct verdict_row kvp_verdicts[] = {
	[IC_KVP_DONE] = {0},
	[IC_KVP_REFUSED] = {WORKER_ERROR_NOT_SUPPORTED,
			    "the guest refused the pair; see that hv_kvp_daemon runs in it, and, "
			    "to delete it, that it is there"},
	[IC_KVP_UNANSWERED] = {WORKER_ERROR_TIMED_OUT,
			       "the guest did not answer in time; see that hv_kvp_daemon runs"},
	[IC_KVP_TOO_LONG] = {WORKER_ERROR_INVALID_ARGUMENT,
			     "the key is empty or has more than 255 characters, or the value more "
			     "than 1023; give shorter ones"},
	[IC_KVP_BUSY] = {WORKER_ERROR_BUSY, "too many pairs wait for the guest; try again later"},
	[IC_KVP_ABSENT] = {WORKER_ERROR_NOT_SUPPORTED,
			   "the guest has no driver for key-value pairs, or has not loaded it yet; "
			   "wait, or load hv_utils in it"},
	[IC_KVP_GONE] = {WORKER_ERROR_FAILED, "the guest restarted before it answered; try again"},
};

static const struct verdict_row copy_verdicts[] = {
	[IC_FCOPY_DONE] = {0},
	[IC_FCOPY_REFUSED] = {WORKER_ERROR_NOT_SUPPORTED,
			      "the guest refused the file; see that hv_fcopy_daemon runs in it and "
			      "that the folder is there"},
	[IC_FCOPY_EXISTS] = {WORKER_ERROR_FAILED,
			     "the guest has that file already; replace it with --force"},
	[IC_FCOPY_DISK_FULL] = {WORKER_ERROR_FAILED, "the guest's disk is full; make room in it"},
	[IC_FCOPY_UNANSWERED] = {WORKER_ERROR_TIMED_OUT,
				 "the guest did not answer in time; see that hv_fcopy_daemon runs"},
	[IC_FCOPY_BAD_PATH] = {WORKER_ERROR_INVALID_ARGUMENT,
			       "the path in the guest is not one; give an absolute one with the "
			       "file's name"},
	[IC_FCOPY_BAD_SOURCE] =
		{WORKER_ERROR_FAILED,
		 "the file to copy cannot be read, or is no regular file, or became "
		 "shorter; try again"},
	[IC_FCOPY_CANCELLED] = {WORKER_ERROR_CANCELED, "the copy was canceled"},
	[IC_FCOPY_BUSY] = {WORKER_ERROR_BUSY, "another copy is under way; wait for it"},
	[IC_FCOPY_ABSENT] = {WORKER_ERROR_NOT_SUPPORTED,
			     "the guest has no driver for copies, or has not loaded it yet; wait, "
			     "or load hv_utils in it"},
	[IC_FCOPY_GONE] = {WORKER_ERROR_FAILED,
			   "the guest restarted before the copy was done; copy again"},
};

static const struct verdict_row vss_verdicts[] = {
	[IC_VSS_DONE] = {0},
	[IC_VSS_REFUSED] = {WORKER_ERROR_NOT_SUPPORTED,
			    "the guest refused to freeze or thaw its file systems; see that "
			    "hv_vss_daemon runs in it, and its log"},
	[IC_VSS_UNANSWERED] = {WORKER_ERROR_TIMED_OUT,
			       "the guest did not freeze or thaw its file systems in time, and is "
			       "told to thaw them; see that hv_vss_daemon runs"},
	[IC_VSS_EXPIRED] = {WORKER_ERROR_FAILED,
			    "the file systems did not stay frozen until now: they were thawed when "
			    "their time had passed; freeze them for longer"},
	[IC_VSS_STATE] = {WORKER_ERROR_WRONG_STATE,
			  "the guest's file systems are frozen already, or are not frozen, or "
			  "another freeze or thaw is under way"},
	[IC_VSS_ABSENT] = {WORKER_ERROR_NOT_SUPPORTED,
			   "the guest has no driver for backups, or has not loaded it yet; wait, "
			   "or load hv_utils in it"},
	[IC_VSS_GONE] = {WORKER_ERROR_FAILED,
			 "the guest restarted before it answered; its file systems are not frozen"},
};

#define SHUTDOWN_BUSY_ROW                                                                     \
	{                                                                                     \
		WORKER_ERROR_BUSY, "the guest has not answered an earlier request; wait for " \
				   "10 seconds and try again"                                 \
	}

static const struct verdict_row reboot_verdicts[] = {
	[IC_SHUTDOWN_ACCEPTED] = {0},
	[IC_SHUTDOWN_REFUSED] = {WORKER_ERROR_NOT_SUPPORTED,
				 "the guest refused to restart; restart it from within, or use "
				 "hvctl reset"},
	[IC_SHUTDOWN_UNANSWERED] = {WORKER_ERROR_TIMED_OUT,
				    "the guest did not answer in time, its kernel may hang; use "
				    "hvctl reset"},
	[IC_SHUTDOWN_UNSUPPORTED] = {WORKER_ERROR_NOT_SUPPORTED,
				     "the guest's driver is too old to be asked to restart; press "
				     "Ctrl-Alt-Del (hvctl type), or use hvctl reset"},
	[IC_SHUTDOWN_ABSENT] = {WORKER_ERROR_NOT_SUPPORTED,
				"the guest has no driver for shutdowns, or has not loaded it yet; "
				"load hv_utils in it, press Ctrl-Alt-Del (hvctl type), or use "
				"hvctl reset"},
	[IC_SHUTDOWN_BUSY] = SHUTDOWN_BUSY_ROW,
	[IC_SHUTDOWN_GONE] = {WORKER_ERROR_FAILED,
			      "the guest's driver was gone before it answered; see whether the "
			      "guest restarts, and try again"},
};

static const struct verdict_row hibernate_verdicts[] = {
	[IC_SHUTDOWN_ACCEPTED] = {0},
	[IC_SHUTDOWN_REFUSED] = {WORKER_ERROR_NOT_SUPPORTED,
				 "the guest cannot hibernate; use hvctl save instead"},
	[IC_SHUTDOWN_UNANSWERED] = {WORKER_ERROR_TIMED_OUT,
				    "the guest did not answer in time, its kernel may hang; use "
				    "hvctl save instead"},
	[IC_SHUTDOWN_UNSUPPORTED] = {WORKER_ERROR_NOT_SUPPORTED,
				     "the guest's driver is too old to be asked to hibernate; use "
				     "hvctl save instead"},
	[IC_SHUTDOWN_ABSENT] = {WORKER_ERROR_NOT_SUPPORTED,
				"the guest has no driver for shutdowns, or has not loaded it yet; "
				"load hv_utils in it, or use hvctl save instead"},
	[IC_SHUTDOWN_BUSY] = SHUTDOWN_BUSY_ROW,
	[IC_SHUTDOWN_GONE] = {WORKER_ERROR_FAILED,
			      "the guest's driver was gone before it answered; try again"},
};

/* A services_done. */
static void guest_answered(void *context, int result)
{
	struct guest_request *request = context;
	const struct verdict_row *row = &request->verdicts[result];
	g_autoptr(GError) error = NULL;

	if (row->message)
		g_set_error_literal(&error, WORKER_ERROR, (gint)row->code, row->message);
	request->request.done(request->request.context, error);
	g_free(request);
}

static struct guest_request *request_new(const struct engine_request *request,
					 const struct verdict_row *verdicts)
{
	struct guest_request *copy = g_new0(struct guest_request, 1);

	copy->request = *request;
	copy->verdicts = verdicts;
	return copy;
}

gboolean guest_set_pair(struct guest *guest, const char *key, const char *value,
			const struct engine_request *request, GError **error)
{
	if (!check(guest, error))
		return FALSE;
	services_set_pair(guest->services, key, value, guest_answered,
			  request_new(request, kvp_verdicts));
	return TRUE;
}

static void guest_copied(void *context, uint64_t copied, uint64_t size)
{
	const struct guest_request *request = context;

	request->copy.progress(request->request.context, copied, size);
}

gboolean guest_copy(struct guest *guest, const struct engine_copy *copy, GError **error)
{
	const char *fault = ic_fcopy_path_fault(copy->path);
	struct guest_request *request;

	if (!check(guest, error)) {
		close(copy->fd);
		return FALSE;
	}
	if (fault) {
		close(copy->fd);
		g_set_error(error, WORKER_ERROR, WORKER_ERROR_INVALID_ARGUMENT,
			    "the path in the guest cannot be used: %s", fault);
		return FALSE;
	}
	request = request_new(&copy->request, copy_verdicts);
	request->copy = *copy;
	services_copy(guest->services, copy->fd, copy->path,
		      copy->overwrite ? IC_FCOPY_OVERWRITE : 0, guest_copied, guest_answered,
		      request);
	return TRUE;
}

void guest_cancel_copy(struct guest *guest)
{
	if (guest)
		services_cancel_copy(guest->services);
}

gboolean guest_freeze(struct guest *guest, uint64_t hold_us, const struct engine_request *request,
		      GError **error)
{
	if (!check(guest, error))
		return FALSE;
	services_freeze(guest->services, FREEZE_ANSWER_S * IC_SECOND, hold_us * 1000,
			guest_answered, request_new(request, vss_verdicts));
	return TRUE;
}

gboolean guest_thaw(struct guest *guest, const struct engine_request *request, GError **error)
{
	if (!check(guest, error))
		return FALSE;
	services_thaw(guest->services, guest_answered, request_new(request, vss_verdicts));
	return TRUE;
}

static gboolean guest_ask(struct guest *guest, enum ic_shutdown_kind kind,
			  const struct verdict_row *verdicts, const struct engine_request *request,
			  GError **error)
{
	if (!check(guest, error))
		return FALSE;
	/* What ends in it writes to its disks; but it may refuse, and be left frozen as it was. */
	if (guest->frozen)
		return fail(error, WORKER_ERROR_WRONG_STATE,
			    "the guest's file systems are frozen, so that it cannot end its "
			    "programs; thaw them (hvctl thaw) first");
	services_shutdown(guest->services, kind, true, NULL, SHUTDOWN_ANSWER_S * IC_SECOND,
			  guest_answered, request_new(request, verdicts));
	return TRUE;
}

gboolean guest_reboot(struct guest *guest, const struct engine_request *request, GError **error)
{
	return guest_ask(guest, IC_SHUTDOWN_REBOOT, reboot_verdicts, request, error);
}

gboolean guest_hibernate(struct guest *guest, const struct engine_request *request, GError **error)
{
	return guest_ask(guest, IC_SHUTDOWN_HIBERNATE, hibernate_verdicts, request, error);
}

/* ---- birth and death ------------------------------------------------------------------------- */

static uint64_t guest_monotonic(void *context)
{
	const struct ic_clock *clock = context;

	return clock->monotonic_ns(clock->context);
}

void guest_set_adapters(struct guest *guest, const uint8_t (*macs)[6], unsigned int n)
{
	services_set_adapters(guest->services, macs, n);
}

struct guest *guest_new(const struct guest_config *config, GError **error)
{
	struct guest *guest = g_new0(struct guest, 1);
	const struct services_config services = {
		.bus = config->bus,
		.thread = config->thread,
		.event = config->event,
		.clock = config->clock,
		.offered = SERVICES_ALL,
		.events = {.shutdown_available = guest_on_shutdown_driver,
			   .heartbeat = guest_on_heartbeat,
			   .facts = guest_on_facts,
			   .file_systems = guest_on_file_systems,
			   .context = guest},
	};
	const struct keyboard_config keyboard = {.bus = config->bus,
						 .thread = config->thread,
						 .monotonic_ns = guest_monotonic,
						 .context = (void *)config->clock};

	guest->config = *config;
	guest->services = services_new(&services, error);
	if (guest->services)
		guest->keyboard = keyboard_new(&keyboard, error);
	if (!guest->keyboard) {
		guest_free(guest);
		return NULL;
	}
	return guest;
}

void guest_free(struct guest *guest)
{
	if (!guest)
		return;
	guest->ending = true;
	keyboard_free(guest->keyboard);
	services_free(guest->services);
	kvp_facts_free(guest->facts);
	g_free(guest);
}
