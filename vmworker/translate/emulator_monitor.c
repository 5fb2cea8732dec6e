/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "emulator_monitor.h"

#include <json-c/json.h>
#include <libvirt/libvirt-qemu.h>
#include <libvirt/virterror.h>
#include <stdlib.h>
#include <string.h>

#include "served.h"
#include "worker_error.h"

#define WHY_MAX	     512u
#define IMAGE_NODE   "image" /* and the index of the disk */
#define LIMITED_NODE "limited"

char *emulator_monitor_why(void)
{
	virErrorPtr last = virGetLastError();

	if (!last || !last->message)
		return NULL;
	g_autofree char *cut = g_strndup(last->message, WHY_MAX);
	return g_strdelimit(g_strchomp(g_utf8_make_valid(cut, -1)), "\r\n\t", ' ');
}

gboolean emulator_monitor_command(virDomainPtr domain, const char *json, int fd, char **ret_answer,
				  GError **error)
{
	unsigned int n_out = 0;
	int *out = NULL;
	char *answer = NULL;
	int r = virDomainQemuMonitorCommandWithFiles(domain, json, fd >= 0 ? 1 : 0, &fd, &n_out,
						     &out, &answer, 0);
	g_autofree char *why = r < 0 ? emulator_monitor_why() : NULL;
	/* Answers are empty objects, or words of QEMU's own. */
	gboolean ok = r == 0 && answer && !strstr(answer, "\"error\":");

	if (!ok)
		g_set_error(error, WORKER_ERROR, WORKER_ERROR_FAILED,
			    "QEMU refused a command: %.256s; see that it is version 7.2 or later",
			    why	     ? why
			    : answer ? answer
				     : "it does not say why");
	if (ok && ret_answer)
		*ret_answer = answer;
	else
		free(answer);
	free(out);
	return ok;
}

static gboolean command(virDomainPtr domain, const char *json, int fd, GError **error)
{
	return emulator_monitor_command(domain, json, fd, NULL, error);
}

/* From now on QEMU has a duplicate by the name STEM<index>. */
static gboolean lend(virDomainPtr domain, const char *stem, size_t index, int fd, GError **error)
{
	g_autofree char *json = g_strdup_printf(
		"{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"%s%zu\"}}", stem, index);

	return command(domain, json, fd, error);
}

/* ---- images that are served ------------------------------------------------------------------ */

static const char *bool_word(bool is)
{
	return is ? "true" : "false";
}

static gboolean image_add(virDomainPtr domain, const struct engine_disk *disk, size_t index,
			  const char *place, GError **error)
{
	/* While its server is gone requests wait, and are sent again to the next. */
	g_autofree char *add = g_strdup_printf(
		"{\"execute\":\"blockdev-add\",\"arguments\":{\"driver\":\"nbd\","
		"\"node-name\":\"" IMAGE_NODE "%zu\",\"read-only\":%s,\"discard\":\"%s\","
		"\"cache\":{\"direct\":false,\"no-flush\":%s},\"reconnect-delay\":%u,"
		"\"server\":{\"type\":\"unix\",\"path\":\"%s/" VMMS_DISK_SOCKET "\"}}}",
		index, bool_word(disk->read_only), disk->discard ? "unmap" : "ignore",
		bool_word(disk->cache == ENGINE_CACHE_UNSAFE), SERVED_AWAIT_S, place,
		disk->controller, disk->lun);

	if (command(domain, add, -1, error))
		return TRUE;
	g_prefix_error(error, "the server of the image does not answer: ");
	return FALSE;
}

static gboolean limit_add(virDomainPtr domain, const struct engine_disk *disk, size_t index,
			  GError **error)
{
	g_autofree char *group = g_strdup_printf(
		"{\"execute\":\"object-add\",\"arguments\":{\"qom-type\":\"throttle-group\","
		"\"id\":\"limit%zu\",\"limits\":{\"iops-total\":%" G_GUINT64_FORMAT
		",\"bps-total\":%" G_GUINT64_FORMAT "}}}",
		index, disk->iops, disk->bandwidth);
	g_autofree char *add = g_strdup_printf(
		"{\"execute\":\"blockdev-add\",\"arguments\":{\"driver\":\"throttle\","
		"\"node-name\":\"" LIMITED_NODE "%zu\",\"throttle-group\":\"limit%zu\","
		"\"file\":\"" IMAGE_NODE "%zu\"}}",
		index, index, index);

	return command(domain, group, -1, error) && command(domain, add, -1, error);
}

void emulator_monitor_disk_id(const struct engine_disk *disk, size_t index,
			      char ret[EMULATOR_MONITOR_DISK_ID])
{
	if (disk->format == ENGINE_DISK_RAW)
		(void)g_snprintf(ret, EMULATOR_MONITOR_DISK_ID, "scsi%u-0-0-%u", disk->controller,
				 disk->lun);
	else
		(void)g_snprintf(ret, EMULATOR_MONITOR_DISK_ID, "served%zu", index);
}

static gboolean disk_add(virDomainPtr domain, const struct engine_disk *disk, size_t index,
			 const char *place, GError **error)
{
	const char *policy = disk->on_error == ENGINE_DISK_ERROR_PAUSE ? "stop" : "report";
	gboolean limited = disk->iops || disk->bandwidth;
	g_autofree char *serial =
		disk->serial ? g_strdup_printf("\"serial\":\"%s\",", disk->serial) : g_strdup("");
	char id[EMULATOR_MONITOR_DISK_ID];

	emulator_monitor_disk_id(disk, index, id);
	/* On a controller of domain_xml.c; libvirt gives "scsi0" to the one with index 0. */
	g_autofree char *add = g_strdup_printf(
		"{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"%s\","
		"\"id\":\"%s\",\"bus\":\"scsi%u.0\",\"channel\":0,\"scsi-id\":0,"
		"\"lun\":%u,%s\"drive\":\"%s%zu\",\"write-cache\":\"%s\","
		"\"rerror\":\"%s\",\"werror\":\"%s\"}}",
		disk->dvd ? "scsi-cd" : "scsi-hd", id, disk->controller, disk->lun, serial,
		limited ? LIMITED_NODE : IMAGE_NODE, index,
		disk->cache == ENGINE_CACHE_WRITETHROUGH ? "off" : "on", policy, policy);

	return image_add(domain, disk, index, place, error) &&
	       (!limited || limit_add(domain, disk, index, error)) &&
	       command(domain, add, -1, error);
}

gboolean emulator_monitor_add_disks(virDomainPtr domain, const struct engine_devices *devices,
				    const char *place, GError **error)
{
	for (size_t i = 0; i < devices->n_disks; i++) {
		const struct engine_disk *disk = &devices->disks[i];
		if (disk->format != ENGINE_DISK_RAW && !disk_add(domain, disk, i, place, error)) {
			g_prefix_error(error, "disk %s: ", disk->path);
			return FALSE;
		}
	}
	return TRUE;
}

/* "image7" or "limited7": what the device is on. */
static gboolean node_index(const char *node, size_t *ret)
{
	static const char *const stems[] = {IMAGE_NODE, LIMITED_NODE};
	guint64 index;

	for (size_t i = 0; i < G_N_ELEMENTS(stems); i++) {
		if (node && g_str_has_prefix(node, stems[i]) &&
		    g_ascii_string_to_unsigned(node + strlen(stems[i]), 10, 0, VMMS_MAX_DISKS - 1,
					       &index, NULL)) {
			*ret = (size_t)index;
			return TRUE;
		}
	}
	return FALSE;
}

static const char *text_of(json_object *object, const char *name)
{
	json_object *member = NULL;

	return json_object_object_get_ex(object, name, &member) ? json_object_get_string(member)
								: NULL;
}

gboolean emulator_monitor_read_stop(const char *details, size_t *ret_index, char **ret_why)
{
	json_object *root = json_tokener_parse(details);
	const char *action = text_of(root, "action"), *why = text_of(root, "reason");
	gboolean is =
		g_strcmp0(action, "stop") == 0 && node_index(text_of(root, "node-name"), ret_index);

	if (is)
		*ret_why = g_strdup_printf("%.160s", why ? why : "");
	json_object_put(root);
	return is;
}

/* ---- adapters -------------------------------------------------------------------------------- */

static gboolean backend_add(virDomainPtr domain, const struct engine_nic *nic, size_t index,
			    GError **error)
{
	/* passt speaks QEMU's own framing. The newer type "stream" connects in a thread that does
	 * not know the names of descriptors. */
	g_autofree char *add = g_strdup_printf(
		"{\"execute\":\"netdev_add\",\"arguments\":{\"type\":\"socket\",\"id\":\"net%zu\","
		"\"fd\":\"nicfd%zu\"}}",
		index, index);

	return lend(domain, "nicfd", index, nic->fds[0], error) && command(domain, add, -1, error);
}

static gboolean nic_add(virDomainPtr domain, const struct engine_nic *nic, size_t index,
			GError **error)
{
	const uint8_t *m = nic->mac;
	gboolean backend = nic->type == ENGINE_NIC_USER;
	g_autofree char *behind =
		backend ? g_strdup_printf("\"netdev\":\"net%zu\",", index) : g_strdup("");
	g_autofree char *add = g_strdup_printf(
		"{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"virtio-net-pci\",%s"
		"\"id\":\"nic%zu\",\"host_mtu\":%u,"
		"\"mac\":\"%02x:%02x:%02x:%02x:%02x:%02x\"}}",
		behind, index, nic->mtu, m[0], m[1], m[2], m[3], m[4], m[5]);
	g_autofree char *unplug = g_strdup_printf(
		"{\"execute\":\"set_link\",\"arguments\":{\"name\":\"nic%zu\",\"up\":false}}",
		index);

	return (!backend || backend_add(domain, nic, index, error)) &&
	       command(domain, add, -1, error) &&
	       ((nic->connected && backend) || command(domain, unplug, -1, error));
}

gboolean emulator_monitor_add_nics(virDomainPtr domain, const struct engine_devices *devices,
				   GError **error)
{
	for (size_t i = 0; i < devices->n_nics; i++) {
		if (!nic_add(domain, &devices->nics[i], i, error)) {
			g_prefix_error(error, "adapter %zu: ", i);
			return FALSE;
		}
	}
	return TRUE;
}

/* ---- life ------------------------------------------------------------------------------------ */

gboolean emulator_monitor_ping(virDomainPtr domain, GError **error)
{
	return command(domain, "{\"execute\":\"query-status\"}", -1, error);
}
